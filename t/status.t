# gemini_status: whether the pool can serve, and how each key is, without a
# secret.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    a => 'AIzaSyStatusTestKeyAAAAAAAAAAAAAAAAAAAA',
    b => 'AQ.StatusTestKeyBBBBBBBBBBBBBBBBBBBBBBB',
    short => 'tiny-key-c',
);
my $token = 'sk-status-test-token-0001';

$t->secrets(values %secret, $token);

my $simulator = $t->simulator;

# The first, by round_robin, is asked first.
$t->start(<<"EOC");
    gemini_keys main {
        key $secret{a} name=team-a project=one weight=2;
        key $secret{b};
        balance round_robin;
        tries 1;
        cooldown invalid 1h;
    }
    gemini_keys single { key $secret{short}; }
    gemini_clients apps { token $token name=alice; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
        location /single/ { gemini_pass single; gemini_auth off; }
        location = /health { gemini_status main health; }
        location = /health-single { gemini_status single health; }
        location = /health-closed { gemini_status main health;
            gemini_auth apps; }
        location = /json { gemini_status main json; gemini_auth apps; }
        location = /json-open { gemini_status main json; gemini_auth off; }
        location = /json-single { gemini_status single json;
            gemini_auth off; }
    }
EOC

sub ask {
    my ($prefix, $model) = @_;

    return $t->post("$prefix/chat/completions", {
        model => $model // 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }] });
}

# ---- health

my $r = $t->get('/health');

is("$r->{status} $r->{json}{status}", '200 ok', 'a pool with keys is healthy');
is_deeply($r->{json}{keys}, { total => 2, usable => 2 }, 'it counts them');
like($r->{headers}{'content-type'}, qr{\Aapplication/json}, 'as JSON');
like($r->{headers}{'cache-control'}, qr/no-store/, 'which nobody keeps');
is($t->request('HEAD', '/health')->{status}, 200, 'HEAD will do');
is($t->post('/health', {})->{status}, 405, 'POST will not');
is($t->get('/health', token => 'sk-wrong')->{status}, 200,
    'health asks for no token');

# ---- json

is($t->get('/json')->{status}, 401, 'json wants a token');
is($t->get('/json', token => 'sk-wrong')->{json}{error}{code},
    'invalid_api_key', 'a right one');
is($t->get("/json?key=$token")->{status}, 200, 'in any of its places');
is($t->get('/json-open')->{status}, 200, 'or an explicit off');
is($t->post('/json-open', {})->{status}, 405, 'to GET only');

sub keys_of {
    my ($path) = @_;

    my $r = $t->get($path // '/json', token => $token);

    return map { $_->{name} => $_ } @{ $r->{json}{keys} };
}

my %keys = keys_of();
my ($b_name) = grep { $_ ne 'team-a' } keys %keys;

is(scalar(keys %keys), 2, 'every key is listed');
is("$keys{'team-a'}{project} $keys{'team-a'}{weight}", 'one 2',
    'with its options');
is($keys{$b_name}{project}, undef, 'or null');
is(join(' ', sort map { $_->{state} } values %keys), 'ok ok', 'and state');
is(scalar(grep { /\A[0-9a-f]{16}\z/ } map { $_->{id} } values %keys), 2,
    'and id');
isnt($keys{'team-a'}{id}, $keys{$b_name}{id}, 'which differ');

for my $key (values %keys) {
    ok($key->{key} ne '' && !grep({ index($key->{key}, $_) >= 0 }
        values %secret), 'a key is shown masked');
}

my %single = keys_of('/json-single');
my ($only) = values %single;

unlike($only->{key} . $only->{name}, qr/tiny|key-c/,
    'nothing of a short key is shown');

# ---- requests are counted, on every worker alike

is(ask('/v1')->{status}, 200, 'a request') for 1 .. 6;

%keys = keys_of();
is($keys{'team-a'}{requests} + $keys{$b_name}{requests}, 6,
    'six requests are counted');
is($keys{'team-a'}{failures} + $keys{$b_name}{failures}, 0, 'no failure');
is($keys{'team-a'}{in_flight} + $keys{$b_name}{in_flight}, 0,
    'none under way');
ok($keys{'team-a'}{last_used} > 1_500_000_000, 'and when it was');
ok($keys{'team-a'}{requests} > $keys{$b_name}{requests},
    'the heavier key had more');

# ---- a key that rests for one model

$simulator->set_key($_, { do => 'rate_limit', retry => '37s', times => 1 })
    for @secret{qw(a b)};

ask('/v1', 'gemini-2.5-pro') for 1 .. 2;
%keys = keys_of();

is(join(' ', map { $keys{$_}{state} } 'team-a', $b_name),
    'resting resting', 'keys that hit a limit rest');

my ($rest) = @{ $keys{'team-a'}{cooldowns} };

is("$rest->{scope} $rest->{model} $rest->{reason}",
    'model gemini-2.5-pro rate_limit', 'for the model, and says why');
ok($rest->{seconds_left} > 0 && $rest->{seconds_left} <= 38,
    'and how long') or diag($rest->{seconds_left});

$r = $t->get('/health');
is($r->{status}, 200, 'another model can be served: healthy');

# ---- a key that is refused

$simulator->set_key($secret{a}, 'invalid');
ask('/v1') for 1 .. 2;
%keys = keys_of();
($rest) = grep { $_->{scope} eq 'key' } @{ $keys{'team-a'}{cooldowns} };

is($keys{'team-a'}{state}, 'invalid', 'a refused key is invalid');
is("$rest->{reason} " . ($rest->{model} // 'all'), 'invalid all',
    'for all models');
ok($keys{'team-a'}{failures} >= 2, 'its failures are counted');

$r = $t->get('/health');
is("$r->{status} $r->{json}{keys}{usable}", '200 1', 'one is left');

$simulator->set_key($secret{b}, 'suspended');
ask('/v1');
$r = $t->get('/health');
is("$r->{status} $r->{json}{status} $r->{json}{keys}{usable}",
    '503 unavailable 0', 'none is left: 503');
is($t->request('HEAD', '/health')->{status}, 503, 'HEAD says so, too');
is($t->get('/health-single')->{status}, 200, 'another pool is another');
is($t->get('/json', token => $token)->{status}, 200,
    'json is there all the same');

ok($t->reload, 'a reload');
is($t->get('/health')->{status}, 503, 'does not make refused keys usable');
%keys = keys_of();
is($keys{'team-a'}{state}, 'invalid', 'nor forget why');

# ---- gemini_auth on health

is($t->get('/health-closed')->{status}, 401,
    'health with gemini_auth asks for a token');
is($t->get('/health-closed', token => $token)->{status}, 503,
    'and with one answers');

$t->done;
