# How long keys rest by the operator's word, and where that is remembered:
# by every worker, over reloads, and when a worker is killed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

sub secret { return "cooldown-$_[0]-$_[1]-17320508" }

my $minute = { quotaId => 'GenerateRequestsPerMinutePerProjectPerModel' };
my $day = { quotaId => 'GenerateRequestsPerDayPerProjectPerModel' };
my $zero = { %$minute, quotaValue => '0' };

my %failures = (
    invalid => error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID'),
    rate_limit => error(429, 'RESOURCE_EXHAUSTED', quota => [$minute]),
    daily_quota => error(429, 'RESOURCE_EXHAUSTED', quota => [$day]),
    no_access => error(429, 'RESOURCE_EXHAUSTED', quota => [$zero]),
    unavailable => error(503, 'UNAVAILABLE'),
    gateway => error(502, 'UNAVAILABLE'),
    server_error => error(500, 'INTERNAL'),
    named => error(429, 'RESOURCE_EXHAUSTED', quota => [$minute],
        retry => '40s'),
    none => reply('hello'),
);

# What a request says is how the first key of its pool fails.
my $up = $t->upstream(sub {
    my ($request) = @_;

    my $word = $request->{json}{contents}[0]{parts}[0]{text};

    return [[gate => 'never']] if $word eq 'held';
    return reply('hello') if $request->{key} !~ /-bad-/;
    return $failures{$word};
});

my @classes = qw(invalid rate_limit daily_quota no_access unavailable gateway
    server_error);
my %pools = (
    (map { $_ => "cooldown $_ 7h;", "${_}_off" => "cooldown $_ off;" }
        @classes),
    named => 'cooldown rate_limit 7h;',
    named_off => 'cooldown rate_limit off;',
    short => 'cooldown unavailable 250ms;',
    shared => 'cooldown unavailable 7h;',
    grown => 'cooldown unavailable 7h;',
    shrunk => 'cooldown unavailable 7h;',
    sized => 'cooldown unavailable 7h; zone 2m;',
    killed => 'cooldown unavailable 7h;',
);

my %keys = map { $_ => ['bad', 'good'] } keys %pools;
$keys{shrunk} = ['bad', 'good', 'third'];

sub conf {
    my $conf = "gemini_auth off; gemini_upstream http://%%$up%%;"
        . " log_format who '\$pid \$uri'; access_log %%DIR%%/who.log who;\n";
    my $locations = '';

    for my $pool (sort keys %pools) {
        $t->secrets(map { secret($pool, $_) } @{ $keys{$pool} });
        $conf .= "gemini_keys $pool { balance round_robin; $pools{$pool}"
            . join('', map { ' key ' . secret($pool, $_) . " name=$_;" }
                @{ $keys{$pool} }) . " }\n";
        $locations .= "location /$pool/ { gemini_pass $pool; }\n"
            . "location = /$pool.json { gemini_status $pool json; }\n";
    }

    return "$conf server { listen %%PORT%% reuseport; $locations }";
}

$t->start(conf());

sub body {
    return { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $_[0] }] };
}

sub ask {
    my ($pool, $word) = @_;

    return $t->post("/$pool/chat/completions", body($word))->{status};
}

sub asked {
    my ($pool) = @_;

    return join ' ', map {
        $_->{key} =~ /\Acooldown-\Q$pool\E-(\w+)-/ ? $1 : ()
    } $up->seen;
}

sub key {
    my ($pool, $name) = @_;

    my ($key) = grep { $_->{name} eq ($name // 'bad') }
        @{ $t->get("/$pool.json")->{json}{keys} };

    return $key;
}

# Why the pool's first key rests, and for how many hours, rounded.
sub rest {
    my ($pool) = @_;

    my $rest = key($pool)->{cooldowns}[0] or return 'nothing';

    return "$rest->{reason} " . (defined $rest->{seconds_left}
        ? int($rest->{seconds_left} / 3600 + 0.5) : 'for ever');
}

# ---- cooldown CLASS TIME | off

for my $class (@classes) {
    is(ask($class, $class), 200, "$class: another key serves");
    is(rest($class), "$class 7", "$class: rests for the configured time");

    is(ask("${class}_off", $class), 200,
        "$class, off: another key serves");
    is(rest("${class}_off"), 'nothing', "$class, off: nothing rests");

    ask("${class}_off", 'none') for 1 .. 2;
    is(scalar(() = asked("${class}_off") =~ /bad/g), 2,
        "$class, off: the key is soon asked again");
}

is(ask('named', 'named'), 200, 'where upstream names a time');
is(rest('named'), 'rate_limit 0', 'that comes before the configured one');
ok(key('named')->{cooldowns}[0]{seconds_left} > 1, 'and is the one that runs');
ask('named_off', 'named');
is(rest('named_off'), 'nothing', 'but "off" means off');

ask('short', 'unavailable');
ok($t->wait_for(sub { ask('short', 'none');
    asked('short') =~ /bad good.* bad/ }), 'a short rest is soon over');

# ---- seen by all

# Asks until every worker has answered.
sub by_all_workers {
    my ($path, $check) = @_;

    my %workers = map { $_ => 1 } $t->workers;
    my $wrong = 0;

    $t->wait_for(sub {
        ++$wrong unless $check->();
        # the log is written after the answer
        return !grep { $t->_slurp('who.log') !~ m{^$_ /\Q$path\E}m }
            keys %workers;
    }) or return 0;

    return !$wrong;
}

is(ask('shared', 'unavailable'), 200, 'one worker sees a key fail');
ok(by_all_workers('shared.json', sub {
    rest('shared') eq 'unavailable 7'
}), 'and all workers know');
ok(by_all_workers('shared/chat', sub {
    ask('shared', 'unavailable') == 200
}), 'and serve without it');
is(scalar(() = asked('shared') =~ /bad/g), 1, 'which none asks again');

# ---- over a reload

for my $pool (qw(grown shrunk sized killed)) {
    ask($pool, 'unavailable');
    is(rest($pool), 'unavailable 7', "$pool: a key rests");
}

my $requests = key('shared', 'good')->{requests};
ok($t->reload, 'a reload');
is(rest('shared'), 'unavailable 7', 'rests outlive it');
is(key('shared', 'good')->{requests}, $requests, 'and so do the counters');
ask('shared', 'unavailable') for 1 .. 4;
is(scalar(() = asked('shared') =~ /bad/g), 1, 'the new workers heed them');

$keys{grown} = ['new', 'good', 'bad', map { "new$_" } 1 .. 40];
$keys{shrunk} = ['third', 'bad'];
$pools{sized} =~ s/2m/4m/;
ok($t->reload(conf()), 'a reload that changes pools');

for my $pool (qw(shared grown shrunk sized)) {
    is(rest($pool), 'unavailable 7', "$pool: the rest is still there");
    is(ask($pool, 'unavailable'), 200, "$pool: it serves")
        for 1 .. @{ $keys{$pool} };
    is(scalar(() = asked($pool) =~ /bad/g), 1, "$pool: without that key");
}

like(asked('grown'), qr/new1/, 'added keys are used');
is(key('grown', 'new2')->{cooldowns}[0], undef, 'and rested from nothing');
unlike(asked('shrunk'), qr/third .*good/, 'removed ones are not');

$pools{sized} =~ s/4m/3m/;
$keys{shrunk} = ['good', 'bad'];
ok($t->reload(conf()), 'and back');
is(rest($_), 'unavailable 7', "$_: still")
    for qw(shared grown shrunk sized);

$pools{sized} =~ s/3m/8k/;
$t->expect_log(qr/\[emerg\].*"zone"/, qr/\[emerg\].*too small/);
ok(!$t->reload(conf()), 'a zone that is too small is refused');
is(rest('sized'), 'unavailable 7', 'and the old one goes on');
$pools{sized} =~ s/8k/3m/;

for my $size (qw(1m 2m 7m 10m 32m 64m)) {
    my ($said, $code) = $t->conf_error(
        "gemini_keys other { zone $size; key cooldown-other; }");
    is($code, 0, "a zone of $size serves a key") or diag($said);
}

# ---- a worker that is killed

my @held = map {
    $t->stream('POST', '/killed/chat/completions', body('held'))
} 1 .. 8;

ok($t->wait_for(sub { split(' ', asked('killed')) >= 10 }),
    'requests are under way');
is(key('killed', 'good')->{in_flight}, 8, 'and counted');

$t->kill_worker($_) for $t->workers;
$_->abort for @held;

is(rest('killed'), 'unavailable 7', 'a rest outlives killed workers');
is(ask('killed', 'unavailable'), 200, 'the pool serves') for 1 .. 4;
is(scalar(() = asked('killed') =~ /bad/g), 1, 'without that key');
ok($t->wait_for(sub { key('killed', 'good')->{in_flight} == 0 }, 3),
    'nothing that died with them counts as under way');

ask('rate_limit_off', 'rate_limit') for 1 .. 4;
is(rest('rate_limit_off'), 'nothing', 'others are untouched');
ok($t->reload(conf()), 'and a reload is possible');
is(ask('killed', 'unavailable'), 200, 'after which it still serves');

$t->done;
