# Clients that read slowly, or not at all: upstream is not read faster than
# they take it, and no stream needs more memory for being long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'slow-key-2718281828';
my $t = GeminiTest->new;

# More than the kernel keeps in all its buffers between the two ends.
my $count = 2000;
my $filling = 'x' x 16384;
my $bytes = $count * length $filling;

# A worker may grow by so much, whatever runs through it.
my $most = 6 * 1024;        # KB

sub event {
    my ($text, $end) = @_;

    return 'data: {"candidates":[{"content":{"parts":[{"text":"' . $text
        . '"}]}' . ($end ? ',"finishReason":"STOP"' : '') . "}]}\r\n\r\n";
}

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $scene = $request->{json}{contents}[0]{parts}[0]{text};
    my $head = [send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
        . "\r\nConnection: close\r\n\r\n"];

    return [$head, map({ [send => event("$_:$filling")] } 1 .. $count),
        [send => event('end', 1)], ['close']] if $scene eq 'large';
    return [$head, map({ [send => join '', map { event($_) } 1 .. 50] }
        1 .. 3000), [send => event('end', 1)], ['close']]
        if $scene eq 'long';

    return reply('hello');
});

$t->secrets($key);
$t->start(my $conf = <<"EOC", workers => 1);
    gemini_keys main { key $key; }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /hasty/ { gemini_pass main; send_timeout 500ms; }
        location = /status { gemini_status main json; }
    }
EOC

sub ask {
    my ($scene, %o) = @_;

    return $t->stream('POST', ($o{to} || '/v1') . '/chat/completions', {
        model => 'gemini-2.5-flash', stream => JSON::PP::true,
        messages => [{ role => 'user', content => $scene }],
    }, deadline => 60, %o);
}

sub memory_of {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($size) = join('', <$file>) =~ /^VmRSS:\s+(\d+)/m;

    return $size || 0;
}

# A sanitizer keeps for itself what has been freed.
sub is_sanitized {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/maps" or return 0;

    return scalar grep { /lib[a-z]*san\b/ } <$file>;
}

sub stays_small {
    my ($before, $what) = @_;

    my ($pid) = $t->workers;

    SKIP: {
        skip 'memory of a sanitizer', 1 if is_sanitized($pid);
        cmp_ok(memory_of($pid) - $before, '<', $most, $what);
    }

    return;
}

# Without what a stream holds, which is too much to be taken apart.
sub is_whole {
    my ($s, $what) = @_;

    ok($s->complete, "$what: the answer ends well");

    my @numbers = $s->{body} =~ /"content":"(\d+):x{16384}"/g;

    is(scalar @numbers, $count, "$what: every event is there");
    ok(!grep({ $numbers[$_] != $_ + 1 } 0 .. $#numbers),
        "$what: in their order");
    like(substr($s->{body}, -20), qr/\n\ndata: \[DONE\]\n\n\z/,
        "$what: to [DONE]");

    return;
}

sub closed { return grep { $_->{event} eq 'close' } $up->events }

sub in_flight { return $t->get('/status')->{json}{keys}[0]{in_flight} }

# ---- memory

is(ask('hello')->complete, 1, 'the worker is warm');

my ($worker) = $t->workers;
my $before = memory_of($worker);

ok(ask('long')->complete, 'a stream of 150000 events');
stays_small($before, 'takes no memory for being long');

# ---- a client that does not read

my $seen = $up->seen;
my @blocked = map { ask('large', receive_buffer => 262144) } 1 .. 2;

$up->wait_seen($seen + @blocked);

my $gone = () = closed();
my $reading = ask('large');

is_whole($reading, 'beside clients that do not read');
$t->wait_for(sub { closed() > $gone });
is(scalar(() = closed()), $gone + 1,
    'upstream could not send more to those that do not read');
stays_small($before, 'what they have not read is not kept');
is(in_flight(), 2, 'they are in flight');

# ---- and then does

is_whole($blocked[0], 'a client that reads at last');

ok($t->reload($conf), 'a reload while another has not read');
is(ask('hello')->complete, 1, 'new clients are served meanwhile');
is_whole($blocked[1], 'a client that reads after a reload');
ok($t->wait_for(sub { in_flight() == 0 }), 'nothing is in flight then');

# ---- and never does

$seen = $up->seen;
$gone = () = closed();

my $never = ask('large', to => '/hasty', receive_buffer => 262144);

$up->wait_seen($seen + 1);
is(scalar(() = $up->wait_seen($gone + 1, event => 'close')), $gone + 1,
    'a client that never reads is given up after send_timeout');
is((closed())[-1]{by}, 'peer', 'and upstream is closed unread');
ok($t->wait_for(sub { in_flight() == 0 }), 'nothing is in flight then');
cmp_ok(length($never->read_raw), '<', $bytes, 'it has not got it all');
unlike($t->error_log, qr/\[error\] .* gemini: /,
    'and upstream is not blamed for it');

$t->done;
