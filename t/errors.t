# Every error reaches the client in OpenAI's form, whoever it comes from, and
# what cannot be served is not sent upstream.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my $up = $t->upstream(sub {
    my ($request) = @_;

    return json_reply({ models => [{ name => 'models/gemini-2.5-flash',
        supportedGenerationMethods => ['generateContent'] }] })
        if $request->{method} eq 'GET';
    return reply('hello');
});
my $cut = $t->upstream(sub { [[rst => ()]] });
my $silent = $t->upstream(sub { [[wait_close => ()]] });
my $html = $t->upstream(sub { {
    status => 502, body => '<html>Bad gateway</html>',
    headers => { 'Content-Type' => 'text/html' } } });

$t->write_file('page.html', '<p>an own page</p>');

$t->start(<<"EOC");
    limit_req_zone \$server_port zone=one:64k rate=1r/m;
    limit_req_zone \$host zone=two:64k rate=1r/m;
    gemini_keys main { key k1; cooldown unavailable off;
        cooldown gateway off; cooldown server_error off; }
    gemini_clients apps { token sk-errors name=alice; }
    gemini_upstream http://%%$up%%;
    gemini_auth off;
    client_max_body_size 1m;
    large_client_header_buffers 4 2k;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /token/ { gemini_pass main; gemini_auth apps; }
        location /deny/ { gemini_pass main; deny all; }
        location /small/ { gemini_pass main; client_max_body_size 100; }
        location /cut/ { gemini_pass main; gemini_upstream http://%%$cut%%; }
        location /html/ { gemini_pass main;
            gemini_upstream http://%%$html%%; }
        location /dead/ { gemini_pass main;
            gemini_upstream http://127.0.0.1:9; }
        location /slow/ { gemini_pass main; gemini_read_timeout 200ms;
            gemini_upstream http://%%$silent%%; }
        location /limit/ { gemini_pass main; limit_req zone=one; }
        location /limit429/ { gemini_pass main; limit_req zone=two;
            limit_req_status 429; }
        location /paged/ {
            gemini_pass main; deny all;
            error_page 403 /page.html;
        }
        location /recoded/ { gemini_pass main; deny all;
            error_page 403 =410 /page.html; }
        location = /page.html { root %%DIR%%; internal; }
        location /own/ { error_page 404 /page.html; return 404; }
    }
EOC

my $chat = '/v1/chat/completions';

sub body { return { model => 'gemini-2.5-flash',
    messages => [{ role => 'user', content => 'hi' }], @_ } }

# OpenAI's form, whole: an id, four fields of the right types, a JSON type.
sub fails {
    my ($name, $r, $status, $code, $type) = @_;

    my $error = $r->{json}{error};
    $type //= $status < 500 ? 'invalid_request_error' : 'server_error';

    is(join(' ', $r->{status}, $error->{type} // '-', $error->{code} // '-'),
        "$status $type " . ($code // '-'), $name)
        or diag(substr $r->{raw}, 0, 2000);
    ok(ref $error eq 'HASH' && join(',', sort keys %$error)
        eq 'code,message,param,type' && length $error->{message}
        && $r->{headers}{'content-type'} =~ m{\Aapplication/json}
        && $r->{headers}{'x-request-id'} && $r->{complete},
        '... whole, as JSON, with an id');

    return;
}

sub post {
    my ($path, $body, %o) = @_;

    return $t->post($path, $body // body(), %o);
}

# ---- paths and methods

fails('an unknown path', $t->get('/v1/nothing'), 404, 'unknown_url');
fails('nothing but the prefix', $t->get('/v1/'), 404, 'unknown_url');
fails('a POST to an unknown path', post('/v1/assistants'), 404,
    'unknown_url');
fails('a longer path', post('/v1/chat/completions/x'), 404, 'unknown_url');

my $r = post('/v1/v1/chat/completions');
fails('/v1/v1', $r, 404, 'unknown_url');
like($r->{json}{error}{message}, qr{base URL.*"/v1"}, 'says what is wrong');

is(post("/v1//chat///completions")->{status}, 200, 'doubled slashes do');
is(post("$chat/")->{status}, 200, 'and one at the end');

for my $case (['GET', $chat, 'POST, OPTIONS'], ['PUT', $chat,
    'POST, OPTIONS'], ['DELETE', $chat, 'POST, OPTIONS'],
    ['POST', '/v1/models', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/v1/models/x', 'GET, HEAD, OPTIONS'])
{
    my ($method, $path, $allow) = @$case;

    $r = $t->request($method, $path, $method eq 'GET' ? undef : '{}');
    fails("$method $path", $r, 405, 'unknown_url');
    is($r->{headers}{allow}, $allow, '... says what is allowed');
}

fails('a model that is not there', $t->get('/v1/models/gemini-9'), 404,
    'model_not_found');

# ---- bodies that cannot be served; nothing of them goes upstream

my $sent = () = $up->seen;
my $deep = 100_000;

my @bad = (
    ['no body', ''], ['white space', " \n\t "], ['not JSON', 'hello'],
    ['half of a JSON', '{"model":"m","messages":[{"role":"user"'],
    ['two JSONs', '{"model":"m"}{"model":"m"}'],
    ['a list', '[]'], ['a string', '"hi"'], ['null', 'null'], ['true', 'true'],
    ['a number', '7'],
    ['nothing in it', {}], ['no messages', { model => 'gemini-2.5-flash' }],
    ['no model', { messages => [{ role => 'user', content => 'hi' }] }],
    ['no message', body(messages => [])],
    ['messages that are none', body(messages => 'hi')],
    ['a message that is a number', body(messages => [5])],
    ['an unknown role', body(messages => [{ role => 'king',
        content => 'hi' }])],
    ['a message without a role', body(messages => [{ content => 'hi' }])],
    ["$deep brackets", '[' x $deep],
    ["$deep brackets, closed", '[' x $deep . ']' x $deep],
    ["$deep objects", '{"a":' x $deep],
    ["$deep brackets in a known place", '{"model":"gemini-2.5-flash",'
        . '"messages":[{"role":"user","content":' . '[' x $deep . ']' x $deep
        . '}]}'],
    ["$deep brackets in an unknown place", '{"model":"gemini-2.5-flash",'
        . '"messages":[{"role":"user","content":"hi"}],"x":' . '[' x $deep
        . ']' x $deep . '}'],
    map({ my ($name, $bytes) = @$_; ["broken UTF-8: $name",
        '{"model":"gemini-2.5-flash","messages":[{"role":"user","content":"'
        . "$bytes\"}]}"] }
        ['a lone byte', "\xff"], ['a cut sequence', "\xe2\x82"],
        ['overlong', "\xc0\xaf"], ['a surrogate', "\xed\xa0\x80"],
        ['above the last', "\xf4\x90\x80\x80"]),
    ['a raw newline in a string', qq({"model":"m\n","messages":[]})],
    ['a NUL', qq({"model":"gemini\0","messages":[]})],
    map({ ['the model ' . (substr $_, 0, 20) =~ s/[^ -~]/?/gr,
            body(model => $_)] }
        '', '../../files/x', 'a/b:delete', 'x?key=1', "a\r\nX-Evil: 1",
        'a b', '%2e%2e%2f', "\x{e9}t\x{e9}", '#', ':',
        'gemini-2.5-flash:streamGenerateContent', 'm' x 10_000),
    ['a model that is a number', body(model => 7)],
    map({ ["the number $_", '{"model":"gemini-2.5-flash","messages":'
        . '[{"role":"user","content":"hi"}],' . $_ . '}'] }
        '"temperature":1e999', '"temperature":-5', '"temperature":"hot"',
        '"max_tokens":99999999999999999999999', '"max_tokens":-1',
        '"max_tokens":1.5', '"n":1e400', '"n":0', '"n":100000',
        '"seed":1.5', '"top_p":2',
        '"temperature":NaN', '"temperature":0x10', '"max_tokens":01'),
);

for my $case (@bad) {
    my ($name, $body) = @$case;

    $r = post($chat, $body);
    is("$r->{status} " . ($r->{json}{error}{type} // ''),
        '400 invalid_request_error', "$name: 400")
        or diag(substr $r->{raw}, 0, 500);
}

is(scalar(my @now = $up->seen), $sent, 'and nothing of them went upstream');

is(post($chat, '{"model":"gemini-2.5-flash","messages":[{"role":"user",'
    . '"content":"hi"}],"seed":123456789012345678901234567890}')->{status},
    200, 'a seed may be any integer');
cmp_ok(($up->seen)[-1]{json}{generationConfig}{seed}, '<', 2 ** 31,
    'and is folded into what upstream can take');

is(post($chat, undef, chunked => 7)->{status}, 200, 'a chunked body is fine');
is(post($chat, undef, headers => { 'Content-Type' => 'text/plain' })
    ->{status}, 200, 'its type does not matter');

# ---- nginx's own refusals

fails('a body too large', post('/small/chat/completions',
    body(user => 'x' x 200)), 413, 'request_too_large');
fails('a chunked body too large', post('/small/chat/completions',
    body(user => 'x' x 200), chunked => 50), 413, 'request_too_large');
fails('deny', post('/deny/chat/completions'), 403, 'permission_denied');
fails('no token', post('/token/chat/completions'), 401, 'invalid_api_key');
is(post('/limit/chat/completions')->{status}, 200, 'limit_req lets one pass');
fails('limit_req', post('/limit/chat/completions'), 503,
    'service_unavailable');
is(post('/limit429/chat/completions')->{status}, 200, 'and one');
fails('limit_req_status 429', post('/limit429/chat/completions'), 429,
    'rate_limit_exceeded', 'rate_limit_error');

# ---- upstream's failures

fails('a connection that is refused', post('/dead/chat/completions'), 502,
    'upstream_error');
fails('... streaming', post('/dead/chat/completions', body(stream => \1)),
    502, 'upstream_error');
fails('one that is reset', post('/cut/chat/completions'), 502,
    'upstream_error');
fails('an upstream that is silent', post('/slow/chat/completions'), 504,
    'timeout');
fails('a page of HTML', post('/html/chat/completions'), 502,
    'upstream_error');
unlike($r->{body}, qr/<html>/, 'none of which is passed on');

# ---- an id on every answer

my %id;

for my $case (['GET', '/v1/models'], ['POST', $chat, body()],
    ['POST', $chat, body(stream => \1)], ['POST', $chat, '{'],
    ['GET', '/v1/none'], ['OPTIONS', $chat],
    ['POST', '/small/chat/completions', 'x' x 200],
    ['POST', '/dead/chat/completions', body()])
{
    my ($method, $path, $body) = @$case;

    $r = $t->request($method, $path, $body);
    like($r->{headers}{'x-request-id'}, qr/\A[0-9a-f]{32}\z/,
        "x-request-id: $method $path $r->{status}");
    $id{ $r->{headers}{'x-request-id'} }++;
}

is(scalar(keys %id), 8, 'each a new one');

# ---- CORS and HEAD

my $origin = { Origin => 'https://page.example' };

$r = $t->request('OPTIONS', '/token/chat/completions', undef, headers => {
    %$origin, 'Access-Control-Request-Method' => 'POST',
    'Access-Control-Request-Headers' => 'authorization,x-stainless-lang' });

is($r->{status}, 204, 'a preflight needs no token');
is($r->{headers}{'access-control-allow-origin'}, '*', 'any origin may ask');
like($r->{headers}{'access-control-allow-methods'}, qr/POST/, 'and POST');
like($r->{headers}{'access-control-allow-headers'}, qr/x-stainless-lang/,
    'with the headers it asked for');

for my $case (['an answer', $chat, body()], ['a stream', $chat,
    body(stream => \1)], ['an error', $chat, '{'],
    ['a 401', '/token/chat/completions', body()],
    ['nginx\'s 413', '/small/chat/completions', 'x' x 200],
    ['a 502', '/dead/chat/completions', body()])
{
    my ($name, $path, $body) = @$case;

    $r = $t->post($path, $body, headers => $origin);
    is(join(' ', map { $_->[1] } grep {
        lc $_->[0] eq 'access-control-allow-origin'
    } @{ $r->{header_lines} }), '*', "$name can be read by a page");
}

ok(!exists post($chat)->{headers}{'access-control-allow-origin'},
    'nothing of it without Origin');

$r = $t->request('HEAD', '/v1/models');
is("$r->{status} $r->{raw}" =~ /\A200 .*\r\n\r\n\z/s, 1,
    'HEAD has a head only');
$r = $t->request('HEAD', $chat);
is("$r->{status} $r->{raw}" =~ /\A405 .*\r\n\r\n\z/s, 1,
    'of an error, too');

# ---- error pages of the user

$r = post('/paged/chat/completions');
is("$r->{status} $r->{body}", '403 <p>an own page</p>',
    'an error_page of the user is served');
$r = post('/recoded/chat/completions');
is("$r->{status} $r->{body}", '410 <p>an own page</p>',
    'with the status it says');
is($t->get('/own/x')->{body}, '<p>an own page</p>',
    'as in any other location');

# ---- bytes that are no request of ours

like($t->raw("GARBAGE\r\n\r\n"), qr{\AHTTP/1\.1 400 |<html>},
    'garbage gets nginx\'s own answer');
$r = $t->request('GET', '/v1/models?' . 'x' x 3000);
is($r->{status}, 414, 'so does a URL that is too long');
is(post($chat)->{status}, 200, 'and the next request is served');

$t->done;
