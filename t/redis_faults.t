# Redis killed, restarted empty, hung, read-only, full, closed or never there:
# no request notices, and when it is well again both hosts agree.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Redis;

my $a = GeminiTest->new;
my $b = GeminiTest->new;
my $redis = GeminiTest::Redis->start($a);

my ($one, $two, $added) = map { "AIzaSyRedisFaultKey${_}00000000000000000" }
    qw(One Two Added);
my $token = 'sk-redis-faults-admin';
my $simulator = $a->simulator(args => ['--pace', '0']);

# One that takes connections and says nothing, and one that is no Redis.
my $silent = $a->upstream(sub { [[wait_close => ()]] }, raw => 1);
my $other = $a->upstream(sub {
    [[send => "HTTP/1.1 400 Bad Request\r\n\r\n"], [close => ()]]
}, raw => 1);

sub conf {
    my $url = $redis->url;

    return <<"EOC";
    gemini_secret env:GEMINI_TEST_SECRET;
    gemini_keys main {
        key $one name=one; key $two name=two;
        balance round_robin; redis $url timeout=300ms;
    }
    gemini_keys silent { key $one; redis redis://%%$silent%% timeout=200ms; }
    gemini_keys other { key $one; redis redis://%%$other%%; }
    gemini_clients apps { token $token role=admin; }
    gemini_upstream http://%%$simulator%%;
    gemini_auth apps;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /silent/ { gemini_pass silent; }
        location /other/ { gemini_pass other; }
        location /gemini/ { gemini_admin main; }
    }
EOC
}

$b->define(map { ("$_" => $_->address) } $simulator, $silent, $other);

for my $host ($a, $b) {
    $host->secrets($one, $two, $added);
    $host->start(conf(),
        env => { GEMINI_TEST_SECRET => 'a secret of more than 16 bytes' });
}

sub call {
    my ($host, $method, $path, $body) = @_;

    return $host->request($method, $path, $body, token => $token);
}

sub ask {
    my ($host, $model, $at) = @_;

    return call($host, 'POST', ($at // '/v1') . '/chat/completions', {
        model => $model // 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }] });
}

sub key_on {
    my ($host, $name) = @_;

    my $r = call($host, 'GET', '/gemini/api/status');
    my ($key) = grep { $_->{name} eq $name } @{ $r->{json}{keys} };

    return $key;
}

sub rests {
    my ($host, $name) = @_;

    return join ' ', sort map { $_->{model} // 'all' }
        @{ (key_on($host, $name) || {})->{cooldowns} };
}

sub rest {
    my ($host, $model) = @_;

    $simulator->set_key('one', { key => $one, behaviours => [
        { do => 'rate_limit', retry => '200s', models => $model }] });
    $host->wait_for(sub {
        ask($host, $model);
        return index(rests($host, 'one'), $model) >= 0;
    }) or die "the key does not rest\n";

    return;
}

sub lines {
    my ($host, $pattern) = @_;

    my $count = () = $host->error_log =~ /$pattern/g;

    return $count;
}

my $joined = qr/pool "main" shares its state through/;
my $lost = qr/pool "main" does not share its state/;

# Does it, and is back when both hosts have lost the link and have it again.
sub after {
    my ($name, $fault, $repair) = @_;

    my %before = map { $_ => [lines($_, $joined), lines($_, $lost)] } $a, $b;
    my @answers;

    my $each = sub {
        push @answers, ask($a), ask($b);
        return grep { $_->() } @_;
    };

    $fault->();
    ok($a->wait_for(sub { $each->(sub {
        lines($a, $lost) > $before{$a}[1] && lines($b, $lost) > $before{$b}[1]
    }) }, 15), "$name: both hosts notice");
    $repair->();
    ok($a->wait_for(sub { $each->(sub {
        lines($a, $joined) > $before{$a}[0]
            && lines($b, $joined) > $before{$b}[0]
    }) }, 15), "$name: and are in step again when it is over");
    is(scalar(grep { $_->{status} != 200 } @answers), 0,
        "$name: while every request was answered");

    return;
}

ok($_->wait_log($joined), 'a host joins') for $a, $b;

# ---- what both know

rest($a, 'gemini-2.5-pro');
is(call($a, 'POST', '/gemini/api/keys',
    { key => $added, name => 'added' })->{status}, 201, 'a key is added');

for my $host ($a, $b) {
    ok($host->wait_for(sub { rests($host, 'one') eq 'gemini-2.5-pro'
        && key_on($host, 'added') }), 'both hosts know it all');
}

# ---- killed, and empty when it comes back

after('killed',
    sub { $redis->kill },
    sub {
        # each learns something while it is alone
        rest($a, 'gemini-2.5-flash-lite');
        rest($b, 'gemini-3.8-flash');
        $redis->restart;
    });

my $known = 'gemini-2.5-flash-lite gemini-2.5-pro gemini-3.8-flash';

for my $host ($a, $b) {
    ok($host->wait_for(sub { rests($host, 'one') eq $known }),
        'they have told each other');
}

ok($a->wait_for(sub {
    $redis->command('HLEN', 'gemini:{main}:rest') >= 3
        && $redis->command('HLEN', 'gemini:{main}:keys') == 1
        && $redis->command('HLEN', 'gemini:{main}:hosts') == 2
}), 'and Redis knows it all again');

# ---- hung

after('stopped', sub { $redis->pause }, sub { $redis->go_on });

# ---- a replica, by accident

after('a replica',
    sub { $redis->command('REPLICAOF', '127.0.0.1', '1') },
    sub { $redis->command('REPLICAOF', 'NO', 'ONE') });
like($a->error_log, qr/$lost.*(?:READONLY|MASTERDOWN)/,
    'the log says what is wrong');

# ---- full

after('full',
    sub { $redis->command('CONFIG', 'SET', 'maxmemory', '1') },
    sub { $redis->command('CONFIG', 'SET', 'maxmemory', '0') });
like($a->error_log, qr/$lost.*OOM/, 'the log says so');

# ---- closed to us

after('a password',
    sub {
        $redis->command('CONFIG', 'SET', 'requirepass', 'x');
        $redis->command('CLIENT', 'KILL', 'TYPE', $_) for qw(normal pubsub);
    },
    sub {
        ok($a->wait_log(qr/$lost.*NOAUTH/), 'the log says so');
        $redis->command('CONFIG', 'SET', 'requirepass', '');
    });

# ---- something else under our names

after('other data',
    sub {
        $redis->command('DEL', 'gemini:{main}:hosts');
        $redis->command('SET', 'gemini:{main}:hosts', 'x');
    },
    sub { $redis->command('DEL', 'gemini:{main}:hosts') });
like($a->error_log, qr/$lost.*WRONGTYPE/, 'the log says so');

# ---- noise on the bus

$redis->command('PUBLISH', 'gemini:{main}:bus', $_)
    for '', 'x', "0123456789abcdef\nrest\n", "\0" x 1000,
        "0123456789abcdef\nrest zz yy\nuse 1 2\nkey a b\nsig\nuse "
        . "00000000000000aa|m 99999999999999999999 1\n";
rest($b, 'gemini-3-flash-preview');
ok($a->wait_for(sub { rests($a, 'one') =~ /gemini-3-flash-preview/ }),
    'noise on the bus is passed over');

# ---- never there

is(ask($a, undef, '/silent')->{status}, 200, 'a Redis that says nothing');
is(ask($a, undef, '/other')->{status}, 200, 'one that is none');
ok($a->wait_log(qr/pool "$_" does not share its state/), 'are told of')
    for qw(silent other);
is(lines($a, qr/pool "silent" does not share its state/), 1,
    'once, however often they are tried');

# ---- the end, without Redis

my $before = lines($b, $lost);

$redis->kill;
ok($b->wait_for(sub { lines($b, $lost) > $before }), 'gone for good');
is($b->stop, 0, 'a host stops all the same');

$b->finish;
$a->done;
