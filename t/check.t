# POST api/keys/ID/check and api/check: keys are checked against upstream now.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $t = GeminiTest->new(has => ['http_ssl_module']);
my %secret = map { $_ => "check-test-key-$_-2449489742783" }
    qw(good bad slow);
my $admin = 'sk-admin-check-root-0001';

$t->secrets(values %secret, $admin);

# Each key does what its file says.
$t->write_file($_, 'ok') for keys %secret;

my %name = reverse %secret;
my $dir = $t->dir;

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $name = $name{ $request->{key} };
    open my $file, '<', "$dir/$name" or die "$dir/$name: $!\n";
    my $does = <$file>;

    return json_reply({ models => [{ name => 'models/m' }] })
        if $does eq 'ok';
    return error(403, 'PERMISSION_DENIED', message =>
        "The key $request->{key} was reported as leaked")
        if $does eq 'leaked';
    return [[gate => $1], [close => ()]] if $does =~ /\Agate (\w+)/;
    return [[wait_close => ()]] if $does eq 'stall';
    return [[rst => ()]] if $does eq 'rst';
    return { status => 401, body => 'x' x 100_000 } if $does eq 'huge';
    return error(503, 'UNAVAILABLE');
});

my ($crt, $crt_key) = $t->certificate('localhost');

sub conf {
    my ($more) = @_;

    my $keys = join ' ', map { "key $secret{$_} name=$_;" } sort keys %secret;

    return <<"EOC";
    gemini_keys main { $keys probe interval=1h timeout=3s concurrency=2; }
    gemini_keys lonely { key lonely-key-1234567890; }
    gemini_keys safe { key $secret{good} name=good; }
    gemini_keys unsafe { key $secret{good} name=good; }
    gemini_keys lax { key $secret{good} name=good; }
    gemini_keys other { key $secret{good} name=good; }
    gemini_keys closed { key $secret{good} name=good; }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_auth admins;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_upstream http://%%$up%%; }
        location /gemini/ { gemini_admin main; }
        location /lonely/ { gemini_admin lonely; }
        location /safe/ { gemini_admin safe; }
        location /unsafe/ { gemini_admin unsafe; }
        location /lax/ { gemini_admin lax; }
        location /other/ { gemini_admin other; }
        location /closed/ { gemini_admin closed; }
        location /safe/v1/ { gemini_pass safe;
            gemini_upstream https://localhost:@{[ $t->port('_2') ]};
            gemini_ssl_trusted_certificate $crt; }
        location /unsafe/v1/ { gemini_pass unsafe;
            gemini_upstream https://localhost:@{[ $t->port('_2') ]}/x; }
        location /lax/v1/ { gemini_pass lax;
            gemini_upstream https://127.0.0.1:@{[ $t->port('_2') ]};
            gemini_ssl_verify off; }
        location /other/v1/ { gemini_pass other;
            gemini_upstream https://127.0.0.1:@{[ $t->port('_2') ]};
            gemini_ssl_trusted_certificate $crt; }
        location /closed/v1/ { gemini_pass closed;
            gemini_upstream http://127.0.0.1:1; }
    }
    server {
        listen %%PORT_2%% ssl;
        server_name localhost;
        ssl_certificate $crt;
        ssl_certificate_key $crt_key;
        location / { proxy_pass http://%%$up%%; }
    }
EOC
}

sub call {
    my ($path, %o) = @_;

    return $t->request($o{method} || 'POST', $path, undef, token => $admin);
}

sub check {
    my ($key) = @_;

    return call("/gemini/api/keys/$key/check");
}

sub state_of {
    my ($name) = @_;

    my $keys = call('/gemini/api/status', method => 'GET')->{json}{keys};

    return (map { $_->{state} } grep { $_->{name} eq $name } @$keys)[0];
}

$t->start(conf());

# ---- one key

my $r = check('good');
my $said = $r->{json};

is($r->{status}, 200, 'a key is checked');
ok($said->{ok}, 'it lives');
is("$said->{key} $said->{status}", 'good 200', 'with its name and status');
like($said->{took_ms}, qr/\A\d+\z/, 'and what it took');
is($r->{headers}{'cache-control'}, 'no-store', 'nobody keeps the answer');

$t->write_file(bad => 'leaked');
$said = check('bad')->{json};

ok(!$said->{ok}, 'a key is refused');
is("$said->{status} $said->{reason}", '403 PERMISSION_DENIED',
    'with the status and the reason');
is($said->{message}, 'The key [redacted] was reported as leaked',
    'and the message without the key');
is(state_of('bad'), 'invalid', 'it rests');

$said = check('bad')->{json};
ok(!$said->{ok}, 'it is still refused');

$t->write_file(bad => 'ok');
ok(check('bad')->{json}{ok}, 'it lives again');
is(state_of('bad'), 'ok', 'and is back');
ok($t->wait_log(qr/key "bad" of "main" lives again/), 'the log says so');

for my $case (['503', 503, 'scripted UNAVAILABLE'],
    ['stall', undef, 'it does not answer in time'],
    ['rst', undef, 'the connection was lost'],
    ['huge', undef, 'its body is too large'])
{
    my ($does, $status, $message) = @$case;

    $t->write_file(bad => $does);
    $said = check('bad')->{json};
    ok(!$said->{ok}, "nothing is known: $does");
    is($said->{status}, $status, 'with the status, if any');
    is($said->{message}, $message, 'and why');
    is(state_of('bad'), 'ok', 'the key stays');
}

is(check('nobody')->{json}{error}{code}, 'key_not_found',
    'a key that is not there is told');
is(call('/lonely/api/check')->{json}{error}{code}, 'no_upstream',
    'a pool that no location passes to cannot be checked');
is(call('/gemini/api/check', method => 'GET')->{status}, 405,
    'a check is a POST');
is($t->post('/gemini/api/check', undef, token => $admin, headers =>
    { 'Sec-Fetch-Site' => 'cross-site' })->{status}, 403,
    'no page of another site starts one');

# ---- all of them

$t->write_file(bad => 'leaked');
$t->write_file(slow => '503');
$said = call('/gemini/api/check')->{json};

is("$said->{checked} $said->{ok}", '3 1', 'all keys are checked');
is(join(' ', map { $_->{key} } @{ $said->{refused} }), 'bad',
    'those refused are named');
is(join(' ', map { $_->{key} } @{ $said->{unclear} }), 'slow',
    'and those of which nothing is known');
is(state_of('bad'), 'invalid', 'what is refused rests');

$t->write_file($_ => 'ok') for qw(bad slow);
$said = call('/gemini/api/check')->{json};
is("$said->{checked} $said->{ok}", '3 3', 'all live');
is(state_of('bad'), 'ok', 'and are back');

$t->request('PATCH', '/gemini/api/keys/slow',
    { enabled => JSON::PP::false() }, token => $admin);
is(call('/gemini/api/check')->{json}{checked}, 2,
    'a key that is switched off is none of all');
ok(check('slow')->{json}{ok}, 'but can be checked by itself');
$t->request('PATCH', '/gemini/api/keys/slow',
    { enabled => JSON::PP::true() }, token => $admin);

# ---- others are served meanwhile, few are asked for at once

$t->write_file($_ => 'gate all') for keys %secret;
my $from = $up->seen;
my $waiting = $t->stream('POST', '/gemini/api/check', undef,
    token => $admin);

$t->wait_for(sub { $up->seen >= $from + 2 });
is(call('/gemini/api/status', method => 'GET')->{status}, 200,
    'a check holds nobody up');
is($up->seen - $from, 2, 'no more keys are asked for than configured');
$up->open_gate('all');
is($waiting->finish->{json}{checked}, 3, 'then the others are');

# ---- who leaves ends it

$t->write_file(good => 'stall');
$from = $up->aborted;
my $leaving = $t->stream('POST', '/gemini/api/keys/good/check', undef,
    token => $admin);
my $seen = $up->seen;

$t->wait_for(sub { $up->seen > $seen }, 2);
$leaving->abort;
ok($t->wait_for(sub { $up->aborted > $from }),
    'a client that leaves ends the check');
is(state_of('good'), 'ok', 'which says nothing of the key');
$t->write_file(good => 'ok');

# ---- TLS, addresses

ok(call('/safe/api/keys/good/check')->{json}{ok},
    'a certificate of the right name is accepted');

$said = call('/unsafe/api/keys/good/check')->{json};
ok(!$said->{ok}, 'one that nobody has signed is not');
like($said->{message}, qr/certificate is not accepted/, 'and that is told');
$said = call('/other/api/keys/good/check')->{json};
is($said->{message}, q(its certificate is another host's),
    'nor is one of another name');
ok(call('/lax/api/keys/good/check')->{json}{ok},
    'unless the operator says so');

$said = call('/closed/api/keys/good/check')->{json};
like($said->{message}, qr/[Cc]onnection (was )?refused/,
    'nobody there is told');

# ---- reload and the end with a check under way

$t->write_file(good => 'gate later');
$waiting = $t->stream('POST', '/gemini/api/keys/good/check', undef,
    token => $admin);
$seen = $up->seen;
$t->wait_for(sub { $up->seen > $seen }, 2);
$t->reload(conf());
$up->open_gate('later');
is($waiting->finish->{status}, 200, 'a check outlasts a reload');

$t->write_file(good => 'stall');
$waiting = $t->stream('POST', '/gemini/api/keys/good/check', undef,
    token => $admin);
$seen = $up->seen;
$t->wait_for(sub { $up->seen > $seen }, 2);
is($t->stop, 0, 'nginx ends when the check has');
is($waiting->finish->{status}, 200, 'which is answered');

$t->done;
