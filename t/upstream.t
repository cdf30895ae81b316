# The way to upstream: connections that are kept, addresses that fail,
# answers that break off or are none, and what goes out in a request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP ();
use Test::More;

use GeminiTest;

my @keys = map { "upstream-key-$_-22360679" } qw(one two three);
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

my $body = $json->encode({ candidates => [{ content => {
    parts => [{ text => 'hello' }], role => 'model' },
    finishReason => 'STOP', index => 0 }] });
my $event = "data: $body\r\n\r\n";

sub head {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" . $_[0]
        . "\r\n";
}

sub length_of { return 'Content-Length: ' . length($_[0]) . "\r\n" }

my $whole = head(length_of($body)) . $body;

# Broken ways to answer; the second try of a request gets a good answer.
my %broken = (
    reset => [['rst']],
    closed => [['close']],
    head_cut => [[send => "HTTP/1.1 200 OK\r\nContent-Ty"], ['close']],
    head_reset => [[send => "HTTP/1.1 200 OK\r\nContent-Ty"], ['rst']],
    no_http => [[send => "\x16\x03\x01SSH-2.0-nobody\r\n\r\n"], ['close']],
    no_header => [[send => "HTTP/1.1 200 OK\r\n\x01: x\r\n\r\n"], ['close']],
    long_length => [[send => head(length_of("$body..")) . $body], ['close']],
    two_lengths => [[send => head(length_of($body) . length_of("$body."))
        . $body], ['close']],
    negative => [[send => head("Content-Length: -5\r\n") . $body],
        ['close']],
    chunk_size => [[send => head("Transfer-Encoding: chunked\r\n")
        . "xyz\r\n$body\r\n0\r\n\r\n"], ['close']],
    chunk_cut => [[send => head("Transfer-Encoding: chunked\r\n")
        . sprintf("%x\r\n", 2 * length $body) . $body], ['close']],
    chunk_huge => [[send => head("Transfer-Encoding: chunked\r\n")
        . "fffffffffffffffff\r\n$body"], ['close']],
    gzip => [[send => head(length_of($body) . "Content-Encoding: gzip\r\n")
        . $body]],
    encoding => [[send => head("Transfer-Encoding: gzip, chunked\r\n")
        . "0\r\n\r\n"], ['close']],
    html => { status => 200, body => '<html>Sorry...',
        headers => { 'Content-Type' => 'text/html' } },
    empty => { status => 200, body => '' },
    no_content => [[send => "HTTP/1.1 204 No Content\r\n\r\n"]],
    half_json => { status => 200, body => substr $body, 0, 40 },
    no_object => { status => 200, body => '"hello"' },
);

# Unusual ways that are answers all the same.
my %odd = (
    continue => [[send => "HTTP/1.1 100 Continue\r\n\r\n$whole"]],
    hints => [[send => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"],
        [pause => 5], [send => "HTTP/1.1 102 Processing\r\n\r\n$whole"]],
    http_1_0 => [[send => "HTTP/1.0 200 OK\r\n\r\n$body"], ['close']],
    until_close => [[send => head("Connection: close\r\n") . $body],
        ['close']],
    bytewise => [[trickle => $whole, 0]],
    chunked => { status => 200, pieces => [split //, $body] },
    extension => [[send => head("Transfer-Encoding: chunked\r\n")
        . sprintf("%x;a=b\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", length $body,
            $body)]],
    identity => [[send => head(length_of($body)
        . "Content-Encoding: identity\r\n") . $body]],
    case => [[send => "HTTP/1.1 200\r\nCONTENT-LENGTH:" . length($body)
        . "\r\n\r\n$body"]],
    too_much => [[send => "$whole  more"]],
);

my %times;

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $word = $request->{json}{contents}[0]{parts}[0]{text} // '';

    return error(400, 'INVALID_ARGUMENT') if $word eq 'refused';
    return error(503, 'UNAVAILABLE') if $word eq 'overloaded';
    return error(429, 'RESOURCE_EXHAUSTED', retry => '1s')
        if $word eq 'spent' && !$times{spent}++;
    return [['wait_close']] if $word =~ /silent/;
    return [[send => "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"],
        ['wait_close']] if $word eq 'stalled';
    return [[gate => 'slow'], ['rst']] if $word eq 'slow';
    return $odd{$word} if $odd{$word};
    return $broken{$2} if $word =~ /\A(once|always) (\w+)/
        && ($1 eq 'always' || !$times{$request->{stream} . $word}++);
    return reply('hello');
});

my $second = $t->upstream(sub { reply('hello') });
my $dead = $t->upstream(sub { die });
$dead->stop;

# connections to it are neither taken nor refused: its queue is full
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
    Listen => 1) or die "no full port: $!\n";
my @fillers = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Blocking => 0,
        PeerPort => $full->sockport)
} 1 .. 4;
$t->define(full => '127.0.0.1:' . $full->sockport);

my $conf = <<"EOC";
    gemini_keys main { @{[map "key $_;", @keys]}
        cooldown unavailable off; cooldown rate_limit off; }
    gemini_auth off;
    gemini_upstream http://%%$up%%;
    upstream users { server %%$up%%; keepalive 8; }
    upstream plain { server %%$up%%; }
    upstream half { server %%$dead%%; server %%$second%%; keepalive 4; }
    upstream hidden { server %%$dead%%; server %%$dead%% backup; }
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /users/ { gemini_pass main; gemini_upstream http://users; }
        location /plain/ { gemini_pass main; gemini_upstream http://plain; }
        location /half/ { gemini_pass main; gemini_upstream http://half; }
        location /dead/ { gemini_pass main;
            gemini_upstream http://%%$dead%%; }
        location /hidden/ { gemini_pass main; gemini_upstream http://hidden; }
        location /full/ { gemini_pass main; gemini_upstream http://%%full%%;
            gemini_connect_timeout 100ms; }
        location /read/ { gemini_pass main; gemini_read_timeout 150ms; }
        location /tries/ { gemini_pass main; gemini_tries_timeout 100ms; }
        location /path/ { gemini_pass main;
            gemini_upstream http://%%$up%%/proxy/to/google/; }
        location /name/ { gemini_pass main;
            gemini_upstream http://localhost:%%port%%; }
        location = /main.json { gemini_status main json; }
    }
EOC

$t->secrets(@keys);
$t->define(port => $up->port);
$t->start($conf, workers => 1);

sub ask {
    my ($word, %o) = @_;

    return $t->post(($o{to} || '/v1') . '/chat/completions', {
        model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $word }],
        $o{stream} ? (stream => JSON::PP::true) : (),
    }, %o);
}

sub text {
    my ($r) = @_;

    return $r->{json}{choices}[0]{message}{content} // '' unless $r->{events};
    return join '', map { $_->{json}{choices}[0]{delta}{content} // '' }
        grep { $_->{json} } @{ $r->{events} };
}

sub counts {
    my ($upstream) = @_;

    open my $file, '<', $upstream->{file} or die "$upstream: $!\n";
    my $events = do { local $/; <$file> };

    return map { scalar(() = $events =~ /"event":"$_"/g) }
        qw(request accept);
}

# What a request cost upstream: (requests, connections).
sub cost {
    my ($do, $upstream) = @_;

    my @before = counts($upstream // $up);
    $do->();
    my @after = counts($upstream // $up);

    return map { $after[$_] - $before[$_] } 0, 1;
}

# ---- kept connections

for my $to (qw(/v1 /users /name)) {
    for my $word (qw(hi refused overloaded)) {
        my @status;
        my ($seen, $made) = cost(sub {
            push @status, ask($word, to => $to, stream => $_ % 2)->{status}
                for 1 .. 20;
        });

        cmp_ok($seen, '>=', 20, "$to, $word: twenty requests");
        cmp_ok($made, '<=', 3, "$to, $word: over a few connections");
    }
}

my (undef, $made) = cost(sub { ask('hi', to => '/plain') for 1 .. 5 });
is($made, 5, 'a block without keepalive keeps none');

($made) = (cost(sub { ask('spent') }))[1];
cmp_ok($made, '<=', 1, 'another key is tried on the connection of the first');

# ---- what goes out

my %extra = (Cookie => 'session=1', 'X-Forwarded-For' => '192.0.2.1',
    'Accept-Encoding' => 'gzip', 'X-Real-IP' => '192.0.2.1', Via => '1.1 x',
    Forwarded => 'for=192.0.2.1', Referer => 'http://x/', 'TE' => 'trailers',
    'x-goog-api-key' => 'mine', 'OpenAI-Organization' => 'org', 'Range' =>
    'bytes=0-1', Authorization => 'Bearer mine', 'User-Agent' => 'agent/1');

my $r = ask('hi', headers => \%extra);
is($r->{status}, 200, 'a request with all kinds of headers');
my ($sent) = ($up->seen)[-1];
is(join(' ', sort map { lc $_->[0] } @{ $sent->{header_lines} }),
    'content-length content-type host user-agent x-goog-api-key',
    'upstream gets its own few, each once');
is(scalar(grep { $_ eq $sent->{key} } @keys), 1, 'with the pool\'s key');
is($sent->{query}, '', 'which is not in the URL');
is($sent->{headers}{host}, $up->address, 'and the host it was told');
unlike($json->encode($sent->{headers}), qr/mine|192\.0\.2|session/,
    'nothing of the client\'s');

ask('hi', to => '/path');
is(($up->seen)[-1]{path}, '/proxy/to/google/v1beta/models/gemini-2.5-flash'
    . ':generateContent', 'a path in the URL comes before upstream\'s own');
ask('hi', to => '/name');
is(($up->seen)[-1]{headers}{host}, 'localhost:' . $up->port,
    'a name in the URL is the host');
ask('hi', to => '/users');
is(($up->seen)[-1]{headers}{host}, 'users', 'and so is that of a block');
is($t->get('/v1/models')->{status} > 0, 1, 'a list is asked for');
is(join(' ', sort map { lc $_->[0] } @{ ($up->seen)[-1]{header_lines} }),
    'host user-agent x-goog-api-key', 'with fewer headers still');

# ---- odd answers

for my $word (sort keys %odd) {
    $r = ask($word);
    is($r->{status} . text($r), '200hello', "$word: is an answer");
}

# ---- broken answers

for my $word (sort keys %broken) {
    for my $stream (0, 1) {
        # what came before the cut has gone out by then
        next if $stream && $word =~ /\A(?:long_length|chunk_cut)\z/;

        my $name = $stream ? "$word, streamed" : $word;
        my ($seen) = cost(sub { $r = ask("once $word", stream => $stream) });

        is($r->{status} . text($r), '200hello',
            "$name: a second try makes up for it");
        is($seen, 2, "$name: there is one");

        ($seen) = cost(sub {
            $r = ask("always $word", stream => $stream);
        });
        ok($r->{status} == 502 || $r->{status} == 503,
            "$name: when nothing helps the client gets an error")
            or diag("$r->{status} $r->{body}");
        is(ref $r->{json}{error}, 'HASH', "$name: of the API's form");
        ok($seen >= 1 && $seen <= 3, "$name: after few tries") or diag($seen);
    }
}

# ---- addresses

my @status;
my ($seen) = cost(sub {
    push @status, ask('hi', to => '/half')->{status} for 1 .. 6;
}, $second);
is("@status", '200 200 200 200 200 200', 'a dead address is not noticed');
is($seen, 6, 'the other one serves');

for my $to (qw(/dead /hidden)) {
    $r = ask('hi', to => $to);
    is($r->{status}, 502, "$to: where none is alive it is a 502");
    ok($r->{json}{error}{message}, "$to: that says so");
}

is(ask('hi', to => '/full')->{status}, 504, 'no connection in time: 504');

# ---- time

for my $stream (0, 1) {
    ($seen) = cost(sub {
        $r = ask('silent', to => '/read', stream => $stream) });
    is($r->{status}, 504, 'no answer in time: 504');
    is($seen, 1, 'a request that may be running is not sent again');
}

($seen) = cost(sub { $r = ask('stalled', to => '/read') });
is($r->{status}, 504, 'no rest of the answer in time: 504');
is($seen, 1, 'not sent again either');

my $late = $t->stream('POST', '/tries/chat/completions', {
    model => 'gemini-2.5-flash',
    messages => [{ role => 'user', content => 'slow' }] });
($seen) = cost(sub {
    select undef, undef, undef, 0.15;
    $up->open_gate('slow');
    $r = $late->finish;
});
cmp_ok($r->{status}, '>=', 502, 'after gemini_tries_timeout');
is(scalar(grep { ($_->{json}{contents}[0]{parts}[0]{text} // '') eq 'slow' }
    $up->seen), 1, 'no other try is made');

# ---- nobody's fault

is_deeply([map { @{ $_->{cooldowns} } }
    @{ $t->get('/main.json')->{json}{keys} }], [],
    'after all of this no key rests');

$t->done;
