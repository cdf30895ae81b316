# Who made what, known to other hosts and after a restart.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Redis;
use GeminiTest::Resources;

my $a = GeminiTest->new;
my $redis = GeminiTest::Redis->start($a);
my $simulator = two_projects($a);
my %project = ('one-a' => 'one', 'one-b' => 'one', two => 'two');

sub add_host {
    my ($host) = @_;

    $host->define("$simulator" => $simulator->address);
    $host->secrets(values %secret, values %token);
    $host->start(resources_conf($simulator,
        pool => 'balance round_robin; redis ' . $redis->url . ';'));
    ok($host->wait_log(qr/pool "main" shares its state through/),
        'a host joins');

    return $host;
}

sub tries {
    my ($host, $method, $path, $body, %o) = @_;

    $simulator->forget;

    my $r = call($host, $method, $path, $body, %o);
    my @seen = $simulator->seen;

    return "$r->{status} " . scalar @seen;
}

# A refusal without a question upstream: this host knows whose it is.
sub knows {
    my ($host, $name) = @_;

    return $host->wait_for(sub {
        tries($host, 'GET', $name, undef, as => 'bob') =~ /\A40[34] 0\z/;
    });
}

my $use = "models/$model:generateContent";

sub used {
    my ($host, $name) = @_;

    return tries($host, 'POST', $use,
        { %{ said('#echo hi') }, cachedContent => $name });
}

# ---- two hosts

add_host($a);
my $b = add_host(GeminiTest->new);

my @caches = map { cache($_)->{json}{name} } $a, $b, $a, $b;
my %owner = map { made_by($simulator, $_) => 1 } @caches;

for my $name (@caches) {
    for my $host ($a, $b) {
        ok(knows($host, $name), 'each host knows whose it is');
        is(used($host, $name), '200 1', 'and where, at the first try');
    }
}

my ($target) = begin_upload($a, 3);
ok($b->wait_for(sub {
    send_upload($b, $target, 'query')->{headers}{'x-goog-upload-status'}
}), 'an upload begun at one host goes on at another');
is(send_upload($b, $target, 'upload, finalize', 'abc')->{status}, 200,
    'to its end');

my $c = add_host(GeminiTest->new);
ok(knows($c, $_), 'a host that joins later hears of it') for @caches;
is(used($c, $_), '200 1', 'a host that joins later knows where')
    for @caches;
is(tries($c, 'GET', $_, undef, as => 'bob'), '403 0', 'and whose')
    for @caches;

is(call($a, 'DELETE', $caches[0])->{status}, 200, 'one is deleted');
like(used($b, $caches[0]), qr/\A403 /, 'for all hosts');

$redis->kill;
is(used($a, $caches[1]), '200 1', 'without Redis a host goes on');
is(used($b, $caches[1]), '200 1', 'and the other');
my $alone = cache($a)->{json}{name};
is(used($a, $alone), '200 1', 'also with what it has made since');
$redis->restart;
ok($a->wait_for(sub { used($b, $alone) eq '200 1' }, 20),
    'later the others can use that too');

$_->finish for $c, $b, $a;

# ---- a restart

my $t = GeminiTest->new;
$t->define("$simulator" => $simulator->address);
$t->secrets(values %secret, values %token);

my $path = $t->dir . '/main.state';
my $conf = resources_conf($simulator, pool =>
    "balance round_robin; state $path;");

$t->start($conf);
my $cache = cache($t)->{json}{name};
my $file = upload($t, 'abc');
($target) = begin_upload($t, 3);
ok($t->reload, 'a reload');
ok(knows($t, $cache), 'forgets nothing');
is($t->stop, 0, 'nginx stops');

$t->start($conf);
is(tries($t, 'GET', $cache, undef, as => 'bob'), '403 0',
    'after a restart it is known whose a cache is');
is(tries($t, 'GET', $file->{name}, undef, as => 'bob'), '403 0', 'and a file');
is(used($t, $cache), '200 1', 'and where');
is(send_upload($t, $target, 'upload, finalize', 'abc')->{status}, 200,
    'an upload goes on');
is($t->stop, 0, 'nginx stops');

open my $state, '<', $path or die "$path: $!\n";
my $kept = do { local $/; <$state> };
my ($id) = $target =~ /upload_id=([\w-]+)/;
unlike($kept, qr/\Q$id\E/, 'no upload_id is in the state file');
unlike($kept, qr/\Q$token{alice}\E/, "nor a client's token");

$t->finish;
done_testing();
