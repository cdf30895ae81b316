# The ways to Redis: TCP, a unix socket, a password, a user of an ACL, a
# database, a prefix, the environment, a Cluster, sentinels. Over each of them
# two hosts share a pool; and what cannot be reached is refused by nginx -t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Redis;

my $a = GeminiTest->new;
my $b = GeminiTest->new;

my $key = 'AIzaSyRedisConnectKey0000000000000000000';
my $added = 'AIzaSyRedisConnectAdded00000000000000000';
my $token = 'sk-redis-connect-admin';
my $odd = 'p@ss:w/rd%25';
my $encoded = 'p%40ss%3Aw%2Frd%2525';
my @passwords = ($odd, $encoded, 'of-the-socket', 'of-the-user',
    'of-the-master', 'not-the-password', 'no-such-user');
my $secret = 'a secret of more than 16 bytes';

# The commands that README.md says a user needs, on the names it says.
sub promised {
    open my $file, '<', $a->root . '/README.md' or die "README.md: $!\n";
    my $readme = do { local $/; <$file> };
    my ($commands) = $readme =~ /user of an ACL needs these .*?:([A-Z,\s]+)\./s
        or die "README.md names no commands\n";

    return join ' ', '~gemini:{acl}:* &gemini:{acl}:* -@all',
        map { '+' . lc } $commands =~ /\w+/g;
}

my $open = GeminiTest::Redis->start($a);
my $closed = GeminiTest::Redis->start($a, password => $odd,
    users => { apps => ['of-the-user', promised()] });
my $socket = GeminiTest::Redis->start($a, unix => 1,
    password => 'of-the-socket');
my ($owner, $other) = GeminiTest::Redis->by_key('gemini:{clustered}:hosts',
    GeminiTest::Redis->cluster($a));
my $master = GeminiTest::Redis->start($a, password => 'of-the-master');
my $replica = GeminiTest::Redis->start($a, password => 'of-the-master',
    replica_of => $master);
my $sentinel = GeminiTest::Redis->sentinel($a, $master);
my $sentinels = $sentinel->sentinel_url(2) =~ s/@/\@127.0.0.1:1,/r;

my @ways = (
    [plain => $open->url],
    [named => 'redis://localhost:' . $open->port],
    [database => $open->url(5)],
    [prefixed => $open->url . ' prefix=some-other:'],
    [from_env => 'env:GEMINI_TEST_REDIS'],
    [password => "redis://:$encoded@" . $closed->address],
    [acl => $closed->url(undef, user => 'apps')],
    [unix => $socket->url(3)],
    [clustered => $other->url],
    [sentinels => $sentinels],
);

my %refused = (
    wrong => ['redis://:not-the-password@' . $closed->address,
        qr/AUTH is refused, WRONGPASS/],
    nobody => ['redis://no-such-user:not-the-password@' . $closed->address,
        qr/AUTH is refused, WRONGPASS/],
    without => ['redis://' . $closed->address, qr/NOAUTH/],
    far => [$open->url(999), qr/SELECT is refused/],
    away => ['redis://127.0.0.1:1', qr/[Cc]onnection refused/],
    no_socket => ['unix:' . $a->dir . '/nobody', qr/No such file/],
    unwatched => ['redis+sentinel://' . $sentinel->address . '/nobody',
        qr/no sentinel knows the master/],
);

# ---- what it says no to

sub refusal {
    my ($redis) = @_;

    my ($said, $exit) = $a->conf_error(<<"EOC");
    gemini_secret env:GEMINI_TEST_SECRET;
    gemini_keys main { key $key; redis $redis; }
EOC

    return $exit ? $said : "$said, not refused";
}

local $ENV{GEMINI_TEST_SECRET} = $secret;

my @bad = (
    ['http://:not-the-password@h', qr/begins with none of/],
    ['redis://:not-the-password@', qr/has no host/],
    ['redis://not-the-password@127.0.0.1', qr/no password before/],
    ['redis://:not-the-password@h@ st:1', qr/invalid/],
    ['redis://:not-the-password:x@1:2:3', qr/more than one ":"/],
    ['redis://:not-the-password%zz@127.0.0.1', qr/invalid "%"/],
    ['redis://:not-the-password@127.0.0.1:0', qr/1 to 65535/],
    ['redis://:not-the-password@127.0.0.1:70000', qr/1 to 65535/],
    ['redis://:not-the-password@127.0.0.1/x', qr/has a database/],
    ['redis://:not-the-password@[::1', qr/IPv6/],
    ['redis://:not-the-password@no-such-host.invalid', qr/host not found/],
    ['redis+sentinel://:not-the-password@127.0.0.1', qr/master/],
    ['unix:relative?password=not-the-password', qr/invalid URL/],
    ['env:GEMINI_TEST_NOT_SET', qr/GEMINI_TEST_NOT_SET/],
    ['redis://:not-the-password@127.0.0.1 timeout=0', qr/timeout=0/],
    ['redis://:not-the-password@127.0.0.1 timeout=x', qr/timeout=x/],
    ['redis://127.0.0.1; redis redis://:not-the-password@127.0.0.1',
        qr/duplicate/],
);

for (@bad) {
    my ($redis, $says) = @$_;
    my $said = refusal($redis);

    like($said, qr/\[emerg\].*$says/, "nginx -t refuses $redis");
    unlike($said, qr/not-the-password/, 'without showing the password');
}

my $tls = refusal('rediss://:not-the-password@127.0.0.1');

like($tls, qr/needs hiredis 1.0|not refused/, 'rediss:// needs TLS in hiredis');
unlike($tls, qr/not-the-password/, 'and shows no password');

# ---- two hosts

my $simulator = $a->simulator(args => ['--pace', '0']);

$b->define("$simulator" => $simulator->address);

sub conf {
    my $pools = join '', map {
        my ($name, $redis) = @$_;
        "gemini_keys $name { key $key name=one; redis $redis; }\n"
    } @ways, map { [$_, $refused{$_}[0]] } sort keys %refused;
    my $places = join '', map { <<"EOC" } map({ $_->[0] } @ways), keys %refused;
        location /$_/v1/ { gemini_pass $_; }
        location /$_/gemini/ { gemini_admin $_; }
EOC

    return <<"EOC";
    gemini_secret env:GEMINI_TEST_SECRET;
    $pools
    gemini_clients apps { token $token role=admin; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        gemini_auth apps;
        $places
    }
EOC
}

ok($sentinel->wait_replica, 'the sentinel knows the replica');

# one host with as many workers as a big machine has
for my $host ($a, $b) {
    $host->secrets($key, $added, $secret, @passwords);
    $host->start(conf(), workers => $host == $a ? 8 : 2, env => {
        GEMINI_TEST_SECRET => $secret, GEMINI_TEST_REDIS => $open->url(6) });
}

sub call {
    my ($host, $method, $path, $body) = @_;

    return $host->request($method, $path, $body, token => $token);
}

sub ask {
    my ($host, $pool, %more) = @_;

    return call($host, 'POST', "/$pool/v1/chat/completions", {
        model => 'gemini-3.8-flash', %more,
        messages => $more{messages} // [{ role => 'user', content => 'hi' }] });
}

sub key_on {
    my ($host, $pool, $name) = @_;

    my $r = call($host, 'GET', "/$pool/gemini/api/status");
    my ($found) = grep { $_->{name} eq $name } @{ $r->{json}{keys} };

    return $found;
}

# Whether news from one host is on the other, for so long as that may take.
sub tells {
    my ($from, $to, $pool, $enabled, $seconds) = @_;

    call($from, 'PATCH', "/$pool/gemini/api/keys/one",
        { enabled => $enabled ? \1 : \0 });

    return $to->wait_for(sub {
        (key_on($to, $pool, 'one')->{state} eq 'disabled') == !$enabled
    }, $seconds);
}

sub joined {
    my ($host, $pool) = @_;

    my $count = () = $host->error_log
        =~ /pool "$pool" shares its state through/g;

    return $count;
}

for (@ways) {
    my ($pool) = @$_;

    ok($_->wait_log(qr/pool "$pool" shares its state through/),
        "$pool: a host joins") for $a, $b;
    ok(tells($a, $b, $pool, 0), "$pool: what A tells is on B");
    ok(tells($b, $a, $pool, 1), "$pool: what B tells is on A");
    is(ask($a, $pool)->{status}, 200, "$pool: and requests are served");
}

# ---- where it lies

sub names {
    my ($redis, $database) = @_;

    my $link = $redis->connect;
    $link->command('SELECT', $database);

    my %pools = map { /\A(.*\{\w+\}:)/ ? ($1 => 1) : ($_ => 1) }
        @{ $link->command('KEYS', '*') };

    return join ' ', sort keys %pools;
}

is(names($open, 0), 'gemini:{named}: gemini:{plain}: some-other:{prefixed}:',
    'without a database it is the first; and each has its prefix');
is(names($open, 5), 'gemini:{database}:', 'the one of the URL');
is(names($open, 6), 'gemini:{from_env}:', 'the one of a URL in env:');
is(names($socket, 3), 'gemini:{unix}:', 'the one of a socket');
is(names($master, 2), 'gemini:{sentinels}:', 'the one of a sentinel URL');
is($other->command('DBSIZE'), 0, 'a Cluster node is left as it was');
is($owner->command('HLEN', 'gemini:{clustered}:hosts'), 2,
    'for the one with the slot');

# ---- those that are no way

for my $pool (sort keys %refused) {
    ok($a->wait_log(qr/"$pool" does not share its state, .*$refused{$pool}[1]/),
        "$pool: the log says why");
    is(ask($a, $pool)->{status}, 200, "$pool: requests are served");
    is(joined($a, $pool), 0, "$pool: nothing is shared");
}

# ---- everything that a user of an ACL may have to do

my %tools = (tools => [{ type => 'function', function => {
    name => 'temperature', parameters => { type => 'object',
        properties => { city => { type => 'string' } } } } }],
    messages => [{ role => 'user',
        content => 'What is the temperature in Oslo?' }]);

ok(ask($a, 'acl', %tools)->{json}{choices}[0]{message}{tool_calls},
    'acl: a call with a signature');
is(call($a, 'POST', '/acl/gemini/api/keys',
    { key => $added, name => 'added' })->{status}, 201, 'acl: a key is added');
ok($b->wait_for(sub { key_on($b, 'acl', 'added') }), 'acl: B has it');
call($b, 'DELETE', '/acl/gemini/api/keys/added');
ok($a->wait_for(sub { !key_on($a, 'acl', 'added') }), 'acl: B removes it');
ok($a->wait_for(sub {
    @{ $closed->command('KEYS', 'gemini:{acl}:sig:*') }
}), 'acl: the signature is in Redis');
ok($b->reload, 'acl: a host that comes later');
ok($b->wait_for(sub { joined($b, 'acl') > 1 }), 'acl: is let in too');
unlike($a->error_log . $b->error_log,
    qr/pool "acl" does not share|NOPERM/, 'acl: nothing was refused');

# ---- a slot goes elsewhere

my ($slot, $to) = ($owner->command('CLUSTER', 'KEYSLOT',
    'gemini:{clustered}:hosts'), $other->command('CLUSTER', 'MYID'));
my %before = map { $_ => joined($_, 'clustered') } $a, $b;

$other->command('CLUSTER', 'SETSLOT', $slot, 'NODE', $to);
# an owner that still has something of a slot does not let go of it
$owner->command($_ eq 'SLOT' ? ('CLUSTER', 'SETSLOT', $slot, 'NODE', $to) : $_)
    for qw(MULTI FLUSHALL SLOT EXEC);

for my $host ($a, $b) {
    ok($host->wait_for(sub { joined($host, 'clustered') > $before{$host} }, 20),
        'clustered: a host follows its slot');
}

ok(tells($a, $b, 'clustered', 0), 'clustered: and they go on sharing');
is($owner->command('DBSIZE'), 0, 'clustered: not where it was');

# ---- another master

tells($a, $b, 'sentinels', 0);
%before = map { $_ => joined($_, 'sentinels') } $a, $b;
$master->kill;
is(ask($a, 'sentinels')->{status}, 503, 'sentinels: the key stays disabled');
ok(tells($a, $a, 'sentinels', 1), 'sentinels: and comes back meanwhile');
is(ask($a, 'sentinels')->{status}, 200, 'sentinels: requests are served');
ok($a->wait_for(sub { $sentinel->master_port == $replica->port }, 30),
    'sentinels: there is a new master');

for my $host ($a, $b) {
    ok($host->wait_for(sub { joined($host, 'sentinels') > $before{$host} }, 20),
        'sentinels: a host finds it');
}

ok($b->wait_for(sub { key_on($b, 'sentinels', 'one')->{state} ne 'disabled' }),
    'sentinels: what was told meanwhile has arrived');
ok(tells($b, $a, 'sentinels', 0), 'sentinels: and they go on sharing');

$b->finish;
$a->done;
