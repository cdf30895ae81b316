# Two hosts, one Redis: what one learns the other knows. Every promise of
# README.md "Several hosts" while Redis is well; redis_faults.t has the rest.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Redis;

my $a = GeminiTest->new;
my $redis = GeminiTest::Redis->start($a);

my @secrets = map { "AIzaSyRedisTestKey${_}000000000000000000" }
    qw(One Two Three BurstOne BurstTwo);
my ($one, $two, $three, @burst) = @secrets;
my $simulator = $a->simulator(args => ['--pace', '0']);
my @hosts = ($a);

sub conf {
    my (%o) = @_;

    my $url = $redis->url;

    return <<"EOC";
    gemini_secret env:GEMINI_TEST_SECRET;
    gemini_keys main {
        key $one name=one; key $two name=two;
        balance round_robin; redis $url;
    }
    gemini_keys burst {
        key $burst[0]; key $burst[1];
        limit * rpm=5; redis $url prefix=other:;
    }
    gemini_clients apps { token sk-redis-test-admin role=admin; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        gemini_auth apps;
        location /v1/ { gemini_pass main; }
        location /burst/ { gemini_pass burst; }
        location /gemini/ { gemini_admin main; }
        location /burst-admin/ { gemini_admin burst; }
        location = /version { return 200 $o{name}; }
    }
EOC
}

my %env = (env => { GEMINI_TEST_SECRET => 'a secret of more than 16 bytes' });

sub add_host {
    my $host = @hosts > 1 || $_[0] ? GeminiTest->new : $a;

    $host->define("$simulator" => $simulator->address);
    $host->secrets(@secrets, 'a secret of more than 16 bytes');
    $host->start(conf(name => 'first'), %env);

    return $host;
}

sub call {
    my ($host, $method, $path, $body) = @_;

    return $host->request($method, $path, $body,
        token => 'sk-redis-test-admin');
}

sub ask {
    my ($host, $model, %o) = @_;

    return call($host, 'POST', ($o{at} // '/v1') . '/chat/completions', {
        model => $model // 'gemini-2.5-flash', %{ $o{more} || {} },
        messages => $o{messages} // [{ role => 'user', content => 'hi' }] });
}

# A key as a host's API shows it.
sub key_on {
    my ($host, $name, $at) = @_;

    my $r = call($host, 'GET', ($at // '/gemini') . '/api/status');
    my ($key) = grep { $_->{name} eq $name } @{ $r->{json}{keys} };

    return $key;
}

sub rests {
    my ($host, $name) = @_;

    return join ' ', sort map { $_->{model} // 'all' }
        @{ (key_on($host, $name) || {})->{cooldowns} };
}

# The secrets upstream saw with the requests since.
sub used_since {
    my ($from) = @_;

    my @seen = $simulator->seen;

    return map { $_->{key} } @seen[$from .. $#seen];
}

add_host();
my $b = add_host('another');
push @hosts, $b;

for my $host ($a, $b) {
    ok($host->wait_log(qr/pool "main" shares its state through/),
        'a host joins');
}

my $hosts = 'gemini:{main}:hosts';

ok($a->wait_for(sub { $redis->command('HLEN', $hosts) == 2 }),
    'each sees the other');

# ---- rests

$simulator->set_key('one', { key => $one, behaviours => [
    { do => 'rate_limit', retry => '200s', models => 'gemini-2.5-pro' }] });

ask($a, 'gemini-2.5-pro') for 1 .. 2;
is(rests($a, 'one'), 'gemini-2.5-pro', 'a key that hits a limit on A rests');
ok($b->wait_for(sub { rests($b, 'one') eq 'gemini-2.5-pro' }),
    'and rests on B, for that model');

my $from = $simulator->seen;
ask($b, 'gemini-2.5-pro') for 1 .. 4;
is(join(' ', used_since($from)), join(' ', ($two) x 4),
    'where nobody calls it for that model');

$from = $simulator->seen;
ask($b) for 1 .. 8;
is(scalar(grep { $_ eq $one } used_since($from)), 4,
    'while other models go on');

$simulator->set_key('one', { key => $one, behaviours => [] });
is(call($a, 'POST', '/gemini/api/keys/one/reset', {})->{status}, 200,
    'a reset on A');
is(rests($a, 'one'), '', 'ends the rest there');
ok($b->wait_for(sub { rests($b, 'one') eq '' }), 'and on B');

# ---- keys added at run time

is(call($a, 'POST', '/gemini/api/keys',
    { key => $three, name => 'three' })->{status}, 201, 'a key added on A');
ok($b->wait_for(sub { key_on($b, 'three') }), 'is there on B');

ok($b->wait_for(sub {
    my $from = $simulator->seen;
    ask($b);
    return grep { $_ eq $three } used_since($from);
}), 'and serves');

# All that Redis holds, in plain text.
sub everything {
    return join "\n", map {
        my $name = $_;
        $redis->command('TYPE', $name) eq 'hash'
            ? @{ $redis->command('HGETALL', $name) }
            : $redis->command('GET', $name);
    } @{ $redis->command('KEYS', '*') };
}

my $all = everything();
# its name, in base64url
like($all, qr/\bdGhyZWU\b/, 'Redis has been told');
is(scalar(grep { index($all, $_) >= 0 } @secrets), 0,
    'but no key in plain text');

is(call($b, 'PATCH', '/gemini/api/keys/three', { enabled => \0 })->{status},
    200, 'disabled on B');
ok($a->wait_for(sub { key_on($a, 'three')->{state} eq 'disabled' }),
    'it is disabled on A');
is(call($b, 'PATCH', '/gemini/api/keys/one', { enabled => \0 })->{status},
    200, 'and one of the configuration');
ok($a->wait_for(sub { key_on($a, 'one')->{state} eq 'disabled' }),
    'likewise');
call($a, 'PATCH', '/gemini/api/keys/one', { enabled => \1 });
ok($b->wait_for(sub { key_on($b, 'one')->{state} ne 'disabled' }),
    'enabled on A it is back on B');

# ---- usage and learned limits

sub usage {
    my ($host, $name, $model, $what) = @_;

    my ($use) = grep { $_->{model} eq $model }
        @{ (key_on($host, $name) || {})->{usage} };

    return $use ? $use->{$what} : undef;
}

sub number {
    my ($value, $member) = @_;

    return ref $value eq 'HASH' ? $value->{$member} // 0 : $value // 0;
}

ask($a, 'gemini-2.5-flash-lite') for 1 .. 6;
ok($b->wait_for(sub {
    my $sum = 0;
    $sum += number(usage($b, $_, 'gemini-2.5-flash-lite', 'rpd'), 'used')
        for qw(one two);
    return $sum == 6;
}), 'requests on A count on B');

$simulator->set_key('two', { key => $two, behaviours => [{
    do => 'rate_limit', retry => '1s', limit => 77,
    models => 'gemini-3-flash-preview', times => 1 }] });
ask($a, 'gemini-3-flash-preview') for 1 .. 2;
ok($b->wait_for(sub {
    number(usage($b, 'two', 'gemini-3-flash-preview', 'rpm'), 'limit') == 77;
}), 'a limit that upstream names on A is known on B');

# ---- thought signatures

my %tools = (more => { tools => [{ type => 'function', function => {
    name => 'temperature', parameters => { type => 'object',
        properties => { city => { type => 'string' } } } } }] });
my @question = ({ role => 'user',
    content => 'What is the temperature in Oslo?' });

sub calls_of {
    my ($host) = @_;

    my $r = ask($host, 'gemini-3.8-flash', %tools, messages => \@question);

    return @{ $r->{json}{choices}[0]{message}{tool_calls} || [] };
}

# The signature that upstream sees when a client sends back the id alone.
sub goes_back {
    my ($host, $call) = @_;

    my %bare = %$call;
    delete $bare{extra_content};

    ask($host, 'gemini-3.8-flash', %tools, messages => [@question,
        { role => 'assistant', content => undef, tool_calls => [\%bare] },
        { role => 'tool', tool_call_id => $bare{id}, content => '21' }]);

    my ($seen) = grep { $_->{method} eq 'POST' } reverse $simulator->seen;
    my ($turn) = grep { $_->{role} eq 'model' } @{ $seen->{body}{contents} };

    return $turn->{parts}[0]{thoughtSignature} // '';
}

my ($call) = calls_of($a);
my $given = $call->{extra_content}{google}{thought_signature};
ok($given, 'a call with a signature from A');
ok($b->wait_for(sub { goes_back($b, $call) eq $given }),
    'goes on at B with its id alone');

# ---- one that comes later

$simulator->set_key('one', { key => $one, behaviours => [
    { do => 'rate_limit', retry => '200s', models => 'gemini-2.5-pro' }] });
ask($a, 'gemini-2.5-pro') for 1 .. 3;
call($a, 'PATCH', '/gemini/api/keys/three', { enabled => \1 });
ok($a->wait_for(sub { $redis->command('HGET', 'gemini:{main}:rest',
    key_on($a, 'one')->{id} . '|gemini-2.5-pro') }), 'news is in Redis');

my $c = add_host('third');
push @hosts, $c;

ok($c->wait_for(sub { $redis->command('HLEN', $hosts) == 3 }),
    'a third host comes');
ok($c->wait_for(sub { rests($c, 'one') eq 'gemini-2.5-pro' }),
    'it learns the rests');
ok($c->wait_for(sub { key_on($c, 'three') }), 'the keys');
ok($c->wait_for(sub {
    number(usage($c, 'one', 'gemini-2.5-flash-lite', 'rpd'), 'used')
        + number(usage($c, 'two', 'gemini-2.5-flash-lite', 'rpd'), 'used')
        == 6;
}), 'the usage');
ok($c->wait_for(sub { goes_back($c, $call) eq $given }),
    'the signatures');

is($c->stop, 0, 'it goes');
is($redis->command('HLEN', $hosts), 2, 'and takes its leave');

# ---- one quota

sub hosts_of {
    my ($host) = @_;

    return call($host, 'GET', '/burst-admin/api/status')
        ->{json}{redis}{hosts};
}

ok($a->wait_for(sub { hosts_of($a) == 2 && hosts_of($b) == 2 }),
    'two hosts are left');

my @asked = map {
    my $host = $_ % 2 ? $a : $b;
    $host->stream('POST', '/burst/chat/completions', {
        model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }] },
        token => 'sk-redis-test-admin');
} 1 .. 100;
my @answers = map { $_->finish } @asked;
my %counts;
$counts{ $_->{status} }++ for @answers;
my $reached = grep { $_->{key} eq $burst[0]
    || $_->{key} eq $burst[1] } $simulator->seen;

cmp_ok($reached, '>=', 10, 'a burst over two hosts gets what is there');
cmp_ok($reached, '<=', 12, 'and no more');
is($counts{200}, $reached, 'those are answered');
is($counts{429}, 100 - $reached, 'the others are told');
is(scalar(grep { $_->{status} == 429
    && !($_->{headers}{'retry-after'} // 0) } @answers), 0,
    'when to come back');

# ---- reload, and workers that die

my $in_step = () = $a->error_log =~ /pool "main" shares its state through/g;
ok($a->reload(conf(name => 'second')), 'a reload');
ok($a->wait_for(sub {
    my $now = () = $a->error_log =~ /pool "main" shares its state through/g;
    return $now > $in_step;
}), 'takes the link over');
is($redis->command('HLEN', $hosts), 2, 'without leaving');
is(call($b, 'POST', '/gemini/api/keys/one/reset', {})->{status}, 200,
    'news from B');
ok($a->wait_for(sub { rests($a, 'one') eq '' }), 'arrives');

$a->kill_worker($_) for $a->workers;
ok($b->wait_for(sub {
    ask($b, 'gemini-2.5-pro');
    return rests($b, 'one') eq 'gemini-2.5-pro';
}), 'a key rests on B');
ok($a->wait_for(sub { rests($a, 'one') eq 'gemini-2.5-pro' }),
    'and on A, all of whose workers were killed');

unlike($a->error_log . $b->error_log, qr/does not share its state/,
    'the link was never lost');

$_->finish for $c, $b;
is($redis->command('HLEN', $hosts), 1, 'B has gone');
$a->done;
