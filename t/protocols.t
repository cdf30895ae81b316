# The ways of HTTP: 1.0, kept and pipelined connections, HTTP/2, compression.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Client;

my $key = 'protocol-key-2718281828';
my $path = '/v1/chat/completions';
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

sub data_of {
    my ($text, %o) = @_;

    my $event = 'data: ' . $json->encode({ candidates => [{ %o,
        content => { parts => [{ text => $text }] } }] }) . "\r\n\r\n";

    return sprintf "%x\r\n%s\r\n", length $event, $event;
}

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $text = $request->{json}{contents}[0]{parts}[0]{text};
    my $head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    return error(429, 'RESOURCE_EXHAUSTED', retry => '7s')
        if $text eq 'limited';
    return [[send => $head . data_of('one')], [gate => $1],
        [send => data_of('two', finishReason => 'STOP') . "0\r\n\r\n"]]
        if $text =~ /^gate (.*)/;
    return [[send => $head . data_of('one')], [gate => $1], ['close']]
        if $text =~ /^break (.*)/;
    return [[send => $head . data_of('one')], ['wait_close']]
        if $text eq 'endless';

    return reply([map { "$_ " } split / /, $text]);
});

# The parameter of listen became a directive in 1.25.1.
my ($major, $minor, $patch) = split /\./, $t->nginx_version;
my $modern = $minor > 25 || ($minor == 25 && $patch >= 1);
my $has_h2 = $t->has_feature('http_v2_module');
my $h2 = !$has_h2 ? '' : 'server { listen %%PORT_2%%' . ($modern
    ? '; http2 on;' : ' http2;') . ' location /v1/ { gemini_pass main; } }';

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; cooldown rate_limit off; }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    gzip on;
    gzip_types *;
    gzip_proxied any;
    gzip_min_length 1;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /early/ { gemini_pass main; gemini_head_timeout 100ms; }
        location = /status { gemini_status main json; }
    }
    $h2
EOC

sub body {
    my ($text, $stream) = @_;

    return { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $text }],
        $stream ? (stream => JSON::PP::true) : () };
}

sub content { return $_[0]{json}{choices}[0]{message}{content} // '' }

sub text_of {
    my ($events) = @_;

    return join '', map { $_->{json} && $_->{json}{choices}
        ? $_->{json}{choices}[0]{delta}{content} // '' : () } @$events;
}

# ---- HTTP/1.0

sub old {
    my ($body, $headers) = @_;

    $body = $json->encode($body);

    return $t->connect->send_bytes("POST $path HTTP/1.0\r\nContent-Length: "
        . length($body) . "\r\n" . ($headers // '') . "\r\n$body")->finish;
}

my $r = old(body('hi there'));
is(content($r), 'hi there ', 'an HTTP/1.0 client is answered');
is($r->{headers}{'content-length'}, length $r->{body}, 'with a length');

$r = old(body('hi there', 1));
is(text_of($r->{events}), 'hi there ', 'and streamed to');
ok(!$r->{headers}{'transfer-encoding'}, 'without chunks');
is($r->{headers}{connection}, 'close', 'up to the end of the connection');
like($r->{body}, qr/data: \[DONE\]\n\n\z/, 'after [DONE]');

$r = old(body('limited'));
is($r->{status}, 429, 'errors are told');
is($r->{json}{error}{code}, 'rate_limit_exceeded', 'in the usual form');

# ---- kept connections

my $c = $t->connect;

for my $case (
    [200, 'a first answer', 'POST', $path, body('hi')],
    [400, 'no JSON', 'POST', $path, '{'],
    [400, 'no messages', 'POST', $path, { model => 'x' }],
    [404, 'no such path', 'POST', '/v1/nothing', body('hi')],
    [405, 'no such method', 'DELETE', $path],
    [405, 'a HEAD', 'HEAD', $path],
    [429, 'an error of upstream', 'POST', $path, body('limited')],
    [429, 'an error instead of a stream', 'POST', $path, body('limited', 1)],
    [200, 'a stream', 'POST', $path, body('hi', 1)],
    [200, 'an early head', 'POST', '/early/chat/completions',
        body('gate early', 1), sub { $_[0]->next_event;
            $up->open_gate('early') }],
    [200, 'a last answer', 'POST', $path, body('hi')],
) {
    my ($status, $what, $method, $to, $body, $between) = @$case;

    $c->again->send_request($method, $to, $body, keep => 1);
    is($c->status, $status, "$what, on the same connection");
    $between->($c) if $between;
    ok($c->complete, "$what: whole");
}

ok(!$c->{closed}, 'which is still open');

my $chunked = $t->connect;
$chunked->send_request('POST', $path, '{' . ' ' x 100, chunked => 7,
    keep => 1);
is($chunked->finish->{status}, 400, 'after a chunked body that is wrong');
$chunked->again->send_request('POST', $path, $json->encode(body('hi')),
    chunked => 7, keep => 1);
is(content($chunked->finish), 'hi ', 'another is answered');

# ---- pipelined

my @bodies = (body('one'), body('two parts', 1), body('limited'),
    { wrong => 1 }, body('last'));
my $all = join '', map { GeminiTest::Client::request_bytes('POST', $path,
    $bodies[$_], keep => $_ != $#bodies) } 0 .. $#bodies;

for my $size (length $all, 50) {
    my $p = $t->connect;

    $p->send_bytes($_) for $all =~ /(.{1,$size})/sg;

    my $raw = $p->read_raw;
    is(join(' ', $raw =~ m{HTTP/1\.1 (\d+)}g), '200 200 429 400 200',
        "five requests at once, $size bytes a time: answered in order");
    like($raw, qr/"one ".*"two ".*"parts ".*\[DONE\].*"last "/s,
        'each with its own answer');
}

# ---- compression

my %gzip = (headers => { 'Accept-Encoding' => 'gzip' });

$r = $t->post($path, body('squeeze me'), %gzip);
is($r->{headers}{'content-encoding'}, 'gzip', 'gzip works on whole answers');
gunzip(\$r->{body} => \my $plain);
is($json->decode($plain)->{choices}[0]{message}{content}, 'squeeze me ',
    'which stay what they are');
$r = $t->post($path, body('limited'), %gzip);
gunzip(\$r->{body} => \$plain);
is($json->decode($plain)->{error}{code}, 'rate_limit_exceeded',
    'and on errors');

my $s = $t->stream('POST', $path, body('gate gzip', 1), %gzip);
is($s->headers->{'content-encoding'}, undef,
    'a stream is not compressed: no proxy may hold it back for that');
ok($t->wait_for(sub { $s->next_event(0); length $s->{body} }),
    'its first event is there before the second is sent');
$up->open_gate('gzip');
$plain = $s->finish->{body};
gunzip(\"$plain" => \$plain) if $s->headers->{'content-encoding'};
like($plain, qr/"one".*"two".*\[DONE\]/s, 'and then the others');
is(scalar(grep { $_->{headers}{'accept-encoding'} } $up->seen), 0,
    'upstream is not asked to compress');

# ---- HTTP/2

sub curl {
    my ($body, @options) = @_;

    my @command = ('curl', '-sSN', '--http2-prior-knowledge', '-m', 20,
        '-w', "\nstatus %{http_code} %{http_version}", @options,
        '-H', 'Content-Type: application/json', '-d', $json->encode($body),
        'http://127.0.0.1:' . $t->port('_2') . $path);
    my $pid = open my $pipe, '-|';

    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @command or die "curl: $!\n";
    }

    return { pid => $pid, pipe => $pipe, out => '' };
}

# Until it has printed that, or ended.
sub printed {
    my ($curl, $pattern) = @_;

    while ($curl->{out} !~ $pattern) {
        IO::Select->new($curl->{pipe})->can_read(20) or return 0;
        sysread $curl->{pipe}, $curl->{out}, 65536, length $curl->{out}
            or return 0;
    }

    return 1;
}

sub ended {
    my ($curl) = @_;

    printed($curl, qr/(?!)/);
    close $curl->{pipe};
    $curl->{code} = $? >> 8;

    return $curl->{out};
}

sub in_flight { return $t->get('/status')->{json}{keys}[0]{in_flight} }

SKIP: {
    skip 'no HTTP/2 in nginx or curl', 10
        unless $has_h2 && `curl -V 2>/dev/null` =~ /\bHTTP2\b/;

    my $out = ended(curl(body('hi')));
    like($out, qr/"content":"hi "/, 'HTTP/2: a whole answer');
    like($out, qr/status 200 2$/, 'over HTTP/2');
    like(ended(curl(body('limited'))), qr/rate_limit.*status 429 2$/s,
        'an error');

    my $curl = curl(body('gate h2', 1));
    ok(printed($curl, qr/"content":"one"/), 'the first event of a stream');
    $up->open_gate('h2');
    like(ended($curl), qr/"two".*\[DONE\]\n\n\nstatus 200 2$/s,
        'comes before the second is sent');
    is($curl->{code}, 0, 'and the stream ends well');

    my @many = map { curl(body("number$_", 1)) } 1 .. 8;
    is(scalar(grep { ended($many[$_ - 1]) =~ /"number$_ ".*\[DONE\]/s }
        1 .. 8), 8, 'eight at once');

    $curl = curl(body('break h2b', 1));
    printed($curl, qr/"content":"one"/);
    $up->open_gate('h2b');
    like(ended($curl), qr/"code":"stream_truncated"/,
        'a stream that breaks off ends with an error event');
    is($curl->{code}, 0, 'which ends the answer well: a reset could '
        . 'overtake it');

    $curl = curl(body('endless', 1));
    printed($curl, qr/"content":"one"/);
    kill 'KILL', $curl->{pid};
    close $curl->{pipe};
    ok($t->wait_for(sub { in_flight() == 0 && $up->aborted }),
        'a client that leaves takes the upstream connection with it');
}

$t->done;
