# scripts/check-keys: which keys of a list are alive, in the module's words.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use IO::Socket::INET;
use Test::More;

use GeminiTest::Simulator;

my $root = "$FindBin::Bin/..";
my $dir = File::Temp::tempdir('gemini-test-XXXXXXXX', TMPDIR => 1,
    CLEANUP => 1);

my %key = map { $_ => "AIzaSy$_-" . 'x' x (32 - length $_) }
    qw(good named busy dead closed once slow);

my $simulator = GeminiTest::Simulator->start(
    root => $root, dir => $dir, name => 'simulator',
    keys => {
        $key{good} => [], $key{named} => [],
        $key{busy} => [{ do => 'rate_limit', methods => '*' }],
        $key{dead} => ['invalid'],
        $key{closed} => ['service_disabled'],
        $key{once} => [{ do => 'internal', methods => 'list', times => 1 }],
        $key{slow} => [{ do => 'overloaded', methods => 'count*' }],
    },
    args => ['--strict-keys']);

my $upstream = 'http://' . $simulator->address;

sub file_of {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $file $text;
    close $file or die "$dir/$name: $!\n";

    return "$dir/$name";
}

sub text_of {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;

    return scalar <$file> // '';
}

# What it writes to stdout and stderr, and how it ends.
sub check_keys {
    my (@arguments) = @_;
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        delete @ENV{qw(http_proxy https_proxy HTTPS_PROXY all_proxy)};
        open STDOUT, '>', "$dir/stdout";
        open STDERR, '>', "$dir/stderr";
        exec "$root/scripts/check-keys", @arguments or exit 127;
    }

    waitpid $pid, 0;

    return (text_of("$dir/stdout"), text_of("$dir/stderr"), $? >> 8);
}

# A key's row of the table.
sub row {
    my ($text, $name) = @_;
    my ($row) = $text =~ /^(\S+  +\Q$name\E .*)$/m;

    return $row // '';
}

# ---- a file as gemini_keys reads it

my $list = file_of('keys', <<"EOF");
# our keys
$key{good} name=good

  $key{named} name=two weight=3 project=p  # the second
$key{dead} name=dead
$key{closed} name=closed
$key{busy} name=busy
$key{once} name=once
$key{good} name=again
EOF

my ($out, $said, $status) = check_keys('--upstream', $upstream,
    '--out', "$dir/clean", $list);

is($status, 1, 'a refused key is told by the exit status');
is(text_of("$dir/clean"), <<"EOF", 'the clean list has the lines of the rest');
$key{good} name=good
  $key{named} name=two weight=3 project=p  # the second
# when checked: rate_limit
$key{busy} name=busy
$key{once} name=once
EOF
is((stat "$dir/clean")[2] & 07777, 0600, 'and is for its owner alone');

like(row($out, 'good'), qr/\bok$/, 'a living key is ok');
like(row($out, 'dead'), qr/\binvalid: 400 API_KEY_INVALID /,
    'a refused one is invalid, and why');
like(row($out, 'closed'), qr/\b(?:invalid|no_access): 403 /,
    'so is one whose project has no access');
like(row($out, 'busy'), qr/\brate_limit: 429 /, 'one at a limit is marked');
like(row($out, 'once'), qr/\bok$/, 'a passing failure is asked again');
like($said, qr{^6/6 }m, 'progress goes to stderr');
like($said, qr/twice: 1$/m, 'a key that stands there twice counts once');
unlike($out . $said, qr/AIzaSy\w+-xxx/, 'no key is shown whole');

my @seen = $simulator->seen;
is_deeply([grep { $_->{query} && $_->{query} =~ /AIza/ } @seen], [],
    'nor is one in a URL');
is_deeply([sort keys %{{ map { $_->{key} => 1 } @seen }}],
    [sort @key{qw(good named dead closed busy once)}],
    'each was asked about with itself');

# ---- bare keys

$list = file_of('bare', "$key{good}, $key{named}\t$key{dead},\n");
($out, $said, $status) = check_keys('--upstream', $upstream, $list);

is($status, 1, 'keys may stand between commas and blanks');
is($out, "$key{good}\n$key{named}\n", 'the clean list goes to stdout');
like($said, qr/^\S+ +- +invalid: /m, 'and the table then to stderr');

($out, $said, $status) = check_keys('--upstream', $upstream,
    file_of('fine', "$key{good}\r\n"));
is($status, 0, 'when all are alive it ends well');

# ---- a model

($out, $said, $status) = check_keys('--upstream', $upstream,
    '--model', 'models/gemini-2.5-flash',
    file_of('model', "$key{good} name=good\n$key{slow} name=slow\n"));

is($status, 1, 'a key without a clear answer is told by the status');
like(row($said, 'good'), qr/\bok$/, 'a key that counts tokens is ok');
like(row($said, 'slow'), qr/\bunavailable: 503 /,
    'one that cannot is marked');
is(scalar(grep { ($_->{api_method} // '') eq 'countTokens'
    && $_->{key} eq $key{slow} } $simulator->seen), 3,
    'after it was asked more than once');
like($out, qr/^# when checked: unavailable\n\Q$key{slow}\E name=slow$/m,
    'and stays in the list');

# ---- nobody answers

my $nobody = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die "socket: $!\n";
my $port = $nobody->sockport;
close $nobody;

($out, $said, $status) = check_keys('--upstream', "http://127.0.0.1:$port",
    file_of('lost', "$key{good} name=good\n"));

is($status, 1, 'without an upstream no key is known to be alive');
like(row($said, 'good'), qr/\bno answer: .*refused/, 'and it says why');
like($out, qr/^\Q$key{good}\E name=good$/m, 'but none is thrown away');

# ---- what is wrong

for my $case (
    [['--jobs', '0', $list], 'a number of jobs that makes no sense'],
    [["$dir/none"], 'a file that is not there'],
    [[file_of('empty', "# nothing\n")], 'a list without a key'],
    [['--upstream', 'localhost', $list], 'an upstream that is no URL'],
    [[], 'no file'],
) {
    my ($arguments, $what) = @$case;
    ($out, $said, $status) = check_keys(@$arguments);

    is($status, 2, "$what ends it with 2");
    isnt($said, '', 'and a message');
}

$simulator->stop;
done_testing();
