# Clients that go away, at every point of a request: upstream's connection is
# closed at once, no key is blamed, and nothing stays in flight.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my @keys = map { "leave-key-$_-2718281828" } qw(one two);
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n";
my $event = 'data: ' . $json->encode({ candidates => [{ content => {
    parts => [{ text => 'first' }] } }] }) . "\r\n\r\n";
my $chunk = sprintf "%x\r\n%s\r\n", length $event, $event;

my $tries = 0;

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $scene = $request->{json}{contents}[0]{parts}[0]{text};

    return reply('hello') if $scene eq 'hello';
    return [[send => $head], ['wait_close']] if $scene eq 'head';
    return [[send => $head . $chunk], ['wait_close']] if $scene eq 'stream';
    return [[send => $head], map({ [trickle => $chunk, 1] } 1 .. 1000)]
        if $scene eq 'flow';
    return [[send => "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"],
        ['wait_close']] if $scene eq 'half';
    return error(429, 'RESOURCE_EXHAUSTED', retry => '7s')
        if $scene eq 'second' && !$tries++;

    return [['wait_close']];
});

$t->secrets(@keys);
$t->start(my $conf = <<"EOC");
    gemini_keys main { key $keys[0]; key $keys[1];
        cooldown rate_limit off; }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    log_format outcome '\$status \$gemini_tries';
    server {
        listen %%PORT%%;
        access_log %%DIR%%/outcome.log outcome;
        location /v1/ { gemini_pass main; }
        location /early/ { gemini_pass main; gemini_head_timeout 100ms; }
        location = /status { gemini_status main json; access_log off; }
    }
EOC

sub ask {
    my ($scene, %o) = @_;

    return $t->stream('POST', ($o{to} || '/v1') . '/chat/completions', {
        model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $scene }],
        $o{whole} ? () : (stream => JSON::PP::true),
    });
}

sub status_keys { return @{ $t->get('/status')->{json}{keys} } }

sub in_flight {
    my $sum = 0;
    $sum += $_->{in_flight} for status_keys();

    return $sum;
}

# Upstream has a request of this client, whose connection then goes with it.
sub leaves {
    my ($what, $enter, %o) = @_;

    my $seen = $up->seen;
    my $aborted = () = $up->aborted;
    my $s = $enter->();

    $up->wait_seen($seen + ($o{requests} || 1));
    ok($t->wait_for(sub { in_flight() == 1 }), "$what: a request in flight");
    $o{before_leaving}->() if $o{before_leaving};
    $s->abort(%o);

    is(scalar(() = eval { $up->wait_aborted($aborted + 1) }), $aborted + 1,
        "$what: upstream's connection is closed");
    ok($t->wait_for(sub { in_flight() == 0 }), "$what: nothing in flight");
    is(join(' ', map { "$_->{state} " . @{ $_->{cooldowns} } }
        status_keys()), 'ok 0 ok 0', "$what: no key rests");

    return;
}

sub streaming {
    my $s = ask(@_);

    $s->next_event;

    return $s;
}

for my $rst (0, 1) {
    my $how = $rst ? ', rudely' : '';

    leaves("before any answer$how", sub { ask('mute', whole => 1) },
        rst => $rst);
    leaves("in the middle of a whole answer$how",
        sub { ask('half', whole => 1) }, rst => $rst);
    leaves("before the head of a stream$how", sub { ask('mute') },
        rst => $rst);
    leaves("while the head is held$how", sub { ask('head') }, rst => $rst);
    leaves("after an early head$how",
        sub { streaming('head', to => '/early') }, rst => $rst);
    leaves("after an early head, before upstream's$how",
        sub { streaming('mute', to => '/early') }, rst => $rst);
    leaves("in the middle of a stream$how", sub { streaming('stream') },
        rst => $rst);
    leaves("while events come$how", sub { streaming('flow') }, rst => $rst);
}

leaves('during the second try', sub { ask('second') }, requests => 2);
leaves('over a reload', sub { streaming('stream') },
    before_leaving => sub { ok($t->reload($conf), 'a reload meanwhile') });

# ---- while sending the body

for my $part ('', '{"model":"gemini-2.5-flash","mess') {
    my $seen = $up->seen;
    my $s = $t->connect->send_bytes("POST /v1/chat/completions HTTP/1.1\r\n"
        . "Host: localhost\r\nContent-Length: 1000\r\n\r\n$part");

    $s->abort;
    # the next request is behind it on its way to whichever worker
    is(ask('hello', whole => 1)->finish->{status}, 200,
        'a client that left ' . ($part ? 'in' : 'before')
        . ' its body is in nobody\'s way');
    is($up->seen - $seen, 1, 'upstream was not asked for it');
    is(in_flight(), 0, 'and nothing is in flight');
}

# ---- many at once

my $seen = $up->seen;
my $aborted = () = $up->aborted;
my @clients = map { ask($_ % 2 ? 'mute' : 'stream') } 1 .. 60;

$up->wait_seen($seen + @clients);
ok($t->wait_for(sub { in_flight() == @clients }), 'sixty are in flight');
$_->abort for splice @clients, 0, 30;
is(scalar(() = $up->wait_aborted($aborted + 30)), $aborted + 30,
    'thirty leave, thirty connections are closed');
ok($t->wait_for(sub { in_flight() == 30 }), 'the others are in flight still');
$_->abort(rst => 1) for @clients;
$up->wait_aborted($aborted + 60);
ok($t->wait_for(sub { in_flight() == 0 }), 'until they leave, too');

my $r = ask('hello', whole => 1)->finish;
is($r->{json}{choices}[0]{message}{content}, 'hello',
    'the next client is served as if nothing had been');

# ---- together with their worker

$seen = $up->seen;
@clients = map { ask('mute') } 1 .. 6;
$up->wait_seen($seen + @clients);
ok($t->wait_for(sub { in_flight() == 6 }), 'six are in flight');
$t->kill_worker($_) for $t->workers;
ok($t->wait_for(sub { in_flight() == 0 }),
    'what a killed worker had in flight is not counted for ever');

# ---- what is written down

ok($t->wait_log(qr/^499 1$/m, file => 'outcome.log'),
    'who left before the answer is a 499 in the access log');
ok($t->wait_log(qr/^200 1$/m, file => 'outcome.log'),
    'who left in the middle of it is a 200');
unlike($t->error_log, qr/\[error\] .*(?:broke off|no key is usable)/,
    'leaving is no error');

$t->done;
