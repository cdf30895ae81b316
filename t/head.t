# The head of a stream that upstream has nothing to say on yet: held back
# while another key may still answer, sent when the client has waited long
# enough, and even then no failure gets lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my @keys = map { "head-key-$_-2718281828" } qw(one two);
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

my $news = { candidates => [{ content => { parts => [
    { text => 'good news' }] }, finishReason => 'STOP' }] };
my @events = map { 'data: ' . $json->encode($_) . "\r\n\r\n" } (
    { candidates => [{ content => { parts => [{ text => 'good ' }] } }] },
    { candidates => [{ content => { parts => [{ text => 'news' }] },
        finishReason => 'STOP' }] });

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    . "Connection: close\r\n\r\n";
my @answer = ([send => join '', $head, @events], ['close']);

sub failure {
    my ($code, $name, %o) = @_;

    return $json->encode({ error => { code => $code, status => $name,
        message => "no, $name", %o } });
}

sub answer_with {
    my ($status, $body) = @_;

    return [send => "HTTP/1.1 $status No\r\nContent-Type: application/json"
        . "\r\nContent-Length: " . length($body) . "\r\n\r\n$body"];
}

my $no_key = failure(400, 'INVALID_ARGUMENT', details => [{
    '@type' => 'type.googleapis.com/google.rpc.ErrorInfo',
    reason => 'API_KEY_INVALID', domain => 'googleapis.com' }]);

# What goes wrong, and the code a client is told when it always does.
my %fault = (
    'a 429' => [rate_limit_exceeded => sub {
        answer_with(429, failure(429, 'RESOURCE_EXHAUSTED')) }],
    'a 503' => [overloaded => sub {
        answer_with(503, failure(503, 'UNAVAILABLE')) }],
    'a 500' => [upstream_error => sub {
        answer_with(500, failure(500, 'INTERNAL')) }],
    'a refused key' => [upstream_auth_error => sub {
        answer_with(400, $no_key) }],
    'an error event' => [overloaded => sub {
        [send => $head . 'data: ' . failure(503, 'UNAVAILABLE') . "\n\n"],
            ['close'] }],
    'a bare error' => [overloaded => sub {
        [send => $head . failure(503, 'UNAVAILABLE')], ['close'] }],
    'garbage' => [upstream_error => sub {
        [send => "${head}data: {]\n\n"], ['close'] }],
    'a web page' => [upstream_error => sub {
        [send => "$head<html>"], ['close'] }],
    'no HTTP' => [upstream_error => sub {
        [send => "SSH-2.0-nobody\r\n\r\n"], ['close'] }],
    'a close' => [upstream_error => sub { ['close'] }],
    'a reset' => [upstream_error => sub { ['rst'] }],
);

my %tried;

my $up = $t->upstream(sub {
    my ($request) = @_;

    my $scene = $request->{json}{contents}[0]{parts}[0]{text};
    my $try = ++$tried{$scene};

    return [[send => $head], [gate => $scene],
        [send => join '', @events], ['close']] if $scene =~ /^speechless/;
    return [[gate => $scene], $request->{stream} ? @answer
        : answer_with(200, $json->encode($news))] if $scene =~ /^silent/;
    return [['wait_close']] if $scene =~ /^never/;

    if ($scene =~ /^(early|late|doomed|held) (.*)/) {
        my @wait = $1 eq 'early' ? () : ([gate => $scene]);
        my $always = $1 eq 'doomed' || $1 eq 'held';

        return [@wait, $fault{$2}[1]->()] if $always || $try == 1;
    }

    return [@answer];
});

$t->secrets(@keys);
$t->start(my $conf = <<"EOC");
    gemini_keys main {
        key $keys[0]; key $keys[1]; balance round_robin;
        @{[map { "cooldown $_ off;" } qw(invalid rate_limit unavailable
            server_error gateway)]}
    }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    gemini_head_timeout 300ms;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /hasty/ { gemini_pass main; gemini_read_timeout 900ms; }
        location /held/ { gemini_pass main; gemini_head_timeout 0; }
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

# The keys that a scene was asked with.
sub keys_of {
    my ($scene) = @_;

    return map { $_->{key} } grep {
        $_->{json}{contents}[0]{parts}[0]{text} eq $scene } $up->seen;
}

sub text_of {
    return join '', map { $_->{json} && $_->{json}{choices}
        ? $_->{json}{choices}[0]{delta}{content} // '' : () }
        @{ $_[0]{events} };
}

# The promises of a whole good stream.
sub is_good {
    my ($r, $what) = @_;

    is(text_of($r), 'good news', "$what: the answer is there");
    ok($r->{complete} && $r->{body} =~ /data: \[DONE\]\n\n\z/,
        "$what: to its end");
    is(scalar(() = $r->{raw} =~ /^HTTP\/1/mg), 1, "$what: under one head");
    is(scalar(() = $r->{body} =~ /"role"/g), 1, "$what: with one role");
    unlike($r->{body}, qr/"error"/, "$what: and no error");

    return;
}

# ---- silence

for my $scene ('speechless', 'silent', 'speechless over a reload') {
    my $s = ask($scene);

    is($s->status, 200, "$scene: the head is out before upstream speaks");
    like($s->headers->{'content-type'}, qr{^text/event-stream},
        "$scene: of an event stream");
    is(($s->next_event || {})->{comment}, 'keep-alive',
        "$scene: with a comment");
    ok($t->reload($conf), 'a reload meanwhile') if $scene =~ /reload/;
    $up->open_gate($scene);
    is_good($s->finish, $scene);
    is(scalar keys_of($scene), 1, "$scene: one request was enough");
}

# ---- failures before the head

for my $what (sort keys %fault) {
    my $scene = "early $what";

    is_good(ask($scene)->finish, $scene);

    my @used = keys_of($scene);
    is(scalar @used, 2, "$scene: was tried once more");
    isnt($used[0], $used[1], "$scene: with the other key")
        unless $what =~ /^a (?:close|reset)/;
}

# ---- failures after the early head

# All begin together, and wait together for their heads.
my %late = map { $_ => ask("late $_") } keys %fault;

for my $what (sort keys %fault) {
    my $scene = "late $what";
    my $s = $late{$what};

    $s->next_event;
    is(scalar keys_of($scene), 1, "$scene: the head comes before the failure");
    $up->open_gate($scene);
    is_good($s->finish, $scene);
    is(scalar keys_of($scene), 2, "$scene: another try has answered");
}

my %doomed = map { $_ => ask("doomed $_") } keys %fault;

for my $what (sort keys %fault) {
    my $scene = "doomed $what";
    my $s = $doomed{$what};

    is($s->status, 200, "$scene: the head is out");
    $up->open_gate($scene);

    my $r = $s->finish;
    my $last = (($r->{events} || [])->[-1] || {})->{json}{error} || {};

    is($last->{code}, $fault{$what}[0], "$scene: an error event says it");
    is(join(' ', sort keys %$last), 'code message param type',
        "$scene: in the usual form");
    is(scalar @{ $r->{events} || [] }, 1, "$scene: as the only event");
    ok($r->{complete}, "$scene: then the answer ends");
    is(scalar(() = $r->{raw} =~ /^HTTP\/1/mg), 1, "$scene: under one head");
    cmp_ok(scalar keys_of($scene), '>=', 2, "$scene: other tries were made");
}

# ---- nothing at all

my $r = ask('never at all', to => '/hasty')->finish;

is($r->{status}, 200, 'an upstream that never answers: the head went out');
is($r->{events}[-1]{json}{error}{code}, 'timeout',
    'then an error event tells of the timeout');
ok($r->{complete}, 'and the answer ends');
is(scalar keys_of('never at all'), 1,
    'what may still run upstream is not asked for again');

# ---- held for as long as it takes

my %held = map { $_ => ask("held $_", to => '/held') } 'a 503', 'a 429';
my $slow = ask('silent and held', to => '/held');
my $whole = ask('silent and whole', whole => 1);

$up->wait_seen(1 + grep { /held|whole/ } map {
    $_->{json}{contents}[0]{parts}[0]{text} } $up->seen);

# Its head takes 300 ms, and so long the others have had nothing.
my $other = ask('silent meanwhile');
is($other->status, 200, 'another stream has its head already');

for my $s (values %held, $slow, $whole) {
    $s->next_event(0);
    is($s->{all} // '', '', 'what is held is held');
}

$up->open_gate($_) for 'held a 503', 'held a 429', 'silent and held',
    'silent and whole', 'silent meanwhile';

for my $what (sort keys %held) {
    $r = $held{$what}->finish;
    is($r->{status}, $what =~ s/\D//gr, "held: $what is a status");
    is($r->{json}{error}{code}, $fault{$what}[0], 'with the error as JSON');
}

is_good($slow->finish, 'held silence');
is($whole->finish->{json}{choices}[0]{message}{content}, 'good news',
    'what is no stream is always held');

is_good($other->finish, 'the other stream');

$t->done;
