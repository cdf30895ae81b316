# gemini_admin: who gets in, what the status tells, and the end of rests by
# hand.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    one => 'AIzaSyAdminTestKeyAAAAAAAAAAAAAAAAAAAAA',
    two => 'AQ.AdminTestKeyBBBBBBBBBBBBBBBBBBBBBBBB',
    three => 'admin-test-key-three-0000000000000003',
);
my $admin = 'sk-admin-test-root-0001';
my $alice = 'sk-admin-test-alice-0001';
my $model = 'gemini-2.5-flash';

$t->secrets(values %secret, $admin, $alice);

my %failure = (
    invalid => error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID'),
    limited => error(429, 'RESOURCE_EXHAUSTED', retry => '40s', quota => [{
        quotaValue => '50', quotaDimensions => { model => $model },
        quotaId => 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
        quotaMetric => 'generativelanguage.googleapis.com/'
            . 'generate_content_free_tier_requests' }]),
    busy => error(503, 'UNAVAILABLE'),
);

# "NAMES FAILURE": so the keys of these names fail, the others answer.
my $up = $t->upstream(sub {
    my ($request) = @_;

    my ($names, $how) = split / /,
        $request->{json}{contents}[0]{parts}[0]{text};

    return grep({ $request->{key} eq ($secret{$_} // '') } split /,/, $names)
        ? $failure{$how} : reply('hello');
});

sub conf {
    return <<"EOC";
    gemini_keys main {
        key $secret{one} name=one weight=2 project=alpha;
        key $secret{two} name=two project=alpha;
        key $secret{three} name=three;
        cooldown unavailable 7h;
        limit $model-lite rpm=1000 tpd=900000;
    }
    gemini_clients apps {
        token $admin name=root role=admin;
        token $alice name=alice rpm=500;
    }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth apps; }
        location /gemini/ { gemini_admin main; gemini_auth apps; }
        location = /metrics { gemini_status main metrics; gemini_auth off; }
        location = /public.json { gemini_status main json;
            gemini_auth apps; }
    }
EOC
}

$t->start(conf());

sub admin {
    my ($method, $path, $body, %o) = @_;

    return $t->request($method, "/gemini/$path", $body, token => $admin, %o);
}

sub ask {
    my ($text, $of) = @_;

    return $t->post('/v1/chat/completions', { model => $of // $model,
        messages => [{ role => 'user', content => $text }] },
        token => $alice)->{status};
}

sub status { return admin('GET', 'api/status')->{json} }

sub key_of {
    my ($name) = @_;

    my ($key) = grep { $_->{name} eq $name } @{ status()->{keys} };

    return $key;
}

# "state: reasons" of some keys.
sub states {
    return join ', ', map {
        my $key = key_of($_);
        join ' ', $_, $key->{state},
            map { $_->{reason} } @{ $key->{cooldowns} }
    } @_;
}

sub reset_key {
    my ($id) = @_;

    return admin('POST', "api/keys/$id/reset");
}

# ---- who gets in

for my $path ('', 'api/status', 'api/events', 'metrics') {
    my $r = $t->get("/gemini/$path");

    is("$r->{status} $r->{json}{error}{code}", '401 invalid_api_key',
        "nobody sees \"$path\" without a token");
    is($t->get("/gemini/$path", token => 'sk-wrong')->{status}, 401,
        'nor with a wrong one');

    $r = $t->get("/gemini/$path", token => $alice);
    is("$r->{status} $r->{json}{error}{code}", '403 permission_denied',
        'nor one that is not of an admin');
}

is(admin('GET', 'api/status')->{status}, 200, 'an admin gets in');
is($t->get("/gemini/api/status?key=$admin")->{status}, 200,
    'wherever the token stands');
is($t->get('/gemini/api/status', headers => { 'x-api-key' => $admin })
    ->{status}, 200, 'in any header of a token');

for my $call (['POST', 'api/keys', { key => 'x' x 30 }],
    ['PATCH', 'api/keys/one', { enabled => \0 }],
    ['DELETE', 'api/keys/one', undef], ['POST', 'api/keys/one/reset', undef])
{
    my ($method, $path, $body) = @$call;

    is($t->request($method, "/gemini/$path", $body, token => $alice)
        ->{status}, 403, "$method $path is for admins alone");
    is($t->request($method, "/gemini/$path", $body)->{status}, 401,
        'with a token');
}

is(states(qw(one two three)), 'one ok, two ok, three ok',
    'and nothing has changed');

# ---- what nginx -t refuses

sub refused {
    my ($location, $rest) = @_;

    my ($said, $code) = $t->conf_error(
        "gemini_keys main { key $secret{one}; }\n" . ($rest // '')
        . "server { listen %%PORT%%; location /a/ { $location } }");

    return $code == 0 ? 'taken' : $said;
}

my $clients = "gemini_clients apps { token $admin role=admin; }\n";

is(refused('gemini_admin main; gemini_auth apps;', $clients), 'taken',
    'gemini_admin with clients is taken');
like(refused('gemini_admin main; gemini_auth off;'),
    qr/\[emerg\].*"gemini_admin".*"gemini_auth".*role=admin/,
    'an open door is refused');
like(refused('gemini_admin main;'),
    qr/\[emerg\].*"gemini_admin".*"gemini_auth".*role=admin/,
    'and a location that says nothing about it');
like(refused('gemini_admin main;', 'gemini_auth off;'),
    qr/\[emerg\].*"gemini_admin"/, 'even when it is open further up');
like(refused('gemini_admin other; gemini_auth apps;', $clients),
    qr/\[emerg\].*"gemini_admin".*"other"|\[emerg\].*"other".*gemini_admin/,
    'a pool that is not there is named');

# ---- the index

my $r = admin('GET', '');

is("$r->{status} $r->{json}{pool}", '200 main', 'the prefix alone answers');
like($r->{headers}{'cache-control'}, qr/no-store/, 'for nobody to keep');
ok($r->{json}{version}, 'with the version');

# ---- the status

is(ask('hello'), 200, 'a request') for 1 .. 4;

$r = admin('GET', 'api/status');
my $status = $r->{json};

like($r->{headers}{'content-type'}, qr{\Aapplication/json}, 'JSON');
like($r->{headers}{'cache-control'}, qr/no-store/, 'that nobody keeps');
is($status->{pool}, 'main', 'the pool has its name');
ok($status->{version}, 'the module its version');
is(join(' ', sort map { $_->{name} } @{ $status->{keys} }), 'one three two',
    'all keys are there');
is(scalar(grep { $_->{key} ne '' && $_->{id} =~ /\A[0-9a-f]{16}\z/ }
    @{ $status->{keys} }), 3, 'each with an id and masked');
unlike($r->{body}, qr/\Q$_\E/, 'no whole key is in it')
    for values %secret, $admin, $alice;

my $one = key_of('one');

is("$one->{project} $one->{weight}", 'alpha 2', 'with its options');
is(join(' ', $one->{added} ? 1 : 0, $one->{enabled} ? 1 : 0, $one->{state}),
    '0 1 ok', 'it was configured, is in use and well');

sub used {
    my ($name) = @_;

    my ($use) = grep { $_->{model} eq $model } @{ key_of($name)->{usage} };

    return $use ? $use->{rpm}{used} : 0;
}

is(used('one') + used('three'), 4, 'requests are counted');
is(used('two'), used('one'), 'for a project as one');

my %client = map { $_->{name} => $_ } @{ $status->{clients} };

is(join(' ', sort keys %client), 'alice root', 'the clients are there');
is("$client{alice}{rpm}{used} $client{alice}{rpm}{limit}", '4 500',
    'with what they used');
ok($client{root}{admin} && !$client{alice}{admin}, 'and their role');
is($client{root}{rpm}{limit}, undef, 'no limit is null');
is($status->{redis}{state}, 'off', 'no Redis is off');

my @full = grep { !($_->{capacity} > 0 && $_->{used} <= $_->{capacity}) }
    values %{ $status->{zone} };
ok(keys %{ $status->{zone} } && !@full, 'tables of the zone have room');

$r = $t->get('/public.json', token => $alice);
ok(!exists $r->{json}{clients} && !exists $r->{json}{trails},
    'clients and trails are for admins alone');

# ---- trails

my ($trail) = @{ status()->{trails} };
my %why = map { $_->{key} => $_->{why} } @{ $trail->{steps} };

is($trail->{model}, $model, 'the last choice names its model');
like($trail->{request_id}, qr/\A[0-9a-f]{32}\z/, 'and request');
is(scalar(grep { $_ eq 'taken' } values %why), 1, 'one key was taken');
is(scalar(grep { $_ eq 'passed_over' } values %why), 2,
    'others were passed over');

# ---- rests, and their end by hand

is(ask('one,three busy'), 200, 'two fail, the third answers')
    for 1 .. 3;
is(states(qw(one three)), 'one resting unavailable, three resting unavailable',
    'keys that fail rest');

my ($rest) = @{ key_of('one')->{cooldowns} };
is("$rest->{scope} $rest->{model}", "model $model", 'for the model');
ok($rest->{seconds_left} > 0 && $rest->{seconds_left} <= 7 * 3600,
    'and time is left');

ask('hello');
($trail) = @{ status()->{trails} };
my %step = map { $_->{key} => $_ } @{ $trail->{steps} };
is(join(' ', map { $step{$_}{why} } qw(one two three)),
    'resting taken resting', 'the trail tells why a key was not taken');
is($step{one}{reason}, 'unavailable', 'of what it rests');
ok($step{one}{seconds_left} > 0, 'and for how long');

$r = reset_key('one');
is("$r->{status} $r->{json}{name} $r->{json}{state}", '200 one ok',
    'a reset ends a rest, and shows the key');
is(states(qw(one three)), 'one ok, three resting unavailable',
    'of that key alone');
like($t->error_log,
    qr/\[notice\].*gemini: client "root" resets key "one" of "main"/,
    'the log says who did it');

is(reset_key(key_of('three')->{id})->{status}, 200, 'by id');
is(states('three'), 'three ok', 'it works as well');

# ---- a project

is(ask('one,two limited'), 200, 'a project meets its limit') for 1 .. 2;
is(states(qw(one two)), 'one resting rate_limit, two resting rate_limit',
    'all its keys rest');
my ($use) = grep { $_->{model} eq $model } @{ key_of('two')->{usage} };
is("$use->{rpm}{limit} " . ($use->{rpm}{learned} ? 1 : 0), '50 1',
    'and the limit is learned');
is(reset_key('two')->{status}, 200, 'the reset of one key');
is(states(qw(one two)), 'one ok, two ok', 'ends the rest of its project');

# ---- invalid keys

ask('one,two,three invalid');
is(states(qw(one two three)),
    'one invalid invalid, two invalid invalid, three invalid invalid',
    'refused keys are invalid');
is(ask('hello'), 503, 'nobody serves');
is(key_of('one')->{cooldowns}[0]{seconds_left}, undef, 'and no time will help');
is(reset_key('three')->{status}, 200, 'a reset');
is(ask('hello'), 200, 'lets it serve at once');
is(states(qw(one two three)), 'one invalid invalid, two invalid invalid, '
    . 'three ok', 'it alone');

ok($t->reload(conf()), 'a reload');
is(states(qw(one three)), 'one invalid invalid, three ok',
    'changes neither');
$t->kill_worker;
is(states(qw(one three)), 'one invalid invalid, three ok',
    'nor does the death of a worker');

# ---- metrics

sub families {
    my ($r) = @_;

    return join ' ', $r->{body} =~ /^# TYPE (\S+)/mg;
}

$r = admin('GET', 'metrics');
is($r->{status}, 200, 'metrics are given');
like($r->{headers}{'content-type'}, qr{\Atext/plain; version=0\.0\.4},
    'as text');
like($r->{body}, qr/^gemini_keys\{pool="main",state="invalid"\} 2$/m,
    'of this pool') or diag($r->{body});
is(families($r), families($t->get('/metrics')),
    'the same as in gemini_status');

# ---- methods

for my $case (['POST', 'api/status', 'GET, HEAD'], ['PUT', '', 'GET, HEAD'],
    ['GET', 'api/keys', 'POST'], ['DELETE', 'metrics', 'GET, HEAD'],
    ['GET', 'api/keys/one', 'DELETE, PATCH'],
    ['PATCH', 'api/keys/one/reset', 'POST'],
    ['DELETE', 'api/events', 'GET, HEAD'])
{
    my ($method, $path, $allow) = @$case;

    $r = admin($method, $path);
    is("$r->{status} " . join(', ', sort split /, /,
        $r->{headers}{allow} // ''), "405 $allow",
        "$method \"$path\" is not allowed, and what is is told");
}

is(admin('GET', 'api/nothing')->{status}, 404, 'what is not there is a 404');
is(admin('GET', 'api/status/more')->{status}, 404, 'below something too');

for my $path ('', 'api/status', 'metrics') {
    my $get = admin('GET', $path);

    $r = admin('HEAD', $path);
    is("$r->{status} $r->{headers}{'content-type'} <$r->{body}>",
        "200 $get->{headers}{'content-type'} <>", "HEAD of \"$path\"");
}

$r = admin('HEAD', 'api/events');
is("$r->{status} $r->{complete}", '200 1', 'HEAD of the events ends');
like($r->{headers}{'content-type'}, qr{\Atext/event-stream}, 'and says what');

is(reset_key('nobody')->{json}{error}{code}, 'key_not_found',
    'an unknown key');
is(reset_key('nobody')->{status}, 404, 'is a 404');

$t->done;
