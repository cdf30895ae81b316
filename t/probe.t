# `probe`: keys that were refused come back when they live, dead ones are out
# before a user meets them, and an upstream that misbehaves takes none out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;
my %secret = map { $_ => "probe-test-key-$_-2236067977499" }
    qw(good bad off other fourth);

$t->secrets(values %secret);

my $sim = $t->simulator(args => ['--strict-keys']);

sub behave {
    my ($name, @rules) = @_;

    return $sim->set_key($name,
        { key => $secret{$name}, behaviours => [@rules] });
}

sub conf {
    my ($lines, %o) = @_;

    my $to = $o{to} || $sim;
    my @names = @{ $o{names} || [qw(good bad)] };
    my $keys = join ' ', map { "key $secret{$_} name=$_;" } @names;

    return <<"EOC";
    gemini_keys main { $keys $lines }
    gemini_clients admins { token probe-admin-token-0001 role=admin; }
    gemini_upstream http://%%$to%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
        location /status { gemini_status main json; gemini_auth off; }
        location /gemini/ { gemini_admin main; gemini_auth admins; }
    }
EOC
}

sub states {
    my $keys = $t->get('/status')->{json}{keys};

    return join ' ', map { "$_->{name}=$_->{state}" } @$keys;
}

sub becomes {
    my ($states, $what) = @_;

    $t->wait_for(sub { states() eq $states });
    return is(states(), $states, $what);
}

sub ask {
    return $t->post('/v1/chat/completions', { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }] });
}

sub probes_of {
    my ($name) = @_;

    return scalar grep { ($_->{api_method} // '') eq 'list' }
        $sim->seen($secret{$name});
}

# The key has been asked for so many times more.
sub asked_again {
    my ($name, $times) = @_;

    my $before = probes_of($name);

    return $t->wait_for(sub { probes_of($name) >= $before + $times });
}

# ---- what nginx -t says

for my $case (
    ['probe interval=0;', qr/"interval=0" in "probe".*at least 1s/],
    ['probe interval=1x;', qr/"interval=1x" in "probe"/],
    ['probe on_start;', qr/"probe" needs "interval="/],
    ['probe interval=1m timeout=0;', qr/"timeout=0" in "probe"/],
    ['probe interval=1m fails=0;', qr/"fails=0" in "probe".*1 to 100/],
    ['probe interval=1m concurrency=65;', qr/"concurrency=65".*1 to 64/],
    ['probe interval=1m often;', qr/"often" in "probe"/],
    ['probe interval=1m; probe interval=1m;', qr/"probe".*is duplicate/],
) {
    my ($said, $code) = $t->conf_error(conf($case->[0]));

    ok($code && $said =~ $case->[1], "refused: $case->[0]") or diag($said);
}

my ($said, $code) = $t->conf_error(
    "gemini_keys lonely { key k1; probe interval=1m; }\n" . conf(''));

ok($code && $said =~ /"lonely".*no location passes to the pool/,
    'a pool that no location passes to has nowhere to ask') or diag($said);

# ---- dead keys and living ones

behave('good');
behave('bad', 'invalid');
behave('off');

my $probe = 'probe interval=1s on_start fails=2 timeout=1s;';

$t->start(conf($probe));

becomes('good=ok bad=invalid', 'a dead key is out before a user meets it');
ok($t->wait_log(qr/key "bad" of "main" is refused when asked for/),
    'and the log says so');
cmp_ok(probes_of('bad'), '>=', 2, 'after as many refusals as it takes');

is(ask()->{status}, 200, 'users are served') for 1 .. 4;
ok(!grep({ ($_->{api_method} // '') ne 'list' } $sim->seen($secret{bad})),
    'none of them with the dead key');

my ($question) = $sim->seen($secret{good});
is("$question->{method} $question->{path}", 'GET /v1beta/models',
    'a probe asks for the list of models, which is free');
is($question->{query}{pageSize}, 1,
    'for one of them');

behave('bad');
becomes('good=ok bad=ok', 'a key that lives again comes back');
ok($t->wait_log(qr/\[notice\].*key "bad" of "main" lives again/),
    'and the log says so');

behave('bad', 'unauthenticated');
becomes('good=ok bad=invalid', 'a 401 takes it out as well');
behave('bad');
becomes('good=ok bad=ok', 'and it comes back');

# ---- a death of one moment

behave('bad', { do => 'invalid', times => 1 });
ok(asked_again('bad', 3), 'a key is asked again after a refusal');
is(states(), 'good=ok bad=ok', 'one refusal alone takes no key out');

# ---- what says nothing of a key

for my $rule (
    { do => 'stall', at => 'head' }, { do => 'nothing' },
    { do => 'html', status => 403 }, { do => 'garbage', as => 'http' },
    { do => 'garbage', as => 'json' }, { do => 'bad_gateway' },
    { do => 'cut', head => JSON::PP::true(), methods => 'list' },
    { do => 'cut', bytes => 10, rst => JSON::PP::true(), methods => 'list' },
    { do => 'lie_length', methods => 'list' },
    { do => 'overloaded', methods => 'list' },
    { do => 'rate_limit', methods => 'list' },
    { do => 'error', status => 401, body => 'x' x 200_000 },
) {
    behave('bad', $rule);
    ok(asked_again('bad', 2), "asked and asked: $rule->{do}");
    is(states(), 'good=ok bad=ok', 'a key stays whatever upstream does');
}

ok($t->wait_log(qr/\[warn\].*says nothing of the keys of "main"/),
    'the log tells that asking is of no use');

for my $rule ({ do => 'until_close', methods => 'list' },
    { do => 'chunked', methods => 'list' })
{
    behave('bad', 'invalid');
    becomes('good=ok bad=invalid', 'it is dead');
    behave('bad', $rule);
    becomes('good=ok bad=ok', "an answer is understood: $rule->{do}");
}

ok($t->wait_log(qr/\[notice\].*says again which keys of "main" live/),
    'and when it is of use again');

# ---- by hand

sub admin {
    my ($method, $path, $body) = @_;

    return $t->request($method, "/gemini/api/$path", $body,
        token => 'probe-admin-token-0001');
}

admin('PATCH', 'keys/bad', { enabled => JSON::PP::false() });
ok(asked_again('good', 2), 'rounds go on');

my $before = probes_of('bad');
ok(asked_again('good', 3), 'and on');
is(probes_of('bad'), $before, 'a key that is switched off is not asked for');
admin('PATCH', 'keys/bad', { enabled => JSON::PP::true() });
ok(asked_again('bad', 1), 'until it is switched on');

# ---- workers come and go

for my $round (1 .. 2) {
    $t->kill_worker(($t->workers)[0]);
    behave('bad', 'invalid');
    becomes('good=ok bad=invalid', 'the death of a worker stops no probes');
    behave('bad');
    becomes('good=ok bad=ok', 'nor that they bring back');
}

behave('good', { do => 'stall', at => 'head' });
behave('bad', { do => 'stall', at => 'head' });
ok(asked_again('bad', 1), 'with questions under way');
ok($t->reload(conf($probe, names => [qw(good bad other)])), 'a reload');
behave($_) for qw(good bad);
behave('other', 'invalid');
becomes('good=ok bad=ok other=invalid', 'new keys are asked for at once');

$t->reload(conf('', names => [qw(good bad other)]));
$before = probes_of('good');
ask() for 1 .. 20;
is(probes_of('good'), $before, 'probes can be switched off');

# ---- bounded, and ended in the middle

my @names = qw(good bad off other fourth);
behave($_, { do => 'stall', at => 'head' }) for @names;
$sim->forget;
$t->reload(conf('probe interval=1h on_start timeout=1m concurrency=2;',
    names => \@names));

ok($t->wait_for(sub { $sim->state->{connections}{open} >= 2 }),
    'keys are asked for at the same time');
is(scalar(grep { ($_->{api_method} // '') eq 'list' } $sim->seen), 2,
    'but not more of them than configured');

is($t->stop, 0, 'nginx ends with questions under way');

$t->done;
