# Large bodies, and those that come in unusual ways: what is accepted goes
# through exactly, what is too large is refused in the client's own form.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'bodies-key-2718281828';
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

# Nothing in them is escaped in JSON, so that they can be looked for as they
# are: taking megabytes of JSON apart is slow in Perl.
my $text = join ' ', map { "word$_ \xc3\xa9\xf0\x9f\x98\x80" } 1 .. 490_000;
my $image = join '', map { sprintf 'AB%07dc+/', $_ } 1 .. 1_050_000;

my $simulator = $t->simulator;

# Answers with the digests of the texts and data it was sent, or with a large
# image.  Works on the raw bytes: they are not to be written down.
my $digests = $t->upstream(sub {
    my ($c) = @_;

    my $from = index($c->{in}, "\r\n\r\n") + 4;
    return if $from < 4;

    my ($size) = substr($c->{in}, 0, $from) =~ /^Content-Length: (\d+)/mi;
    return if length $c->{in} < $from + $size;

    my $stream = $c->{in} =~ /\A\S+ \S*:stream/;
    my $body = substr $c->{in}, $from;
    my $part = $body =~ /"text":"send an image"/
        ? qq({"inlineData":{"mimeType":"image/png","data":"$image"}})
        : '{"text":"' . join(' ', map { sha256_hex($_) }
            $body =~ /"(?:text|data)":"([^"]*)"/g) . '"}';

    @$c{qw(in taken)} = ('', '');

    my $answer = '{"candidates":[{"content":{"parts":[' . $part
        . ']},"finishReason":"STOP"}]}';
    $answer = "data: $answer\r\n\r\n" if $stream;

    return [[send => "HTTP/1.1 200 OK\r\nContent-Length: " . length($answer)
        . "\r\n\r\n$answer"]];
}, raw => 1);

sub answer_of {
    my ($size, %o) = @_;

    return { candidates => [{ %o,
        content => { parts => [{ text => 'x' x $size }] } }] };
}

my $sized = $t->upstream(sub {
    my ($request) = @_;

    my ($size, $how) = split / /, $request->{json}{contents}[0]{parts}[0]{text};

    return error(429, 'RESOURCE_EXHAUSTED', message => 'm' x $size)
        if $how eq 'error';
    return { headers => { 'X-Long' => 'h' x $size },
        body => $json->encode(answer_of(5, finishReason => 'STOP')) }
        if $how eq 'head';
    return json_reply(answer_of($size, finishReason => 'STOP'),
        framing => $how) if !$request->{stream};
    return events([answer_of(5), answer_of($size),
        answer_of(5, finishReason => 'STOP')]) if $how eq 'second';
    return events([map({ answer_of(500) } 1 .. $size / 500),
        answer_of(5, finishReason => 'STOP')]) if $how eq 'many';

    return events([answer_of($size, finishReason => 'STOP')],
        framing => $how);
});

$t->secrets($key);
$t->start(my $conf = <<"EOC");
    gemini_keys main { key $key; cooldown rate_limit off; tries 2; }
    gemini_auth off;
    gemini_upstream http://%%$digests%%;
    client_max_body_size 64m;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /file/ { gemini_pass main; client_body_in_file_only clean; }
        location /pieces/ { gemini_pass main; client_body_buffer_size 16k; }
        location /refuse/ { gemini_pass main; client_max_body_size 1m; }
        location /echo/ {
            gemini_pass main;
            gemini_upstream http://%%$simulator%%;
        }
        location /sized/ {
            gemini_pass main;
            gemini_upstream http://%%$sized%%;
        }
        location /limited/ {
            gemini_pass main;
            gemini_upstream http://%%$sized%%;
            gemini_max_response 64k;
        }
        location /tiny/ {
            gemini_pass main;
            gemini_upstream http://%%$sized%%;
            gemini_buffer_size 1k;
        }
    }
EOC

sub path { return "/$_[0]/chat/completions" }

sub with_text {
    my ($said, $more) = @_;

    return '{"model":"gemini-2.5-flash",' . ($more // '')
        . qq("messages":[{"role":"user","content":"$said"}]});
}

my $with_text = with_text($text);
my $with_image = '{"model":"gemini-2.5-flash","messages":[{"role":"user",'
    . '"content":[{"type":"text","text":"see"},{"type":"image_url",'
    . qq("image_url":{"url":"data:image/png;base64,$image"}}]}]});
my $said = sha256_hex($text);
my $seen = join ' ', sha256_hex('see'), sha256_hex($image);

cmp_ok(length $text, '>', 8 << 20, 'more than 8 MB of text');
cmp_ok(length $image, '>', 12 << 20, 'more than 12 MB of image');

sub content { return $_[0]{json}{choices}[0]{message}{content} // '' }

# ---- requests

for my $case (['in memory', 'v1'], ['in a file', 'file'],
    ['in memory and a file', 'pieces'])
{
    my ($how, $to) = @$case;

    for my $chunked (0, 65_000) {
        my $what = $how . ($chunked ? ', chunked' : '');

        my $r = $t->post(path($to), $with_text, chunked => $chunked,
            deadline => 30);
        is(content($r), $said, "the text arrives exactly: $what");

        $r = $t->post(path($to), $with_image, chunked => $chunked,
            deadline => 30);
        is(content($r), $seen, "the image arrives exactly: $what");
    }
}

my $r = $t->post(path('v1'), with_text('tiny bits'), chunked => 1);
is(content($r), sha256_hex('tiny bits'), 'a body in chunks of one byte');

my $c = $t->connect(deadline => 30);
$c->send_bytes('POST ' . path('v1') . " HTTP/1.1\r\nHost: x\r\n"
    . 'Content-Length: ' . length($with_text)
    . "\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
ok($t->wait_for(sub {
    $c->next_event(0);
    ($c->{all} // '') =~ m{^HTTP/1\.1 100 };
}), 'who waits for 100-continue gets it');
is(content($c->send_bytes($with_text)->finish), $said,
    'and the answer after the body');

my $half = int(length($with_image) / 2);
my $s = $t->connect(deadline => 30)->send_bytes('POST ' . path('v1')
    . " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
    . length($with_image) . "\r\n\r\n" . substr $with_image, 0, $half);
ok($t->reload($conf), 'a reload in the middle of a body');
is(content($s->send_bytes(substr $with_image, $half)->finish), $seen,
    'it arrives all the same');

for my $case (['with a length', 0], ['chunked', 65_000]) {
    my ($how, $chunked) = @$case;

    $r = $t->post(path('refuse'), $with_text, chunked => $chunked);
    is($r->{status}, 413, "over client_max_body_size, $how: refused");
    is_deeply([@{ $r->{json}{error} || {} }{qw(type code)}],
        ['invalid_request_error', 'request_too_large'],
        "over client_max_body_size, $how: in the client's form");
}

is($t->post(path('refuse'), with_text('x' x 1_000_000))->{status}, 200,
    'just under it is not');

# ---- answers

# A model that takes so many tokens.
my $e = $t->stream('POST', path('echo'), with_text("#echo $text")
    =~ s/gemini-2.5-flash/gemini-4-argon/r, deadline => 30);
ok($e->complete, '8 MB of answer end well');
ok(index($e->{body}, qq("content":"$text")) > 0, 'and come exactly');

$e = $t->stream('POST', path('v1'), with_text('send an image'),
    deadline => 30);
ok($e->complete, 'an answer of 12 MB ends well');
ok(index($e->{body}, qq("url":"data:image/png;base64,$image")) > 0,
    'with its image');

$e = $t->stream('POST', path('v1'),
    with_text('send an image', '"stream":true,'), deadline => 30);
ok($e->complete, 'an event of 12 MB ends well');
ok(index($e->{body}, qq("url":"data:image/png;base64,$image")) > 0,
    'with its image');
like(substr($e->{body}, -20), qr/data: \[DONE\]\n\n\z/, 'and [DONE]');

# ---- limits

sub sized {
    my ($to, $size, $how, $stream) = @_;

    return $t->post(path($to), with_text("$size $how",
        $stream ? '"stream":true,' : ''));
}

sub streamed_size {
    my ($got) = @_;

    return length join '', map { $_->{json} && $_->{json}{choices}
        ? $_->{json}{choices}[0]{delta}{content} // '' : () }
        @{ $got->{events} || [] };
}

for my $how (qw(length chunked close)) {
    $r = sized('limited', 60_000, $how);
    is(length content($r), 60_000, "below gemini_max_response, $how: whole");
    $r = sized('limited', 70_000, $how);
    is("$r->{status} $r->{json}{error}{code}", '502 upstream_error',
        "above gemini_max_response, $how: an error");

    $r = sized('limited', 60_000, $how, 1);
    is(streamed_size($r), 60_000, "an event below it, $how: passed on");
    $r = sized('limited', 70_000, $how, 1);
    is("$r->{status} $r->{json}{error}{code}", '502 upstream_error',
        "an event above it, $how: an error");

    for my $stream (0, 1) {
        $r = sized('tiny', 100_000, $how, $stream);
        is($stream ? streamed_size($r) : length content($r), 100_000,
            "gemini_buffer_size 1k, $how, " . ($stream ? 'streamed' : 'whole')
            . ': any size goes through');
    }
}

$r = sized('limited', 100_000, 'many', 1);
is(streamed_size($r), 100_005, 'a stream of small events may be longer');
$r = sized('tiny', 20_000, 'many', 1);
is(streamed_size($r), 20_005, 'also through the smallest buffer');

$r = sized('limited', 70_000, 'second', 1);
is($r->{status}, 200, 'a second event too large');
is($r->{events}[-1]{json}{error}{code}, 'upstream_error',
    'becomes an error event');
unlike($r->{body}, qr/\[DONE\]/, 'without [DONE]');

for my $to (qw(sized tiny)) {
    $r = sized($to, 100_000, 'error');
    is($r->{status}, 429, "/$to/: an error with a large body is that error");
    cmp_ok(length $r->{body}, '<', 5000, "/$to/: its message is cut");
}

is(sized('sized', 12_000, 'head')->{status}, 200,
    'a head as large as fits the buffer');
is(sized('tiny', 12_000, 'head')->{status}, 502, 'a larger one is an error');

$t->done;
