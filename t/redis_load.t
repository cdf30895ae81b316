# Two hosts under steady load while their Redis is killed, comes back empty,
# and hangs: no request fails, nothing is forgotten, both agree again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Load;
use GeminiTest::Redis;

my $a = GeminiTest->new;
my $b = GeminiTest->new;
my $redis = GeminiTest::Redis->start($a);
my $simulator = $a->simulator;
my %secret = map { $_ => "redis-load-key-$_-0123456789" } qw(one two);

# The issue's own bound for agreeing again.
my $soon = 5;

$simulator->set_key('one', { key => $secret{one}, behaviours => [
    { do => 'rate_limit', retry => '2h', models => 'gemini-2.5-pro' },
    { do => 'rate_limit', retry => '2h', models => 'gemini-3.8-flash' } ] });
$b->define("$simulator" => $simulator->address);

for my $host ($a, $b) {
    $host->secrets(values %secret);
    $host->start(<<"EOC");
    gemini_keys main {
        key $secret{one} name=one; key $secret{two} name=two;
        balance round_robin;
        redis @{[ $redis->url ]} timeout=300ms;
    }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location = /status { gemini_status main json; }
    }
EOC
}

sub ask {
    my ($host, $model) = @_;

    return $host->post('/v1/chat/completions', {
        model => $model,
        messages => [{ role => 'user', content => '#echo hello' }] });
}

sub redis_of { return $_[0]->get('/status')->{json}{redis} }

sub rests {
    my ($host) = @_;

    my ($one) = grep { $_->{name} eq 'one' }
        @{ $host->get('/status')->{json}{keys} };

    return join ' ', sort map { $_->{model} } @{ $one->{cooldowns} };
}

# Each model until the key that fails has had it.
sub rest {
    my ($host, $model) = @_;

    return $host->wait_for(sub {
        ask($host, $model);
        return index(rests($host), $model) >= 0;
    });
}

ok($a->wait_for(sub { !grep { redis_of($_)->{state} ne 'up'
    || redis_of($_)->{hosts} != 2 } $a, $b }), 'two hosts share a pool');
rest($a, 'gemini-2.5-pro');
ok($b->wait_for(sub { rests($b) eq 'gemini-2.5-pro' }),
    'what rests on one rests on the other');

my $load = GeminiTest::Load->start($a, 4, sub {
    my ($turn) = @_;

    my $r = ask($turn % 2 ? $a : $b, 'gemini-2.5-flash');

    return $r->{status} == 200 ? '' : $r->{raw} || 'no answer';
});

# ---- killed, and back with nothing

$redis->kill;
ok($a->wait_for(sub { !grep { redis_of($_)->{state} eq 'up' } $a, $b }),
    'Redis is gone');
rest($b, 'gemini-3.8-flash');
$redis->restart;

ok($a->wait_for(sub {
    return !grep { redis_of($_)->{state} ne 'up'
        || rests($_) ne 'gemini-2.5-pro gemini-3.8-flash' } $a, $b;
}, $soon), 'when it is back, empty, both agree, on what came meanwhile too');
ok($a->wait_for(sub {
    $redis->command('HLEN', 'gemini:{main}:rest') == 2
}, $soon), 'and it knows again what they know');

# ---- it takes connections and says nothing

$redis->pause;
ok($a->wait_for(sub { !grep { redis_of($_)->{state} eq 'up' } $a, $b }),
    'a Redis that hangs is noticed');
$redis->go_on;
ok($a->wait_for(sub { !grep { redis_of($_)->{state} ne 'up' } $a, $b },
    $soon), 'and taken back');

my ($good, @bad) = $load->finish;

cmp_ok($good, '>', 100, 'requests went on all the time');
is(scalar @bad, 0, 'and none has failed') or diag(@bad[0 .. 2]);
is(scalar(grep { $_->{path} =~ /2\.5-pro|3\.8-flash/ }
        $simulator->seen($secret{one})), 2,
    'nobody has asked again what rests');

$b->finish;
$a->done;
