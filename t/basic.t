# The harness itself: a plain nginx with the module loaded, a scripted
# upstream behind proxy_pass, faults on the wire, reload and a killed worker.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(time);

use GeminiTest;

my $t = GeminiTest->new(plan => 25);

my $up = $t->upstream(sub {
    my ($request) = @_;

    return $request->{key} eq 'k1'
        ? error(429, 'RESOURCE_EXHAUSTED', retry => '7s')
        : reply(['hel', 'lo'], pause => 100);
});

my $broken = $t->upstream(sub {
    my ($request) = @_;

    return [[send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
        [close => ()]] if $request->{path} eq '/short';
    return [[rst => ()]] if $request->{path} eq '/rst';
    return [[send => "HTTP/1.1 200 OK\r\n\r\nfirst"], [gate => 'more'],
        [send => ' second'], [close => ()]] if $request->{path} eq '/gate';
    return [[wait_close => ()]];
});

$t->start(<<"EOC");
    proxy_buffering off;
    upstream scripted { server %%$up%%; keepalive 4; }
    server {
        listen %%PORT%%;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / { proxy_pass http://scripted; }
        location /b/ { proxy_pass http://%%$broken%%/; }
        location /version { return 200 one; }
    }
EOC

my $model = '/v1beta/models/gemini-2.5-flash';
my $r = $t->post("$model:generateContent", { text => "\x{e9}" },
    headers => { 'x-goog-api-key' => 'k2' });

is($r->{status}, 200, 'an answer came through nginx');
ok($r->{complete}, 'the answer is whole');
is($r->{json}{candidates}[0]{content}{parts}[1]{text}, 'lo',
    'its JSON is decoded');

$r = $t->post("$model:generateContent", {},
    headers => { 'x-goog-api-key' => 'k1' });
is($r->{status}, 429, 'the script decides by key');
is($r->{json}{error}{details}[0]{retryDelay}, '7s', 'an error has details');

my ($first) = $up->seen;
is($first->{key}, 'k2', 'the upstream saw the key');
is($first->{model}, 'gemini-2.5-flash', 'and the model');
is($first->{json}{text}, "\x{e9}", 'and the body');
cmp_ok($up->connections, '<=', 2, 'one kept-alive connection per worker');

my $s = $t->stream('POST', "$model:streamGenerateContent?alt=sse", {},
    headers => { 'x-goog-api-key' => 'k2' });
my @events = $s->events;
is(scalar @events, 2, 'a stream comes event by event');
cmp_ok($events[1]{at} - $events[0]{at}, '>', 0.05, 'with arrival times');
ok($s->complete, 'up to its last chunk');

$r = $t->get('/b/short');
ok(!$r->{complete}, 'a cut answer is not complete');
is($t->get('/b/rst')->{status}, 502, 'a reset connection is a 502');

$s = $t->stream('GET', '/b/gate');
is($s->status, 200, 'a stream waits at a gate');
$broken->open_gate('more');
is($s->finish->{body}, 'first second', 'and goes on when that is opened');

$s = $t->stream('GET', '/b/hang');
$broken->wait_seen(4);
$s->abort(rst => 1);
is(scalar $broken->wait_aborted(1), 1, 'a client that leaves is noticed');

my @old = $t->workers;
is(scalar @old, 2, 'two workers serve');
ok($t->reload(<<"EOC"), 'a reload with another configuration');
    server { listen %%PORT%%; location /version { return 200 two; } }
EOC
is($t->get('/version')->{body}, 'two', 'the new workers serve it');

my $killed = $t->kill_worker;
ok(!grep({ $_ == $killed } $t->workers), 'a killed worker is replaced');
is($t->get('/version')->{body}, 'two', 'and nginx goes on');

my ($said, $code) = $t->conf_error('server { listen nonsense:port; }');
is($code, 1, 'a wrong configuration is refused');
like($said, qr/\[emerg\].*nonsense/, 'with a message that names it');

like($t->raw("GET /version HTTP/1.0\r\n\r\n"), qr/\r\n\r\ntwo\z/,
    'raw bytes go both ways');
