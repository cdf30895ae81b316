# The admin API's keys: added, imported, changed and removed while nginx runs,
# on every worker at once, over a reload and the death of a worker.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    first => 'AIzaSyAdminKeysTestAAAAAAAAAAAAAAAAAAAA',
    second => 'admin-keys-test-second-27182818284590',
    late => 'AQ.AdminKeysTestBBBBBBBBBBBBBBBBBBBBBBB',
    later => 'admin-keys-test-later-3141592653589793',
    map({ $_ => "admin-keys-import-$_-161803398874989" } 1 .. 4),
);
my %name = reverse %secret;
my $admin = 'sk-admin-keys-root-0001';
my $model = 'gemini-2.5-flash';

$t->secrets(values %secret, $admin);

# "gate NAME": the answer waits there after its head.
my $up = $t->upstream(sub {
    my ($request) = @_;

    return reply('hello') unless $request->{body} =~ /"gate (\w+)"/;

    my $event = 'data: {"candidates":[{"content":{"parts":[{"text":"%s"}],'
        . '"role":"model"}%s}],"usageMetadata":{"promptTokenCount":77}}'
        . "\r\n\r\n";

    return [[send => "HTTP/1.1 200 OK\r\nConnection: close\r\n"
        . "Content-Type: text/event-stream\r\n\r\n"
        . sprintf($event, 'begin', '')], [gate => $1],
        [send => sprintf $event, 'end', ',"finishReason":"STOP"'],
        [close => ()]];
});

$t->write_file('secret', 'an-operator-keeps-this-one-to-himself');
mkdir $t->dir . '/state';

# reuseport: the kernel spreads connections over both workers.
sub conf {
    my (%o) = @_;

    my $state = $o{state} ? 'state %%DIR%%/state/main;' : '';
    my $sealed = $o{sealed} ? 'gemini_secret %%DIR%%/secret;' : '';
    my $more = $o{more} // '';

    return <<"EOC";
    $sealed
    gemini_keys main {
        key $secret{first} name=first;
        $more
        balance round_robin;
        tries 1;
        $state
    }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%% reuseport;
        location /v1/ { gemini_pass main; gemini_auth off;
            add_header X-Worker \$pid always;
            add_header X-Key \$gemini_key always; }
        location /gemini/ { gemini_admin main; gemini_auth admins;
            add_header X-Worker \$pid always; }
    }
EOC
}

sub admin {
    my ($method, $path, $body, %o) = @_;

    return $t->request($method, "/gemini/api/$path", $body, token => $admin,
        %o);
}

sub said {
    my ($r) = @_;

    return join ' ', $r->{status}, map { $_ // '-' }
        @{ $r->{json}{error} // {} }{qw(code param)};
}

sub ask {
    return $t->post('/v1/chat/completions', { model => $model,
        messages => [{ role => 'user', content => 'hi' }] });
}

# What the first requests after something were answered, until each worker
# has answered `rounds` of them: "STATUS KEY" without repetition.
sub outcomes {
    my ($rounds) = @_;

    my %worker = map { $_ => 0 } $t->workers;
    my %outcomes;

    for (1 .. 500) {
        my $r = ask();

        $worker{ $r->{headers}{'x-worker'} }++;
        $outcomes{"$r->{status} " . ($r->{headers}{'x-key'} // '')} = 1;
        last if !grep { $_ < ($rounds // 4) } values %worker;
    }

    die "no request came to a worker\n" if grep { !$_ } values %worker;

    return join ', ', sort map { s/ \z//r } keys %outcomes;
}

sub key_of {
    my ($name) = @_;

    my ($key) = grep { $_->{name} eq $name }
        @{ admin('GET', 'status')->{json}{keys} };

    return $key;
}

sub flags {
    my ($key) = @_;

    return 'none' unless $key;
    return join ' ', $key->{name}, $key->{weight}, $key->{state},
        $key->{added} ? 'added' : 'configured';
}

$t->start(conf());

# ---- out of use, and back

is(outcomes(), '200 first', 'the configured key serves on both workers');

my $r = admin('PATCH', 'keys/first', { enabled => \0 });
is("$r->{status} " . flags($r->{json}), '200 first 1 disabled configured',
    'a key is taken out of use');
is(outcomes(), '503', 'at once, on both workers');
$r = admin('PATCH', 'keys/first', { enabled => \1 });
is("$r->{status} " . flags($r->{json}), '200 first 1 ok configured',
    'and brought back');
is(outcomes(), '200 first', 'at once');
like($t->error_log, qr/\[notice\].*client "root" disables key "first"/,
    'the log says who did it');

# ---- a key is added

admin('PATCH', 'keys/first', { enabled => \0 });
$r = admin('POST', 'keys', { key => $secret{late}, name => 'late',
    weight => 3, project => 'beta' });
is("$r->{status} " . flags($r->{json}), '201 late 3 ok added',
    'a key is added');
is($r->{json}{project}, 'beta', 'with a project');
like($r->{json}{id}, qr/\A[0-9a-f]{16}\z/, 'it has an id');
is(outcomes(), '200 late', 'both workers use it at once');

my %asked = map { $_->{key} => 1 } ($up->seen)[-4 .. -1];
is(join(' ', map { $name{$_} } keys %asked), 'late', 'upstream saw it');
like($t->error_log, qr/\[notice\].*client "root" adds key "late"/,
    'the log says so, by its name');

admin('PATCH', 'keys/first', { enabled => \1 });
is(outcomes(8), '200 first, 200 late', 'together with the others');

# ---- what is there already

is(said(admin('POST', 'keys', { key => $secret{late} })),
    '409 key_exists key', 'a key that was added is a conflict');
is(said(admin('POST', 'keys', { key => $secret{first}, name => 'new' })),
    '409 key_exists key', 'and one of the configuration');
is(said(admin('POST', 'keys', { key => $secret{later}, name => 'first' })),
    '409 name_taken name', 'and a name');

$r = admin('POST', 'keys', { key => $secret{later} });
is($r->{status}, 201, 'a name is not needed');
unlike($r->{json}{name}, qr/\A\Q$secret{later}\E/, 'it is masked then');
my $later = $r->{json}{id};

# ---- names and weights

$r = admin('PATCH', "keys/$later", { name => 'later', weight => 7 });
is("$r->{status} " . flags($r->{json}), '200 later 7 ok added',
    'a name and a weight');
is(flags(key_of('later')), 'later 7 ok added', 'stay');
$r = admin('PATCH', 'keys/first', { name => 'renamed', weight => 2 });
is("$r->{status} " . flags($r->{json}), '200 renamed 2 ok configured',
    "those of a configured key can be changed");
is(said(admin('PATCH', 'keys/renamed', { name => 'later' })),
    '409 name_taken name', 'not to a name that another has');
$r = admin('PATCH', 'keys/renamed', { name => undef, weight => undef });
is("$r->{status} " . flags($r->{json}), '200 first 1 ok configured',
    'null is what was configured');
$r = admin('PATCH', 'keys/late', { weight => undef });
is(flags($r->{json}), 'late 1 ok added', 'or the default');
$r = admin('PATCH', 'keys/late', { name => 'late' });
is($r->{status}, 200, 'a key may keep its name');
is(said(admin('PATCH', 'keys/late', {})), '400 - -',
    'a change of nothing is none');

# ---- what a key is called

is(admin('PATCH', "keys/$_->[0]", { weight => 1 })->{status}, $_->[1],
    "$_->[2]: $_->[1]") for
    [$later, 200, 'the id'], ['later', 200, 'the name'],
    ['AQ.Admin', 200, 'the beginning of the key'],
    ['admin-keys-test-l', 200, 'as much of it as is needed'],
    ['AQ.', 404, 'less than four characters'],
    ['unknown', 404, 'nothing at all'], ['0000000000000000', 404, 'no id'];

$r = admin('POST', 'keys', { key => $secret{second}, name => 'second' });
is($r->{status}, 201, 'another key');
is(said(admin('PATCH', 'keys/admin-keys-test-', { weight => 1 })),
    '409 ambiguous_key -', 'what two keys begin with is ambiguous');
is(said(admin('POST', 'keys/admin-keys-test-/reset')),
    '409 ambiguous_key -', 'to all calls');
is(said(admin('DELETE', 'keys/admin-keys-test-')), '409 ambiguous_key -',
    'and nothing is removed');
is(flags(key_of('second')), 'second 1 ok added', 'of either');

# ---- bad members

for my $case (
    [{}, 'key', 'a key must be given'],
    [{ key => '' }, 'key', 'it may not be empty'],
    [{ key => 7 }, 'key', 'it is text'],
    [{ key => 'with a blank in it, at length' }, 'key', 'without blanks'],
    [{ key => "b\x{e4}d-b\x{e4}d-b\x{e4}d-key" }, 'key', 'in ASCII'],
    [{ key => 'x' x 513 }, 'key', 'of a bounded length'],
    [{ key => 'env:GEMINI_API_KEYS' }, 'key', 'not from the environment'],
    [{ key => 'x' x 30, name => '' }, 'name', 'an empty name'],
    [{ key => 'x' x 30, name => 'n' x 65 }, 'name', 'a long name'],
    [{ key => 'x' x 30, name => "a\nb" }, 'name', 'a name of two lines'],
    [{ key => 'x' x 30, name => 'x' x 30 }, 'name', 'a key for a name'],
    [{ key => 'x' x 30, name => [] }, 'name', 'a list for a name'],
    [{ key => 'x' x 30, weight => 0 }, 'weight', 'no weight'],
    [{ key => 'x' x 30, weight => 1001 }, 'weight', 'too much weight'],
    [{ key => 'x' x 30, weight => 1.5 }, 'weight', 'half a weight'],
    [{ key => 'x' x 30, weight => '2' }, 'weight', 'a weight as text'],
    [{ key => 'x' x 30, nmae => 'a' }, 'nmae', 'a misspelt member'],
) {
    my ($body, $param, $what) = @$case;

    is(said(admin('POST', 'keys', $body)), "400 invalid_value $param", $what);
}

for my $case (
    [{ enabled => 'no' }, 'enabled', 'enabled is true or false'],
    [{ weight => 0 }, 'weight', 'a weight is at least one'],
    [{ name => '' }, 'name', 'a name is not empty'],
    [{ name => $secret{late} }, 'name', 'nor a key'],
    [{ key => 'x' x 30 }, 'key', 'the key itself stays'],
    [{ project => 'gamma' }, 'project', 'and its project'],
) {
    my ($body, $param, $what) = @$case;

    is(said(admin('PATCH', 'keys/late', $body)),
        "400 invalid_value $param", $what);
}

is(scalar @{ admin('GET', 'status')->{json}{keys} }, 4,
    'none of these is in the pool');

# ---- many at once

my $long = 'x' x 600;
my $text = <<"EOT";
# from the team
$secret{1} name=imported-1 weight=5 project=beta
   $secret{2}   # the second\r

$secret{late}
$secret{3} name=first
$secret{4} weight=0
$secret{4} models=gemini-*
$long
$secret{1}
$secret{3}
EOT

$r = admin('POST', 'keys/import', $text,
    headers => { 'Content-Type' => 'text/plain' });
is($r->{status}, 200, 'a text of keys is taken');
is("$r->{json}{added} $r->{json}{known}", '3 2', 'good and known lines');
is(join(' ', map { $_->{line} } @{ $r->{json}{refused} }), '6 7 8 9',
    'what is wrong has its number');
is(scalar(grep { $_->{problem} } @{ $r->{json}{refused} }), 4,
    'and a reason');
unlike($r->{body}, qr/import-\d-1618/, 'without the key');
is(flags(key_of('imported-1')), 'imported-1 5 ok added', 'options hold');
is(scalar @{ admin('GET', 'status')->{json}{keys} }, 7, 'all are there');

$r = admin('POST', 'keys/import', $text);
is("$r->{status} $r->{json}{added} $r->{json}{known}", '200 0 6',
    'the same again adds nothing');
$r = admin('POST', 'keys/import', "# nothing\n\n");
is("$r->{status} $r->{json}{added}", '200 0', 'an empty text is one');

# ---- removed

$r = admin('DELETE', 'keys/imported-1');
is("$r->{status} <$r->{body}>", '204 <>', 'an added key is removed');
is(admin('DELETE', "keys/$_->{id}")->{status}, 204, 'by id too')
    for grep { $_->{added} && $_->{name} !~ /\A(?:late|later|second)\z/ }
        @{ admin('GET', 'status')->{json}{keys} };
is(admin('DELETE', 'keys/imported-1')->{status}, 404,
    'then it is not there');
is(said(admin('DELETE', 'keys/first')), '409 key_configured -',
    'what is configured stays');
is(flags(key_of('first')), 'first 1 ok configured', 'as it was');

admin('PATCH', "keys/$_", { enabled => \0 }) for qw(first second later);
is(outcomes(), '200 late', 'one key is left');
is(admin('DELETE', 'keys/late')->{status}, 204, 'when it is removed');
is(outcomes(), '503', 'both workers leave it alone at once');
is(admin('POST', 'keys', { key => $secret{late}, name => 'again' })
    ->{status}, 201, 'it may be added again');
is(outcomes(), '200 again', 'and serves');

# ---- removed with a request under way

my $s = $t->stream('POST', '/v1/chat/completions', { model => $model,
    stream => \1, messages => [{ role => 'user', content => 'gate open' }] });
like($s->next_event(10)->{data} // '', qr/role|begin/, 'an answer begins');
is(admin('DELETE', 'keys/again')->{status}, 204, 'its key is removed');
is(admin('POST', 'keys', { key => "passing-by-$_-2718281828" })->{status},
    201, 'others come') for 1 .. 3;
$up->open_gate('open');
like(join('', map { $_->{data} } $s->events), qr/end.*"stop".*\[DONE\]\z/s,
    'the answer goes on to its end');
is(scalar(grep { $_->{name} =~ /\Apass/ && ($_->{in_flight}
    || $_->{requests}) } @{ admin('GET', 'status')->{json}{keys} }), 0,
    'and counts for nobody else');
is(admin('DELETE', "keys/passing-by-$_-")->{status}, 204, 'they go')
    for 1 .. 3;

my $called = "te\x{e4}m a";
utf8::encode(my $path = $called);
$path =~ s/([^a-z])/sprintf '%%%02X', ord $1/ge;
is(admin('POST', 'keys', { key => $secret{late}, name => $called })
    ->{status}, 201, 'a name in any language');
is(admin('PATCH', "keys/$path", { name => 'again' })->{status}, 200,
    'is found, and given up');

# ---- over a reload, and the death of workers

ok($t->reload(conf()), 'a reload');
is(outcomes(), '200 again', 'keeps what was added and what was disabled');
is(flags(key_of('again')), 'again 1 ok added', 'as it was');
$t->kill_worker($_) for $t->workers;
is(outcomes(), '200 again', 'and so do new workers');

ok($t->reload(conf(more => "key $secret{late} name=mine weight=4;")),
    'when the configuration gets the key');
$r = admin('PATCH', 'keys/mine', { enabled => \1 });
is(flags($r->{json}), 'mine 4 ok configured', 'it counts as configured')
    or diag(explain(admin('GET', 'status')->{json}{keys}));
is(outcomes(), '200 mine', 'and serves');

# ---- where keys are kept outside of memory

ok($t->reload(conf(state => 1)), 'a pool with a state file');
is(said(admin('POST', 'keys', { key => $secret{4} })), '409 no_secret -',
    'takes no key without gemini_secret');
is(said(admin('POST', 'keys/import', $secret{4})), '409 no_secret -',
    'not by import either');
is(admin('PATCH', 'keys/first', { enabled => \1 })->{status}, 200,
    'other changes need none');

# A worker without the secret lives on for a while.
$s = $t->stream('POST', '/v1/chat/completions', { model => $model,
    stream => \1, messages => [{ role => 'user', content => 'gate old' }] });
$s->next_event(10);
my @old = $t->workers;
ok($t->reload(conf(state => 1, sealed => 1)), 'with gemini_secret');
is(admin('POST', 'keys', { key => $secret{4}, name => 'sealed' })->{status},
    201, 'it does');
admin('PATCH', 'keys/first', { enabled => \0 });
ok($t->wait_for(sub {
    open my $file, '<', $t->dir . '/state/main' or return;
    return grep { /^key \w+ \d+ a / } <$file>;
}), 'and keeps it');
$up->open_gate('old');
ok($s->complete, 'the last answer of the old workers ends');
$t->wait_for(sub { !grep { -d "/proc/$_" } @old });
is($t->stop, 0, 'nginx stops');
$t->start(conf(state => 1, sealed => 1));
is(flags(key_of('sealed')), 'sealed 1 ok added',
    'the key is there after a start');
is(flags(key_of('first')), 'first 1 disabled configured',
    'what was disabled still is');

$t->done;
