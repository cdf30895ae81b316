# Large files: what goes through nginx does not stay in it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA;
use MIME::Base64 qw(decode_base64);
use Test::More;

use GeminiTest;
use GeminiTest::Resources;

my $megabyte = 1024 * 1024;
my $size = 200 * $megabyte;
my $allowed = 8 * $megabyte;    # what buffers of all kinds may take
my $t = GeminiTest->new;
my $simulator = two_projects($t);

$t->start(resources_conf($simulator), workers => 1);

# A number of the worker's /proc/PID/status, in bytes.
sub status_of {
    my ($name) = @_;

    my ($pid) = $t->workers;
    open my $file, '<', "/proc/$pid/status" or die "status of $pid: $!\n";
    my ($kilobytes) = join('', <$file>) =~ /^$name:\s+(\d+)/m
        or die "no $name of $pid\n";

    return $kilobytes * 1024;
}

# The most it has had since the last call, over what it has now.
sub forget_peak {
    my ($pid) = $t->workers;

    open my $file, '>', "/proc/$pid/clear_refs" or return 0;
    return print({$file} '5') && close $file;
}

# A sanitizer keeps for itself what has been freed.
sub is_sanitized {
    my ($pid) = $t->workers;

    open my $file, '<', "/proc/$pid/maps" or return 0;
    return scalar grep { /lib[a-z]*san\b/ } <$file>;
}

sub grows_little {
    my ($what, $work) = @_;

    my $before = status_of('VmRSS');
    my $measured = forget_peak();

    $work->();

    SKIP: {
        skip('memory of a sanitizer', 1) if is_sanitized();
        cmp_ok(status_of($measured ? 'VmHWM' : 'VmRSS') - $before, '<',
            $allowed, "$what: the worker hardly grows");
    }

    return;
}

sub on_disk {
    my $bytes = 0;

    $bytes += -s $_ || 0 for glob $t->dir . '/temp/*/*';

    return $bytes;
}

# Whatever comes first is paid for once.
upload($t, 'x' x $megabyte);

# ---- up

my ($target) = begin_upload($t, $size);
my $piece = join '', map { chr($_ % 251) } 1 .. $megabyte;
my $digest = Digest::SHA->new(256);
my $r;

grows_little('200 MB up', sub {
    my $client = $t->connect(deadline => 300);

    $client->send_request('POST', $target, undef, headers => {
        'Content-Length' => $size, 'X-Goog-Upload-Offset' => 0,
        'X-Goog-Upload-Command' => 'upload, finalize' });

    for my $number (1 .. $size / $megabyte) {
        $client->send_bytes($piece);
        $digest->add($piece);
        is(on_disk(), 0, 'half of it: nothing on disk')
            if $number == $size / $megabyte / 2;
    }

    $r = $client->finish;
});

is($r->{status}, 200, 'it is taken') or diag($r->{body});
my $file = $r->{json}{file} || {};
is($file->{sizeBytes}, $size, 'all of it');
is(decode_base64($file->{sha256Hash} // ''), $digest->hexdigest,
    'as it was sent');

# ---- and down

for my $chunked (0, 1) {
    my $name = "files/large-$chunked";

    $simulator->control('PUT', '/options',
        { download_chunked => $chunked ? \1 : \0 });
    $simulator->control('PUT', '/resources', { name => $name,
        project => 'one', generated => \1, size => 64 * $megabyte });

    my $how = $chunked ? 'in chunks' : 'with a length';

    grows_little("64 MB down, $how", sub {
        $r = call($t, 'GET', "/download/v1beta/$name:download?alt=media",
            undef, deadline => 300);
    });
    is($r->{status}, 200, "$how: it comes");
    ok($r->{complete}, "$how: to its end");
    is(length $r->{body}, 64 * $megabyte, "$how: all of it");
    is(Digest::SHA::sha256_hex($r->{body}), decode_base64(
        resource($simulator, $name)->{sha256Hash}), "$how: as upstream has it");
    is($r->{headers}{'content-type'}, 'video/mp4', "$how: with its type");
    is(on_disk(), 0, "$how: nothing on disk");

    google_error(call($t, 'GET', "$name:download?alt=media", undef,
        as => 'bob'), 403, qr/permission/, "$how: another client");

    # One that leaves in the middle.
    $simulator->forget;
    my $client = $t->connect(receive_buffer => 4096, record => undef);
    $client->send_request('GET', "/v1beta/$name:download?alt=media", undef,
        headers => { 'x-goog-api-key' => $token{alice} });
    is($client->status, 200, "$how: it begins");
    $client->abort(rst => 1);
    ok($t->wait_for(sub { (($simulator->seen)[0]{outcome} // '')
        eq 'client_gone' }), "$how: upstream is told when the client leaves");
}

is(rests($t), '', 'no key rests for any of this');
$t->done;
