# `state PATH`: what a pool knows outlives its nginx, whole or not at all.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

our $t = GeminiTest->new;
my %secret = map { $_ => "state-test-key-$_-27182818284590" }
    qw(one two three late);
my $admin = 'sk-state-test-admin-0001';
my $operator = 'an-operator-keeps-this-one-to-himself';
my $model = 'gemini-2.5-flash';
my $day = { quotaValue => '50', quotaDimensions => { model => $model },
    quotaId => 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
    quotaMetric => 'generativelanguage.googleapis.com/'
        . 'generate_content_free_tier_requests' };

$t->secrets(values %secret, $admin);

my %failure = (
    resting => error(503, 'UNAVAILABLE'),
    limited => error(429, 'RESOURCE_EXHAUSTED', quota => [$day]),
);

# "KEY FAILURE": so the key of that name fails, the others answer.
my $up = $t->upstream(sub {
    my ($request) = @_;

    my ($name, $how) = split / /,
        $request->{json}{contents}[0]{parts}[0]{text};

    return $request->{key} eq ($secret{$name} // '') ? $failure{$how}
                                                     : reply('hello');
});

my $folder = $t->dir . '/state';
my $path = "$folder/main";

mkdir $folder;
$t->write_file('secret', $operator);

sub conf {
    my $keys = join ' ', map { "key $secret{$_} name=$_;" }
        qw(one two three);

    return <<"EOC";
    gemini_secret %%DIR%%/secret;
    gemini_keys main {
        $keys
        balance round_robin;
        cooldown unavailable 7h;
        state $path;
    }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_auth off;
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /admin/ { gemini_admin main; gemini_auth admins; }
        location = /main.json { gemini_status main json; }
    }
EOC
}

sub ask {
    my ($text) = @_;

    return $t->post('/v1/chat/completions', { model => $model,
        messages => [{ role => 'user', content => $text }] })->{status};
}

# Until it rests: others may be asked first.
sub fail_key {
    my ($name, $how) = @_;

    return $t->wait_for(sub {
        ask("$name $how");
        rests($name) ne 'nothing';
    });
}

sub rests {
    my ($name) = @_;

    my ($key) = grep { $_->{name} eq $name }
        @{ $t->get('/main.json')->{json}{keys} };

    return 'unknown' unless $key;
    return join(' ', map { $_->{reason} } @{ $key->{cooldowns} })
        || 'nothing';
}

sub content {
    open my $file, '<', $path or return '';
    binmode $file;

    return do { local $/; <$file> } // '';
}

# How many lines of the file are so.
sub lines {
    my ($pattern) = @_;

    return scalar grep { /$pattern/ } split /\n/, content();
}

sub put {
    my ($text) = @_;

    open my $file, '>', "$path.new" or die "$path: $!\n";
    binmode $file;
    print {$file} $text;
    close $file or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";

    return;
}

sub kill_all {
    kill 'KILL', -$t->{pid};
    waitpid delete $t->{pid}, 0;
    $t->{pid} = 0;

    return;
}

# ---- a whole stop

$t->start(conf());
is(ask('hello'), 200, 'a pool without a state file serves');
ok(fail_key('one', 'resting'), 'a key rests');
ok(fail_key('two', 'limited'), 'another has met its daily limit');

my $r = $t->post('/admin/api/keys', { key => $secret{late}, name => 'late',
    weight => 3 }, token => $admin);
like($r->{status}, qr/\A20\d\z/, 'a key is added') or diag($r->{raw});

is($t->stop, 0, 'nginx stops');

my $kept = content();

like($kept, qr/\Agemini-state 1 main\n.*^end [0-9a-f]{64}\n\z/ms,
    'the state is on disk, whole');
like($kept, qr/^rest \w{16}\|\Q$model\E \d+ unavailable /m, 'the rest');
like($kept, qr/^limit \w{16}\|\Q$model\E\|rpd 50 /m, 'the learned limit');
like($kept, qr/^use \w{16}\|\Q$model\E \d+ [1-9]/m, 'the usage');
like($kept, qr/^key \w{16} \d+ a 3 /m, 'and the key');
ok(!grep({ index($kept, $_) >= 0 } values %secret),
    'no secret is in it in the open');
is(sprintf('%o', (stat $path)[2] & 07777), '600',
    'only its owner may read it');
is_deeply([glob "$folder/*"], [$path], 'nothing else lies beside it');

sub used {
    my ($text) = @_;

    my %used = $text =~ /^use (\S+) \d+ (\d+) /mg;

    return \%used;
}

$t->start(conf());
is(rests('one'), 'unavailable', 'after a start the key rests as before');
is(rests('two'), 'daily_quota', 'and the other');
is(rests('late'), 'nothing', 'the added key is there');
my $before = $up->seen;
ask('hello') for 1 .. 6;
is(join(' ', sort keys %{ { map { $_ => 1 }
    map { $_->{key} } ($up->seen)[$before .. $before + 5] } }),
    join(' ', sort @secret{qw(three late)}),
    'only keys that do not rest are asked, the added one too');
is($t->stop, 0, 'it stops');

my ($was, $is) = (used($kept), used(content()));

is_deeply([grep { ($is->{$_} // 0) < $was->{$_} } keys %$was], [],
    'usage has only grown');
like(content(), qr/^limit \w{16}\|\Q$model\E\|rpd 50 /m,
    'the learned limit is still known');

# ---- all processes are killed

$t->start(conf());
fail_key('three', 'resting');
ok($t->wait_for(sub { lines(qr/^rest .* unavailable /) == 2 }),
    'a change is written while nginx runs');
kill_all();
$t->start(conf());
is(rests('three'), 'unavailable', 'a kill of everything loses nothing of it');

# ---- it cannot be written

mkdir "$path.tmp";
$t->post('/admin/api/keys/three/reset', {}, token => $admin);
ok($t->wait_log(qr/\[error\].*state file "\Q$path\E" cannot be written/),
    'what cannot be written is logged');
is(ask('hello'), 200, 'and nginx serves on');
rmdir "$path.tmp";
ok($t->wait_log(qr/state file "\Q$path\E" is in use again/),
    'until it can be again');
my @said = $t->error_log =~ /cannot be written/g;
is(scalar @said, 1, 'it was said once');
ok($t->wait_for(sub { lines(qr/^rest .* unavailable /) == 1 }),
    'then the change is on disk');
is($t->stop, 0, 'it stops');

# ---- a file that is broken, or not ours

$kept = content();
my $broken = $kept;
$broken =~ s/ unavailable / unavailabel /;
put($broken);
$t->start(conf());
like($t->error_log, qr/\[error\].*state file "\Q$path\E" is broken/,
    'a broken file is told');
is(join(' ', map { rests($_) } qw(one two three late)),
    'nothing nothing nothing unknown', 'and nothing of it used');
ok($t->wait_for(sub { content() =~ /\Agemini-state 1 main\nend / }),
    'a new one takes its place');
is($t->stop, 0, 'it stops');

put(substr $kept, 0, length($kept) / 2);
$t->start(conf());
is(rests('one'), 'nothing', 'half a file is not used either');
is($t->stop, 0, 'it stops');

my $newer = "gemini-state 2 main\nwhat a later version knows\n";
put($newer);
$t->start(conf());
like($t->error_log, qr/\[error\].*"\Q$path\E" was written by a later version/,
    'a file of a later version is told');
fail_key('one', 'resting');
is($t->stop, 0, 'it stops');
is(content(), $newer, 'and left as it was');

unlink $path;

# ---- two nginx with one file, as the old and the new binary of an upgrade

sub on {
    my ($instance, $work) = @_;

    local $t = $instance;

    return $work->();
}

$t->start(conf());
fail_key('one', 'resting');
ok($t->wait_for(sub { lines(qr/^rest /) == 1 }), 'the old one has written');

my $other = GeminiTest->new;

$other->secrets(values %secret, $admin);
$other->define("$up" => $up->address);
$other->write_file('secret', $operator);
$other->start(conf());

is(on($other, sub { rests('one') }), 'unavailable',
    'the new one knows what the old one knew');
on($other, sub { fail_key('two', 'resting') });
ok($t->wait_for(sub { rests('two') eq 'unavailable' }),
    'the old one learns of the new one');

fail_key('three', 'resting');
ok($t->wait_for(sub { on($other, sub { rests('three') }) eq 'unavailable' }),
    'and the new one of the old one');
$t->finish;
is(lines(qr/^rest /), 3, 'the file holds what both knew');
is(on($other, sub { join ' ', map { rests($_) } qw(one two three) }),
    join(' ', ('unavailable') x 3), 'and the new one goes on with all of it');
$other->finish;
is(lines(qr/^rest /), 3, 'to the end');

done_testing();
