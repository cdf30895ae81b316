# Reload and stop with work under way: every stream ends whole, no request
# is lost, nothing is left behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my @keys = map { "reload-key-$_-31622776" } qw(one two three);
my $t = GeminiTest->new;
my $json = JSON::PP->new->utf8->canonical;

sub event {
    my ($text, %o) = @_;

    my $event = 'data: ' . $json->encode({ candidates => [{
        content => { parts => [{ text => $text }], role => 'model' }, %o,
    }] }) . "\r\n\r\n";

    return [send => sprintf "%x\r\n%s\r\n", length $event, $event];
}

my @head = ([send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
    . "\r\nTransfer-Encoding: chunked\r\n\r\n"]);
my @end = (event('end', finishReason => 'STOP'), [send => "0\r\n\r\n"]);

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $word = $request->{json}{contents}[0]{parts}[0]{text};

    # named by their gates
    return [@head, event('begin '), [gate => $1], event('middle '), @end]
        if $word =~ /\Astream (\w+)/;
    return [[gate => $1], @head, event('begin middle '), @end]
        if $word =~ /\Asilent (\w+)/;
    return [[gate => $1], [send => "HTTP/1.1 200 OK\r\n"
        . "Content-Length: 100\r\n\r\n"
        . sprintf '%-100s', '{"candidates":[{"content":{"parts":'
        . '[{"text":"begin middle end"}]},"finishReason":"STOP"}]}']]
        if $word =~ /\Awhole (\w+)/;
    return [[gate => $1], [send => "HTTP/1.1 503 Unavailable\r\n"
        . "Content-Length: 0\r\n\r\n"]]
        if $word =~ /\Afailing (\w+)/ && $request->{key} eq $keys[0];

    return reply(['begin ', 'middle ', 'end']);
});

$t->secrets(@keys);

sub conf {
    my ($keys, $name) = @_;

    my $all = join ' ', map { "key $_;" } @$keys;

    return <<"EOC";
    gemini_keys main { $all balance round_robin; }
    gemini_auth off;
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        gemini_head_timeout 100ms;
        location /v1/ { gemini_pass main; }
        location = /version { return 200 $name; }
        location = /main.json { gemini_status main json; }
    }
EOC
}

$t->start(conf([@keys[0, 1]], 'first'));

sub body {
    my ($word, $stream) = @_;

    return { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $word }],
        $stream ? (stream => JSON::PP::true) : () };
}

sub begin {
    my ($word, $stream, %o) = @_;

    return $t->stream('POST', '/v1/chat/completions', body($word, $stream),
        deadline => 60, %o);
}

sub text_of {
    my ($r) = @_;

    return $r->{json}{choices}[0]{message}{content} unless $r->{events};

    my @events = map { $_->{json} } grep { $_->{json} } @{ $r->{events} };

    return join('', map { $_->{choices}[0]{delta}{content} // '' } @events)
        . ($r->{body} =~ /data: \[DONE\]\n\n\z/ ? ' [DONE]' : '');
}

# Requests of every kind, held at their gates, all of which upstream has.
sub hold {
    my ($gate) = @_;

    my $before = $up->seen;
    my @held = (begin("failing $gate", 1), begin("failing $gate", 0));

    $up->wait_seen($before + 2);
    push @held, map {
        (begin("stream $gate", 1), begin("silent $gate", 1),
            begin("whole $gate", 0))
    } 1 .. 3;
    $up->wait_seen($before + @held);

    # two that have begun to come
    for my $stream (@held[2, 5]) {
        while (my $event = $stream->next_event) {
            last if ($event->{data} // '') =~ /begin/;
        }
        $stream->{events_at} = 0;
    }

    return @held;
}

sub are_whole {
    my ($name, @held) = @_;

    my @answers = map { $_->finish } @held;

    # nginx waits a while for a client that has sent a body to close first
    $_->abort for @held;

    my @broken = grep { !$_->{complete} || $_->{status} != 200
        || text_of($_) !~ /\Abegin middle end(?: \[DONE\])?\z/
        || ($_->{events} && text_of($_) !~ /DONE/) } @answers;

    ok(!@broken, "$name: every answer is whole")
        or diag(map { "$_->{status} $_->{raw}\n" } @broken);

    return;
}

# ---- a reload with requests under way

my @held = hold('one');
my %old = map { $_ => 1 } $t->workers;

ok($t->reload(conf([@keys[1, 2]], 'second')), 'a reload with streams open');
is($t->get('/version')->{body}, 'second', 'the new configuration serves');
is(text_of($t->post('/v1/chat/completions', body('hi'))),
    'begin middle end', 'and so do its keys');

$up->open_gate('one');
are_whole('reload', @held);

ok($t->wait_for(sub { !grep { $old{$_} && kill 0, $_ } keys %old }),
    'then the old workers go');

# ---- twice, the first of them still at work

@held = hold('two');
ok($t->reload(conf(\@keys, 'third')), 'a reload');
push @held, hold('two');
ok($t->reload(conf([@keys[0, 1]], 'fourth')), 'and another');
$up->open_gate('two');
are_whole('two reloads', @held);

# ---- under load

my @answers;

for my $round (1 .. 6) {
    my @streams = map { begin('hi', $_ % 2) } 1 .. 10;

    ok($t->reload(conf([@keys[$round % 2 .. 2]], "round$round")),
        "reload $round under load");
    push @answers, map { $_->finish } @streams;
    $_->abort for @streams;
}

is(scalar(grep { $_->{status} == 200 && $_->{complete}
    && text_of($_) =~ /\Abegin middle end/ } @answers), 60,
    'no request is lost');

# ---- a configuration that is wrong

@held = hold('three');
$t->expect_log(qr/\[emerg\].*nonsense/);
ok(!$t->reload('gemini_keys main { nonsense on; }'),
    'a wrong configuration is refused');
is($t->get('/version')->{body}, 'round6', 'the old one goes on');
$up->open_gate('three');
are_whole('refused reload', @held);

# ---- a client that leaves an old worker

@held = hold('never');
%old = map { $_ => 1 } $t->workers;
ok($t->reload(conf(\@keys, 'last')), 'a reload with clients that will leave');
$_->abort for @held;
ok($t->wait_for(sub { !grep { kill 0, $_ } keys %old }),
    'the old workers go when they have left');
is_deeply([grep { $_ != 0 } map { $_->{in_flight} }
    @{ $t->get('/main.json')->{json}{keys} }], [],
    'and nothing is counted as under way');

# ---- the end

@held = hold('last');
kill 'QUIT', $t->{pid};
ok($t->wait_log(qr/gracefully shutting down/), 'a graceful stop');
ok($t->wait_for(sub { !eval { $t->connect; 1 } }),
    'takes no connection any more');
$up->open_gate('last');
are_whole('stop', @held);

$t->done;
