# What is no Redis, or one that lies: it takes connections and says nothing,
# talks rubbish, closes, points elsewhere, promises replies of gigabytes. No
# request notices, the log says why, and nginx reloads and leaves as ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Redis qw(resp);

my $t = GeminiTest->new;
my $redis = GeminiTest::Redis->start($t);

my $key = 'AIzaSyRedisMockKey000000000000000000000';
my $token = 'sk-redis-mocks-admin';
my $password = 'password-of-mocks';
my $up = $t->upstream(sub { reply('hello') });

sub bulks {
    return '*' . @_ . "\r\n" . join '', map { '$' . length . "\r\n$_\r\n" } @_;
}

# A server that greets like a Redis; what it says to other commands is given,
# by name. Without a word for one it goes on as a Redis would.
sub like_redis {
    my (%says) = @_;

    return GeminiTest::Redis->mock($t, sub {
        my ($command, @rest) = @_;

        my $says = $says{$command} // $says{any};

        return ref $says eq 'CODE' ? $says->(@rest) : $says
            if defined $says;
        return resp(['subscribe', $rest[0], 1]) if $command eq 'SUBSCRIBE';
        return bulks(time, 0) if $command eq 'TIME';
        return "*2\r\n\$1\r\n0\r\n*0\r\n" if $command =~ /SCAN\z/;
        return resp([]) if $command eq 'HGETALL';
        return resp(1) if $command =~ /\A(?:HSET|EXPIRE|HDEL|PUBLISH)\z/;

        return resp(\'OK');
    });
}

# One that says this as soon as somebody connects, and then nothing or good
# bye.
sub at_once {
    my ($bytes, @then) = @_;

    my $server = $t->upstream(sub {
        my ($c) = @_;

        return if $c->{told}++;
        return [[send => $bytes], @then];
    }, raw => 1);

    return $server;
}

# Known only when its server runs.
sub around_port {
    open my $file, '<', $t->dir . '/around' or die "around: $!\n";

    return <$file>;
}

my $gone = qr/Server closed the connection|Connection reset by peer/;
my $silence = qr/it does not answer|timed out/;
my $odd = qr/unexpected reply/;
my $large = qr/a reply is too large|length out of range/;

# name => [server, what the log says of it]
my %servers = (
    silent => [at_once(''), $silence],
    closes => [at_once('', [close => ()]), $gone],
    resets => [at_once('', [rst => ()]), $gone],
    garbage => [at_once("\x00\xff\x15\x03\x01 SSH-2.0-garbage\r\n"),
        qr/Protocol error/],
    refuses => [at_once("-DENIED Redis is running in protected mode\r\n",
        [close => ()]), qr/AUTH is refused, DENIED/],
    unasked => [at_once("+OK\r\n" x 1000), $odd],
    huge_list => [at_once("*2000000000\r\n"), $large],
    huger_list => [at_once("*9223372036854775807\r\n"), $large],
    long_list => [at_once("*1048577\r\n"), $large],
    huge_text => [at_once("\$2000000000\r\nx"), $silence],
    deep => [at_once("*1\r\n" x 1000), qr/nested/],
    endless => [at_once('+' . 'x' x 1_000_000), $silence],

    gossip => [like_redis(AUTH => sub {
        "-ERR unknown command 'AUTH', with args beginning with: '$_[0]'\r\n"
    }), qr/AUTH is refused, ERR/],
    repeats => [like_redis(TIME => "-ERR unknown command 'TIME', with args "
        . "beginning with: '$password'\r\n"), qr/ERR unknown command 'TIME'/],
    stops => [like_redis(TIME => [[wait_close => ()]]), $silence],
    leaves => [like_redis(HGETALL => [[close => ()]]), $gone],
    half => [like_redis(HGETALL => [[send => "*4\r\n\$3\r\nab"],
        [close => ()]]), $gone],
    silent_bus => [like_redis(SUBSCRIBE => [[wait_close => ()]]), $silence],
    no_bus => [like_redis(SUBSCRIBE => "-NOPERM no channel\r\n"),
        qr/SUBSCRIBE is refused, NOPERM/],
    no_time => [like_redis(TIME => bulks('x', 'y')), $odd],
    odd_scan => [like_redis(HSCAN => resp([[], 'x'])), $odd],

    nowhere => [like_redis(HSET => "-MOVED 1 127.0.0.1:1\r\n"),
        qr/127.0.0.1:1\): Connection refused/],
    around => [like_redis(HSET => sub {
        '-MOVED 1 :' . around_port() . "\r\n"
    }), qr/redirected again and again/],
    named => [like_redis(HSET => "-MOVED 1 example.invalid:6379\r\n"),
        qr/redirected to what is no address/],
    map({ ("moved_$_->[0]" => [like_redis(HSET => "-MOVED $_->[1]\r\n"),
        qr/unreadable redirect/]) } [zero => '1 :0'], [word => '1 127.0.0.1:x'],
        [bare => ''], [slot => '99999 127.0.0.1:1']),
    asks => [like_redis(HSET => "-ASK 1 127.0.0.1:1\r\n"), qr/ASK/],

    # that which a Redis can say, and none of it what was asked for
    map({ ("all_$_->[0]" => [like_redis(any => $_->[1]), $_->[2] // $odd]) }
        [nil => "\$-1\r\n"], [number => ":1\r\n"],
        [text => "\$1\r\nx\r\n"], [nothing => "*0\r\n"],
        [nils => "*3\r\n*-1\r\n\$-1\r\n*-1\r\n"],
        [lists => "*3\r\n*2\r\n:1\r\n:2\r\n*0\r\n\$0\r\n\r\n"],
        [error => "-\r\n", qr/AUTH is refused, ERR/],
        [message => "*3\r\n\$7\r\nmessage\r\n\$-1\r\n\$-1\r\n",
            qr/$silence|$odd/]),
);

# What is odd inside of an answer is passed over.
my %tolerated = (
    odd_hosts => [like_redis(HGETALL => resp([1, undef, 'x']))],
    odd_list => [like_redis(HSCAN =>
        "*2\r\n\$1\r\n0\r\n*3\r\n:7\r\n\$-1\r\n\$3\r\none\r\n")],
);

$t->write_file('around', $servers{around}[0]->port);

my %all = (%servers, %tolerated);

sub conf {
    my $pools = join '', map {
        "gemini_keys $_ { key $key name=one; "
            . "redis redis://:$password\@127.0.0.1:" . $all{$_}[0]->port
            . " timeout=300ms; }\n";
    } sort keys %all;
    my $places = join '', map { <<"EOC" } sort(keys %all), qw(real patient);
        location /$_/v1/ { gemini_pass $_; }
        location /$_/gemini/ { gemini_admin $_; }
EOC

    return <<"EOC";
    $pools
    gemini_keys real { key $key name=one; redis @{[$redis->url]}; }
    gemini_keys patient {
        key $key name=one;
        redis redis://%%$servers{silent}[0]%% timeout=1h;
    }
    gemini_clients apps { token $token role=admin; }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        gemini_auth apps;
        $places
    }
EOC
}

sub ask {
    my ($host, $pool) = @_;

    return $host->request('POST', "/$pool/v1/chat/completions", {
        model => 'gemini-3.8-flash',
        messages => [{ role => 'user', content => 'hi' }] },
        token => $token)->{status};
}

sub told {
    my ($host, $pool, $what) = @_;

    my $count = () = $host->error_log =~ /pool "$pool" $what/g;

    return $count;
}

my $shares = qr/shares its state through/;
my $lost = qr/does not share its state/;

$t->secrets($key, $password, $token);
$t->start(conf(), workers => 8);

for my $pool (sort keys %servers) {
    ok($t->wait_log(qr/"$pool" $lost, .*$servers{$pool}[1]/),
        "$pool: the log says why");
    is(ask($t, $pool), 200, "$pool: requests are served");
    is(told($t, $pool, $shares), 0, "$pool: nothing is shared");
}

for my $pool (sort keys %tolerated) {
    ok($t->wait_log(qr/"$pool" $shares/), "$pool: is passed over");
    is(ask($t, $pool), 200, "$pool: requests are served");
}

is(told($t, 'patient', $lost), 0, 'timeout= is how long it may be silent');
is(told($t, 'real', $lost), 0, 'and a good Redis is none the worse');

# ---- a reload while it is away

$redis->kill;
ok($t->wait_log(qr/"real" $lost/), 'Redis is away');
ok($t->reload, 'a reload meanwhile');
is(ask($t, 'real'), 200, 'requests are served');
$redis->restart;

my $before = told($t, 'real', $shares);

ok($t->wait_for(sub { told($t, 'real', $shares) > $before || told($t, 'real',
    $shares) > 1 }), 'the new workers find it when it is back');
ok($t->reload, 'a reload with all of them');
is(ask($t, $_), 200, "$_: requests are served after it")
    for qw(silent huge_list around real);

# ---- the end, in every state there is

my @states = (
    ['as soon as it runs', sub { }],
    ['when Redis has stopped', sub {
        $_[0]->wait_log(qr/"real" $shares/) or die "not joined\n";
        $redis->pause;
    }],
    ['when that is known', sub {
        $_[0]->wait_log(qr/"real" $shares/) or die "not joined\n";
        $redis->pause;
        $_[0]->wait_log(qr/"real" $lost/) or die "not lost\n";
    }],
    ['in a Redis that never spoke', sub { $redis->pause }, 1],
    ['after a reload without it', sub {
        $_[0]->wait_log(qr/"real" $shares/) or die "not joined\n";
        $redis->pause;
        $_[0]->reload or die "no reload\n";
    }],
);

for my $signal (qw(QUIT TERM)) {
    for (@states) {
        my ($name, $fault, $first) = @$_;
        my $host = GeminiTest->new;

        $host->define(map { ("$_" => $_->address) } $up, $servers{silent}[0]);
        $host->secrets($key, $password, $token);
        $redis->pause if $first;
        $host->start(conf(), workers => 4);
        $fault->($host);
        is(ask($host, 'real'), 200, "$signal $name: a last request");
        is($host->stop($signal), 0, "$signal $name: nginx ends");
        $redis->go_on;
        $host->finish;
    }
}

$t->done;
