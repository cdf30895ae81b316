# How the next key is chosen: the four balances, weights, and clients that
# stay with their key.  All workers share one order.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

# The first character of a key is its name in a pool.
sub secret { return "$_[1]-balance-$_[0]-24142135" }

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $word = $request->{json}{contents}[0]{parts}[0]{text};

    return [[gate => $word], ['rst']] if $word eq 'held';
    return error(429, 'RESOURCE_EXHAUSTED', retry => $2)
        if $word =~ /\A(\w) is spent for (\w+)/
        && $1 eq substr $request->{key}, 0, 1;
    return reply('hello');
});

my %pools = (
    standard => ['', qw(a b c d)],
    robin => ['balance round_robin;', qw(a b c)],
    robin_weights => ['balance round_robin;', 'a weight=3', 'b'],
    robin_models => ['balance round_robin;', 'a models=x-*', 'b', 'c'],
    random => ['balance random;', qw(a b c)],
    random_weights => ['balance random;', 'a weight=9', 'b'],
    least => ['balance least_used;', qw(a b)],
    least_weights => ['balance least_used;', 'a weight=2', 'b'],
    headroom => ['balance headroom;', qw(a b c)],
    headroom_weights => ['balance headroom;', 'a weight=3', 'b'],
    sticky => ['sticky on;', 'a'..'h'],
    loose => ['sticky off;', qw(a b)],
);

my $clients = join ' ', map { "token balance-client-$_ name=client$_;" }
    1 .. 8;

$t->secrets(map { "balance-client-$_" } 1 .. 8);

sub conf {
    my $conf = "gemini_upstream http://%%$up%%;\n"
        . "gemini_clients apps { $clients }\n";
    my $locations = '';

    for my $name (sort keys %pools) {
        my ($how, @keys) = @{ $pools{$name} };
        my $auth = $name =~ /sticky|loose/ ? 'apps' : 'off';

        $conf .= "gemini_keys $name { $how\n" . join('', map {
            /\A(.)/;
            $t->secrets(secret($name, $1));
            'key ' . secret($name, $1) . " name=$_;\n";
        } @keys) . "}\n";
        $locations .= "location /$name/ { gemini_pass $name;"
            . " gemini_auth $auth; }\n";
    }

    # so that the kernel spreads connections over the workers
    return "$conf server { listen %%PORT%% reuseport; $locations }";
}

$t->start(conf());

sub body {
    my ($word, $model) = @_;

    return { model => $model // 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $word }] };
}

sub ask {
    my ($pool, %o) = @_;

    return $t->post("/$pool/chat/completions",
        body($o{word} // 'hi', $o{model}), %o);
}

# The keys that a pool's requests came with, in order.
sub used {
    my ($pool, $from) = @_;

    my $all = join '', map {
        $_->{key} =~ /\A(.)-balance-\Q$pool\E-2/ ? $1 : ()
    } $up->seen;

    return substr $all, $from // 0;
}

sub count { return scalar(() = $_[0] =~ /$_[1]/g) }

# ---- round robin

ask('robin') for 1 .. 9;
is(used('robin'), 'abcabcabc', 'round robin goes through the keys in order');

ask('robin_weights') for 1 .. 8;
is(count(used('robin_weights'), 'a'), 6, 'a weight of 3 is three turns of 4');
like(substr(used('robin_weights'), 0, 4), qr/b/, 'in each round');

ask('robin_models', model => 'y-one') for 1 .. 4;
is(count(used('robin_models'), 'b'), 2,
    'keys that may not serve a model take no turns');
is(count(used('robin_models'), 'c'), 2, 'of those that may');

is(ask('robin', word => 'a is spent for 900s')->{status}, 200,
    'when a key rests');
my $from = length used('robin');
ask('robin') for 1 .. 8;
is(used('robin', $from) =~ s/(..)/[$1]/gr,
    ('[' . substr(used('robin', $from), 0, 2) . ']') x 4,
    'the others take turns');
is(count(used('robin', $from), 'b'), 4, 'and share its load evenly');

# ---- random

ask('random') for 1 .. 60;
my $random = used('random');
is(join(' ', map { count($random, $_) > 5 ? $_ : () } qw(a b c)), 'a b c',
    'random uses every key');
isnt($random, substr($random, 0, 3) x 20, 'in no fixed order');

ask('random_weights') for 1 .. 60;
cmp_ok(count(used('random_weights'), 'a'), '>', 30,
    'heavier keys are drawn more often');

# ---- least used

ask('least') for 1 .. 6;
is(count(used('least'), 'a'), 3, 'least_used shares evenly');

ask('least_weights') for 1 .. 9;
is(count(used('least_weights'), 'a'), 6, 'by weight');

# ---- headroom

for my $pool (qw(standard headroom)) {
    my $keys = $#{ $pools{$pool} };

    ask($pool) for 1 .. 3 * $keys;
    my $used = used($pool);
    is($used, substr($used, 0, $keys) x 3,
        "$pool: among equals the one that was used longest ago");
    is(join('', sort split //, substr $used, 0, $keys),
        join('', @{ $pools{$pool} }[1 .. $keys]), "$pool: which is each");
}

ask('headroom_weights') for 1 .. 20;
is(count(used('headroom_weights'), 'a'), 15, 'headroom: by weight');

# ---- many at once

for my $pool (qw(robin_models least standard)) {
    my $from = length used($pool);
    my @held = map { $t->stream('POST', "/$pool/chat/completions",
        body('held')) } 1 .. 2;

    $t->wait_for(sub { length(used($pool)) >= $from + 2 });
    my @keys = split //, used($pool, $from);
    isnt($keys[0], $keys[1],
        "$pool: requests at the same time go out with different keys");
    $_->abort for @held;
}

# ---- clients that stay

sub asks {
    my ($pool, $client, %o) = @_;

    my $from = length used($pool);
    my $r = ask($pool, token => "balance-client-$client", %o);

    is($r->{status}, 200, "client $client is served") unless $o{word};

    return used($pool, $from);
}

my %own;

for my $client (1 .. 8) {
    my $keys = join '', map { asks('sticky', $client) } 1 .. 3;
    $own{$client} = substr $keys, 0, 1;
    is($keys, $own{$client} x 3, "client $client keeps its key");
}

my %different = reverse %own;
cmp_ok(scalar keys %different, '>', 1, 'not all clients have the same');

my $moved = asks('sticky', 1, word => "$own{1} is spent for 1s");
my $first = $own{1};
like($moved, qr/\A$first(?!$first)\w\z/, 'a key that fails is left');
ok($t->wait_for(sub { asks('sticky', 1, word => 'hi') eq $own{1} }),
    'and taken again when it is back');

is(count(join('', map { asks('loose', 1) } 1 .. 4), 'a'), 2,
    'without sticky a client has no key of its own');

# ---- reload

$pools{least} = ['balance least_used;', qw(a b c)];
ok($t->reload(conf()), 'a pool gets another key');

$from = length used('least');
ask('least') for 1 .. 3;
is(used('least', $from), 'ccc', 'that is the least used one for a while');

is(join('', map { asks('sticky', $_) } 1 .. 8),
    join('', map { $own{$_} } 1 .. 8), 'clients keep their keys over it');

$t->done;
