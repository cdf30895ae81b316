# Streams: every event reaches the client when it comes, however its bytes are
# cut and its lines end, and a stream that breaks off says so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

binmode $_, ':utf8' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

my @keys = map { "stream-key-$_-2718281828" } qw(one two);
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

sub event {
    my ($text, %o) = @_;

    return $json->encode({ candidates => [{ index => 0, %o,
        content => { role => 'model', parts => [{ text => $text }] } }],
        usageMetadata => { promptTokenCount => 3, candidatesTokenCount => 5,
            totalTokenCount => 8 } });
}

# With a two-byte, a four-byte and an escaped character, and an escaped quote.
my $smile = "\x{1F600}";
my @words = ("h\x{e9}llo ", "w\x{f6}rld $smile", " <\"end\">\n");
my @events = (event($words[0]), event($words[1]),
    event($words[2], finishReason => 'STOP'));

$events[2] =~ s/</\\u003c/g;

sub sse {
    my ($end, @data) = @_;

    return join '', map { "data: $_$end$end" } @data;
}

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
my $whole = sse("\r\n", @events);
my $busy = $json->encode({ error => { code => 503, status => 'UNAVAILABLE',
    message => 'The model is overloaded.' } });
my $limited = $json->encode({ error => { code => 429,
    status => 'RESOURCE_EXHAUSTED', message => 'quota' } });
my $pretty = JSON::PP->new->utf8->pretty->encode($json->decode($busy));

# To the end of the connection, so that only the bytes themselves matter.
sub plain { return ([send => "$head\r\n"], @_, ['close']) }

sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

sub chunked {
    my (@pieces) = @_;

    return ([send => "${head}Transfer-Encoding: chunked\r\n\r\n"],
        map { [send => chunk($_)] } @pieces);
}

my %same = (
    'a length' => sub { [send => $head . 'Content-Length: '
        . length($whole) . "\r\n\r\n$whole"] },
    'one chunk' => sub { chunked($whole), [send => "0\r\n\r\n"] },
    'chunks of five bytes' => sub { chunked($whole =~ /(.{1,5})/sg),
        [send => "0\r\n\r\n"] },
    'chunks of one byte, one at a time' => sub {
        [send => "${head}Transfer-Encoding: chunked\r\n\r\n"],
        [trickle => join('', map { chunk($_) } split //, sse("\n", @events))
            . "0\r\n\r\n", 0] },
    'one byte at a time, from the status line on' => sub {
        [trickle => "$head\r\n$whole", 1], ['close'] },
    'LF' => sub { plain([send => sse("\n", @events)]) },
    'CR' => sub { plain([send => sse("\r", @events)]) },
    'CR, one byte at a time' => sub {
        plain([trickle => sse("\r", @events), 1]) },
    'mixed line ends' => sub { plain([send =>
        "data: $events[0]\r\n\ndata: $events[1]\r\rdata: $events[2]\n\r\n"]) },
    'no space after the colon' => sub {
        plain([send => join '', map { "data:$_\n\n" } @events]) },
    'comments and other fields' => sub { plain([send => join '', ": hello\n\n",
        map { "event: message\nid: 7\n: note\ndata: $_\nretry: 3\n\n" }
        @events]) },
    'empty events' => sub { plain([send => join '', "\n\n\ndata:\n\n",
        map { "data: $_\n\ndata: \n\n" } @events]) },
    'a byte order mark' => sub { plain([send => "\xef\xbb\xbf$whole"]) },
    'an event in several data lines' => sub { plain([send => join '', map {
        s/,"usage/\ndata: ,"usage/r } sse("\n", @events)]) },
    'no blank line at the end' => sub {
        plain([send => $whole =~ s/\s+\z//r]) },
    '[DONE] of a relay' => sub { plain([send => "${whole}data: [DONE]\n\n"]) },
    'an array' => sub { plain([send => '[' . join(",\r\n", @events)
        . "\n]\n"]) },
    'an array, one byte at a time' => sub { plain([trickle => '['
        . join(",\r\n", @events) . "\n]\n", 1]) },
    'an array in one event' => sub { plain([send => 'data: ['
        . join(',', @events) . "]\n\n"]) },
    'what only Unicode takes for line ends' => sub { plain([send =>
        $whole =~ s/(?="usage)/"x":"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85",/gr]) },
);

# Two events, and the rest when the client has them.
my $two = sse("\r\n", @events[0, 1]);

sub after_two {
    my ($gate, @rest) = @_;

    return ([send => "$head\r\n$two"], [gate => $gate], @rest, ['close']);
}

sub after_two_chunks {
    my ($gate, @rest) = @_;

    return (chunked($two), [gate => $gate], @rest);
}

my %broken = (
    'a bare JSON error' => sub { after_two(@_, [send => $pretty]) },
    'a bare JSON error cut to bytes' => sub {
        after_two(@_, [trickle => $pretty, 1]) },
    'an error event' => sub { after_two_chunks(@_,
        [send => chunk("data: $busy\r\n\r\n")], [send => "0\r\n\r\n"]) },
    'an end without a reason' => sub {
        after_two_chunks(@_, [send => "0\r\n\r\n"]) },
    'a close without a reason' => sub { after_two(@_) },
    'a close inside the chunks' => sub { after_two_chunks(@_, ['close']) },
    'a close inside an event' => sub {
        after_two(@_, [send => 'data: {"candid']) },
    'a length that is not reached' => sub {
        [send => $head . 'Content-Length: ' . length($whole) . "\r\n\r\n$two"],
            [gate => $_[0]], ['close'] },
    'a reset' => sub { after_two_chunks(@_, ['rst']) },
    'silence' => sub { after_two_chunks(@_, ['wait_close']) },
    'no JSON' => sub {
        after_two(@_, [send => "data: {\"candidates\": [}\r\n\r\n"]) },
    'no chunk' => sub {
        after_two_chunks(@_, [send => "nonsense\r\n"], ['wait_close']) },
);

my %code = ('silence' => 'timeout',
    map({ $_ => 'overloaded' } grep { /error/ } keys %broken),
    map({ $_ => 'stream_truncated' } 'an end without a reason',
        'a close without a reason', 'a close inside the chunks',
        'a close inside an event', 'a length that is not reached',
        'a reset', 'no chunk'));

# Before anything went out another key makes up for them.
my %first = (
    'an error event' => sub { plain([send => sse("\n", $limited)]) },
    'a bare error' => sub { plain([send => $limited]) },
    'an error in an array' => sub { plain([send => "[$limited]"]) },
    'nothing' => sub { chunked(), [send => "0\r\n\r\n"] },
    'a web page' => sub { plain([send => '<html>Sorry</html>']) },
    'garbage' => sub { plain([send => "data: {\"cand\n\n"]) },
    'a comment' => sub {
        chunked(": bye\n\n"), [send => "0\r\n\r\n"] },
);

# A connection's fault is no key's: there is another try, with whichever key.
my %gone = (
    'a close after the head' => sub { plain() },
    'a reset after the head' => sub { chunked(), [pause => 50], ['rst'] },
    'a close at once' => sub { ['close'] },
);

my %tried;

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $scene = $request->{json}{contents}[0]{parts}[0]{text};

    return [$same{$scene}->()] if $same{$scene};
    return [$broken{$scene}->($scene)] if $broken{$scene};
    return [plain([send => substr $whole, 0, $1], [pause => 1],
        [send => substr $whole, $1])] if $scene =~ /\Acut (\d+)\z/;
    return [plain([send => sse("\n", $events[0])], [gate => "$1-1"],
        [send => sse("\n", $events[1])], [gate => "$1-2"],
        [send => sse("\n", $events[2])])] if $scene =~ /\Agates (\w+)\z/;
    return [($first{$1} || $gone{$1})->()]
        if $scene =~ /\Afirst (.*)\z/ && !$tried{$1}++;

    return [plain([send => $whole])];
});

$t->secrets(@keys);
$t->start(my $conf = <<"EOC");
    gemini_keys main { key $keys[0]; key $keys[1]; balance round_robin;
        cooldown rate_limit off; cooldown unavailable off;
        cooldown server_error off; cooldown gateway off; }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /hasty/ { gemini_pass main; gemini_read_timeout 300ms; }
        location /small/ { gemini_pass main; gemini_buffer_size 1k; }
    }
EOC

sub start_stream {
    my ($scene, %o) = @_;

    return $t->stream('POST', ($o{to} || '/v1') . '/chat/completions', {
        model => 'gemini-2.5-flash', stream => JSON::PP::true,
        messages => [{ role => 'user', content => $scene }],
        $o{usage} ? (stream_options => { include_usage => JSON::PP::true })
            : (),
    });
}

# The bytes of a stream without what differs from one to the next.
sub bytes_of {
    my ($r) = @_;

    return ($r->{complete} ? '' : 'incomplete ')
        . $r->{body} =~ s/"id":"chatcmpl-[\w-]+"|"created":\d+//gr;
}

sub texts {
    return join '', map { $_->{json}{choices}[0]{delta}{content} // '' }
        grep { $_->{json} && $_->{json}{choices} } @_;
}

# ---- the form

my $r = start_stream('plain', usage => 1)->finish;
my @got = @{ $r->{events} };
my @chunks = map { $_->{json} } grep { $_->{json} } @got;

is($r->{status}, 200, 'a stream is answered');
like($r->{headers}{'content-type'}, qr{\Atext/event-stream},
    'as server-sent events');
is($r->{headers}{'x-accel-buffering'}, 'no', 'which no proxy may buffer');
like($r->{headers}{'cache-control'}, qr/no-cache/, 'nor cache');
ok($r->{complete}, 'and is whole');
is_deeply($chunks[-1]{choices}, [], 'the last one counts, without choices');
is($chunks[-1]{usage}{total_tokens}, 8, 'all the tokens');
ok(!grep({ defined $_->{usage} } @chunks[0 .. $#chunks - 1]),
    'the others do not');
is($got[-1]{data}, '[DONE]', '[DONE] is last');
is(scalar(grep { $_->{data} eq '[DONE]' } @got), 1, 'and there once');
is(scalar(grep { ($_->{choices}[0]{delta}{role} // '') eq 'assistant' }
    @chunks), 1, 'one chunk tells the role');
is($chunks[0]{choices}[0]{delta}{role}, 'assistant', 'the first one');
is(texts(@got), join('', @words), 'the deltas add up to the text');

for my $field (qw(id created model object)) {
    my %values = map { $_->{$field} => 1 } @chunks;
    is(scalar keys %values, 1, "all chunks have one $field");
}

is($chunks[0]{object}, 'chat.completion.chunk', 'they are chunks');
is(join(' ', map { $_->{choices}[0]{finish_reason} // () } @chunks), 'stop',
    'one of them tells why it ended');

# ---- as it comes

sub next_text {
    my ($stream) = @_;

    while (my $event = $stream->next_event) {
        my $text = $event->{json}{choices}[0]{delta}{content};
        return $text if length($text // '');
    }

    return;
}

for my $when (qw(quiet reload)) {
    my $s = start_stream("gates $when");

    is(next_text($s), $words[0], "$when: the first word is there "
        . 'before the second was sent');
    ok($t->reload($conf), 'a reload in the middle') if $when eq 'reload';
    $up->open_gate("$when-1");
    is(next_text($s), $words[1], "$when: so is the second");
    $up->open_gate("$when-2");
    is(next_text($s), $words[2], "$when: and the third");
    $r = $s->finish;
    ok($r->{complete} && $r->{body} =~ /data: \[DONE\]\n\n\z/,
        "$when: then it ends well");
}

# ---- any form

my $expected = bytes_of(start_stream('plain')->finish);

like($expected, qr/\Adata: .*data: \[DONE\]\n\n\z/s, 'the usual stream');

for my $scene (sort keys %same) {
    is(bytes_of(start_stream($scene)->finish), $expected,
        "the same: $scene");
}

is(bytes_of(start_stream('chunks of five bytes', to => '/small')->finish),
    $expected, 'the same with the smallest buffer');

# ---- broken off

for my $scene (sort keys %broken) {
    my $before = $up->seen;

    my $s = start_stream($scene, to => $scene eq 'silence' ? '/hasty' : '/v1');

    is(join('', map { next_text($s) // '' } 0, 1), join('', @words[0, 1]),
        "$scene: what came is delivered");
    $up->open_gate($scene);
    $r = $s->finish;
    @got = ({}, @{ $r->{events} });

    my $last = $got[-1]{json}{error} || {};
    is(join(' ', sort keys %$last), 'code message param type',
        "$scene: an error event is last");
    is($last->{code}, $code{$scene} || 'upstream_error',
        "$scene: its code says what happened");
    unlike($r->{body}, qr/\[DONE\]|"finish_reason":"/,
        "$scene: nothing claims a good end");
    is($up->seen - $before, 1, "$scene: nothing is tried again");
}

for my $scene (sort keys %first, keys %gone) {
    my $before = $up->seen;

    is(bytes_of(start_stream("first $scene")->finish), $expected,
        "$scene before any word: the client does not notice");

    my @used = map { $_->{key} } ($up->seen)[$before .. $up->seen - 1];
    is(scalar @used, 2, "$scene before any word: one more try");
    isnt($used[0], $used[1], "$scene before any word: with the other key")
        if $first{$scene};
}

# ---- any cut (last, as so many requests make looking back slow)

my @differ = grep {
    bytes_of(start_stream("cut $_")->finish) ne $expected
} 1 .. length($whole) - 1;

is("@differ", '', 'the same when cut in two, wherever that is');

$t->done;
