# scripts/bench, as short as it goes: that it measures and prints rows.  Never
# what it measures, as a machine that runs tests is busy.

use strict;
use warnings;
use utf8;

use FindBin;
use File::Temp ();
use Test::More;

my $root = "$FindBin::Bin/..";
my $module = $ENV{TEST_NGINX_MODULE}
    || "$root/build/ngx_http_gemini_module.so";

sub is_on_path {
    my ($program) = @_;

    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

plan(skip_all => 'no wrk: run scripts/install-deps bench')
    unless is_on_path('wrk');
plan(skip_all => 'no python3') unless is_on_path('python3');
plan(skip_all => 'no load and no mock: run make bench-tools')
    unless -x "$root/build/stream_load" && -x "$root/build/stream_mock";
plan(skip_all => 'no module: run make') unless -e $module;

my $dir = File::Temp::tempdir('gemini-test-XXXXXXXX', TMPDIR => 1,
    CLEANUP => 1);

# What it writes to stdout and stderr, and how it ends.
sub bench {
    my ($rows, @options) = @_;
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        # a folder of its own, beside those of other runs
        $ENV{BUILD} = $dir;
        $ENV{BENCH_ROWS} = $rows;
        $ENV{BENCH_SECONDS} = $ENV{BENCH_ROUNDS} = 1;
        $ENV{NGINX_BINARY} = $ENV{TEST_NGINX_BINARY} // '';
        open STDOUT, '>', "$dir/out" or die "stdout: $!\n";
        open STDERR, '>', "$dir/err" or die "stderr: $!\n";
        exec "$root/scripts/bench", '--module', $module, @options;
        die "scripts/bench: $!\n";
    }

    waitpid $pid, 0;

    return [text_of("$dir/out"), text_of("$dir/err"), $? >> 8];
}

sub text_of {
    my ($path) = @_;

    open my $file, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;

    return scalar <$file> // '';
}

binmode $_, ':encoding(UTF-8)' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

my $number = qr/[\d.]+(?:e[-+]\d+)?/;
my $time = qr/$number [µm]s/;

my ($out, $err, $status) = @{ bench('whole first slow', qw(--quick
    --markdown)) };

is($status, 0, 'a short run succeeds') or diag($out, $err);
like($out, qr/\A.+, \d+ cores, Linux .+nginx/, 'it says on what it ran');
like($out, qr/^\| CPU per request, .+ \| $time \| $time \| $number ×/m,
    'a ratio to proxy_pass');
like($out, qr/^\| CPU per slow stream .+ \| $time \| $time \| $number ×/m,
    'one for streams that are open together');
like($out, qr/^\| memory, \d+ slow streams \| $number MiB \| $number MiB /m,
    'and their memory');
like($out, qr/^\| time to first token.+ \| $time \| $time \| \+?-?$time /m,
    'what the first token waits');
like($out, qr/ \| (?:met|\*\*missed\*\*) \|$/m, 'and whether that is enough');
like($err, qr/^CPU per request.+ x/m, 'rows are shown as they come');

($out, $err, $status) = @{ bench('first nonsense') };

isnt($status, 0, 'a row that is not there is refused');
like($err, qr/no such row: nonsense; there are whole, /, 'by name');

done_testing();
