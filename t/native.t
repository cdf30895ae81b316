# Gemini's own API through the pool: bodies byte for byte in both directions,
# streams as they come, one credential and never the client's, errors in
# Google's form.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my @keys = map { "native-key-$_-1414213562" } qw(one two);
my @tokens = map { "sk-native-$_-223606" } qw(any few slow);
my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;

$t->secrets(@keys, @tokens);

# Bytes that no two encoders would write alike.
my $odd = qq({"z":1e2, "a" : 9007199254740993,\r\n "text":"\\u0041\\/\xc3\xa9",)
    . qq("candidates":[{"finishReason":1,"index":0}],"usageMetadata":)
    . qq({"promptTokenCount":"31","candidatesTokenCount":4,)
    . qq("totalTokenCount":35}}\n);
my @events = map { qq({"candidates": [{"content":{"parts":[{"text":"$_"}]}}]})
} qw(one two three);
my $sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
my $array = "HTTP/1.1 200 OK\r\nContent-Type: application/json; "
    . "charset=UTF-8\r\n\r\n";
my $refusal = qq({\n  "error": {\n    "code": 400,\n    "message": "no",\n)
    . qq(    "status": "INVALID_ARGUMENT",  "odd":1\n  }\n}\n);
my $busy = qq({"error":{"code":503,"status":"UNAVAILABLE","message":"busy"}});

sub whole {
    my ($status, $body) = @_;

    return { status => $status, body => $body,
        headers => { 'Content-Type' => 'application/json; charset=UTF-8' } };
}

my %scenes = (
    odd => sub { whole(200, $odd) },
    limited => sub { $_[0]{key} eq $keys[0]
        ? error(429, 'RESOURCE_EXHAUSTED', retry => '9s')
        : whole(200, $odd) },
    'all-limited' => sub { error(429, 'RESOURCE_EXHAUSTED', retry => '9s') },
    refused => sub { whole(400, $refusal) },
    invalid => sub { error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID',
        message => 'API key not valid. Please pass a valid API key.') },
    telling => sub { my $key = $_[0]{key}; (my $s = $refusal) =~ s/no/for $key/;
        whole(400, $s) },
    down => sub { whole(503, $busy) },
    page => sub { { status => 502, body => '<html>Oops',
        headers => { 'Content-Type' => 'text/html' } } },
    events => sub { [[send => "${sse}data: $events[0]\r\n\r\n"],
        [gate => 'second'], [send => "data: $events[1]\r\n\r\n"],
        [gate => 'third'], [send => "data: $events[2]\r\n\r\n"], ['close']] },
    array => sub { [[send => "${array}[$events[0]"], [gate => 'comma'],
        [send => "\n,\r\n$events[1]"], [send => "\n]\n"], ['close']] },
    first => sub { [[send => $sse . ($_[0]{key} eq $keys[0]
        ? "data: $busy\r\n\r\n" : "data: $events[0]\r\n\r\n")], ['close']] },
    breaks => sub { [[send => "${sse}data: $events[0]\r\n\r\n"],
        [gate => 'break'], [send => $busy], ['close']] },
    leaves => sub { [[send => "${sse}data: $events[0]\r\n\r\n"],
        ['wait_close']] },
    reload => sub { [[send => "${sse}data: $events[0]\r\n\r\n"],
        [gate => 'reloaded'], [send => "data: $events[1]\r\n\r\n"],
        ['close']] },
    cut => sub { [[send => "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
        . "data: $events[0]\r\n\r\n"], ['close']] },
    cutarray => sub { [[send => "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n"
        . "\r\n[$events[0]\n,\r\n{\"cand"], ['close']] },
);

my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($scene) = $request->{path} =~ m{/models/([\w-]+)};

    return $scene && $scenes{$scene} ? $scenes{$scene}->($request)
        : whole(200, $odd);
});

$t->start(<<"EOC");
    log_format seen '\$gemini_operation|\$gemini_model|\$gemini_stream|'
        '\$gemini_prompt_tokens|\$gemini_finish_reason|\$gemini_client|'
        '\$gemini_requested_model|\$request';
    gemini_keys main {
        key $keys[0] name=one; key $keys[1] name=two;
        balance round_robin; cooldown rate_limit off; cooldown unavailable off;
        cooldown invalid off;
    }
    gemini_keys counted { key $keys[0] name=one; limit * tpm=40; }
    gemini_keys resting { key $keys[0] name=one; }
    gemini_clients apps {
        token $tokens[0] name=any;
        token $tokens[1] name=few models=gemini-*;
        token $tokens[2] name=slow rpm=1;
    }
    gemini_upstream http://%%$up%%;
    gemini_model smart gemini-2.5-pro;
    gemini_fallback gemini-2.5-flash;
    server {
        listen %%PORT%%;
        access_log %%DIR%%/seen.log seen;
        gemini_auth apps;
        client_max_body_size 200k;
        location / { gemini_pass main native; }
        location /v1beta/ { gemini_pass main native; }
        location /own/ { gemini_pass main native; }
        location /v1beta/models/ { gemini_pass main native; }
        location /counted/ { gemini_pass counted native; }
        location /resting/ { gemini_pass resting native; }
        location /closed/ { gemini_pass main native; deny all; }
    }
EOC

my %google = ('x-goog-api-key' => $tokens[0]);

sub call {
    my ($path, $body, %o) = @_;

    return $t->post($path, $body // '{}', headers => { %google,
        %{ $o{headers} || {} } }, %o{grep { $_ ne 'headers' } keys %o});
}

sub last_seen { return ($up->seen)[-1] }

sub google_error {
    my ($r, $status, $name, $what) = @_;

    is("$r->{status} $r->{json}{error}{code} $r->{json}{error}{status}",
        "$status $status $name", "$what: in Google's form");
    ok(length $r->{json}{error}{message}, "$what: with a message");
    is($r->{headers}{'content-type'}, 'application/json', "$what: as JSON");
}

# ---- bytes

my $body = qq({"contents" : [{"parts":[{"text":"\\u00e9\xc3\xa9"}]}],\n)
    . qq( "n":9007199254740993, "n":1})
    . ' ' x 70000;
my $r = call('/v1beta/models/odd:generateContent', $body,
    headers => { 'Content-Type' => 'application/json; charset=utf-8' });

is($r->{status}, 200, 'an answer comes through');
is($r->{body}, $odd, 'byte for byte');
is($r->{headers}{'content-type'}, 'application/json; charset=UTF-8',
    'with its type');
is(last_seen()->{body}, $body, 'the request went up byte for byte');
is(last_seen()->{headers}{'content-type'}, 'application/json; charset=utf-8',
    'with its type');

is(call('/v1beta/models/odd:generateContent', $body, chunked => 999)->{body},
    $odd, 'a chunked request too');
is(last_seen()->{body}, $body, 'is the same upstream');

# ---- paths

for my $case (
    ['/v1beta/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/v1/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/v1alpha/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/own/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/own/v1beta/models/m:countTokens', '/v1beta/models/m:countTokens'],
    ['/v1beta/models/m%3AcountTokens', '/v1beta/models/m:countTokens'],
    ['/v1beta/models/m:embedContent', '/v1beta/models/m:embedContent'],
    ['/v1beta/models/m:batchEmbedContents',
        '/v1beta/models/m:batchEmbedContents'],
    ['/v1beta/models/m:predict', '/v1beta/models/m:predict'],
    ['/v1beta/models/smart:generateContent',
        '/v1beta/models/gemini-2.5-pro:generateContent'],
    ["/v1beta/models/m:generateContent?key=$tokens[0]&%24alt=json%3Benum-"
        . 'encoding=int&access_token=x&prettyPrint=false',
        '/v1beta/models/m:generateContent?%24alt=json%3Benum-encoding=int'
        . '&prettyPrint=false'],
) {
    call($case->[0]);
    is(last_seen()->{uri}, $case->[1], "$case->[0] goes where it should");
}

for my $path ('models', 'models/gemini-2.5-pro',
    'models?pageSize=5&pageToken=a%2Fb')
{
    $r = $t->get("/v1beta/$path", headers => \%google);
    is($r->{body}, $odd, "GET $path comes byte for byte");
    is(last_seen()->{method} . ' ' . last_seen()->{uri}, "GET /v1beta/$path",
        "GET $path goes up as it is");
}

$t->get('/v1beta/models/smart', headers => \%google);
is(last_seen()->{uri}, '/v1beta/models/gemini-2.5-pro',
    'an alias stands for its model');

$r = $t->request('HEAD', '/v1beta/models', undef, headers => \%google);
is("$r->{status} $r->{body}", '200 ', 'HEAD of the models has no body');

# ---- credentials

for my $case (
    ['x-goog-api-key', '', { 'x-goog-api-key' => $tokens[0] }],
    ['a bearer', '', { Authorization => "Bearer $tokens[0]" }],
    ['?key=', "?key=$tokens[0]", {}],
    ['all of them', "?alt=json&key=$tokens[0]", { Cookie => $tokens[0],
        'x-goog-api-key' => $tokens[0], 'x-goog-user-project' => 'p',
        Authorization => "Bearer $tokens[0]", 'x-api-key' => $tokens[0] }],
) {
    my ($what, $query, $headers) = @$case;

    $r = $t->post("/v1beta/models/odd:generateContent$query", '{}',
        headers => $headers);
    is($r->{status}, 200, "$what is the client's token");

    my $seen = last_seen();
    my $all = $json->encode($seen);

    unlike($all, qr/sk-native/, "$what does not go upstream");
    is(scalar(grep { /native-key/ } values %{ $seen->{headers} }), 1,
        "$what: one credential goes up");
    unlike($all, qr/authorization|cookie|user-project|accept-encoding/i,
        "$what: and nothing else of the kind");
}

call('/v1beta/models/odd:generateContent', '{}',
    headers => { 'x-goog-api-client' => 'google-genai-sdk/9' });
is(last_seen()->{headers}{'x-goog-api-client'}, 'google-genai-sdk/9',
    "the SDK's name goes up");

google_error($t->post('/v1beta/models/odd:generateContent', '{}'), 401,
    'UNAUTHENTICATED', 'no token');
google_error($t->post('/v1beta/models/odd:generateContent?key=wrong', '{}'),
    401, 'UNAUTHENTICATED', 'a wrong token');

# ---- failover and errors

my $before = $up->seen;

is(call('/v1beta/models/limited:generateContent')->{body}, $odd,
    'a limited key gives way to the next') for 1 .. 2;
cmp_ok(scalar $up->seen, '>=', $before + 3, 'which was asked after it');

$r = call('/v1beta/models/refused:generateContent');
is("$r->{status} $r->{body}", "400 $refusal", 'an error is unchanged');

$r = call('/v1beta/models/telling:generateContent');
like($r->{body}, qr/\Q"message": "for [redacted]"\E.*"odd":1\n/s,
    'but for the key');

$r = call('/v1beta/models/down:generateContent');
is("$r->{status} $r->{body}", "503 $busy",
    'when all keys fail the last error is unchanged');

google_error(call('/v1beta/models/page:generateContent'), 502, 'UNAVAILABLE',
    'a page of a proxy');
google_error(call('/v1beta/models/invalid:generateContent'), 503,
    'UNAVAILABLE', 'refused keys');

$r = call('/resting/models/all-limited:generateContent');
is("$r->{status} $r->{json}{error}{status}", '429 RESOURCE_EXHAUSTED',
    "Google's 429 comes through");
$r = call('/resting/models/all-limited:generateContent');
google_error($r, 429, 'RESOURCE_EXHAUSTED', 'resting keys');
like($r->{headers}{'retry-after'}, qr/\A[1-9]\z/, 'with Retry-After');
is($r->{json}{error}{details}[0]{retryDelay},
    "$r->{headers}{'retry-after'}s", 'and the same as RetryInfo');

for my $case (
    ['GET', 'fileSearchStores', 404, 'NOT_FOUND', qr/not served/],
    ['GET', 'files/abc:register', 404, 'NOT_FOUND', qr/not served/],
    ['POST', 'interactions', 404, 'NOT_FOUND', qr/not served/],
    ['PATCH', 'batches', 405, 'UNIMPLEMENTED', qr/GET/],
    ['POST', 'tunedModels/x:generateContent', 404, 'NOT_FOUND',
        qr/not served/],
    ['POST', 'models/m:bidiGenerateContent', 404, 'NOT_FOUND',
        qr/not served/],
    ['POST', 'nonsense', 404, 'NOT_FOUND', qr/no path/],
    ['POST', 'v1beta/models/m:countTokens', 404, 'NOT_FOUND', qr/twice/],
    ['GET', 'models/m:generateContent', 405, 'UNIMPLEMENTED', qr/POST/],
    ['DELETE', 'models/m', 405, 'UNIMPLEMENTED', qr/GET/],
    ['POST', 'models/a%20b:generateContent', 400, 'INVALID_ARGUMENT',
        qr/cannot be the name/],
) {
    my ($method, $path, $status, $name, $says) = @$case;

    $r = $t->request($method, "/v1beta/$path", '{}', headers => \%google);
    google_error($r, $status, $name, "$method $path");
    like($r->{json}{error}{message}, $says, "$method $path: it says why");
}

is($t->request('DELETE', '/v1beta/models', undef,
    headers => \%google)->{headers}{allow}, 'GET, HEAD, OPTIONS',
    'a 405 says what is allowed');

google_error(call('/v1beta/models/odd:generateContent', 'x' x 300000), 413,
    'INVALID_ARGUMENT', 'a body that is too large');
google_error(call('/closed/models/odd:generateContent'), 403,
    'PERMISSION_DENIED', "nginx's own refusal");

# ---- limits of clients

google_error($t->post('/v1beta/models/other:generateContent', '{}',
    token => $tokens[1]), 403, 'PERMISSION_DENIED', 'a model not for all');
is($t->post('/v1beta/models/smart:generateContent', '{}',
    token => $tokens[1])->{status}, 200, 'an alias to one of theirs is');

$t->post('/v1beta/models/odd:generateContent', '{}', token => $tokens[2]);
google_error($t->post('/v1beta/models/odd:generateContent', '{}',
    token => $tokens[2]), 429, 'RESOURCE_EXHAUSTED', "a client's limit");

# ---- quotas of keys

# Google counts 31 tokens for it, and the next one has some 25.
is(call('/counted/models/odd:generateContent')->{status}, 200,
    'a request within the quota');
google_error(call('/counted/models/odd:generateContent', ' ' x 100), 429,
    'RESOURCE_EXHAUSTED', 'one beyond what is left of it');
is(call('/counted/models/odd:countTokens', ' ' x 100)->{status}, 200,
    'counting tokens costs none');

# ---- streams

my $s = $t->stream('POST', '/v1beta/models/events:streamGenerateContent'
    . '?alt=sse', '{}', headers => \%google);

is($s->next_event->{data}, $events[0], 'an event is here before the next');
$up->open_gate('second');
is($s->next_event->{data}, $events[1], 'and the next one');
$up->open_gate('third');
$r = $s->finish;
is($r->{body}, join('', map { "data: $_\r\n\r\n" } @events),
    'all are the same byte for byte');
is($r->{headers}{'content-type'}, 'text/event-stream', 'with their type');
ok($r->{complete}, 'and the stream ends well');
is(last_seen()->{uri},
    '/v1beta/models/events:streamGenerateContent?alt=sse', 'as it was asked');

$s = $t->stream('POST', '/v1beta/models/array:streamGenerateContent', '{}',
    headers => \%google);
ok($s->_wait(sub { $s->{body} eq "[$events[0]" }),
    'an element of an array is here before the next');
$up->open_gate('comma');
$r = $s->finish;
is($r->{body}, "[$events[0]\n,\r\n$events[1]\n]\n",
    'the array is the same byte for byte');
is($r->{headers}{'content-type'}, 'application/json; charset=UTF-8',
    'with its type');

my $path = 'streamGenerateContent?alt=sse';

is(call("/v1beta/models/first:$path")->{body}, "data: $events[0]\r\n\r\n",
    'a first event that is an error leads to the next key') for 1 .. 2;
$r = call("/v1beta/models/down:$path");
is("$r->{status} $r->{body}", "503 $busy",
    'a stream that never began has a status');

$s = $t->stream('POST', "/v1beta/models/breaks:$path", '{}',
    headers => \%google);
$s->next_event;
$up->open_gate('break');
is($s->finish->{body}, "data: $events[0]\r\n\r\n$busy",
    'an error in it is unchanged');

$r = call("/v1beta/models/cut:$path");
like($r->{body}, qr/\A\Qdata: $events[0]\E\r\n\r\ndata:[ ]\{"error".*\}
    \r\n\r\n\z/x, 'a stream that breaks off says so');
$r = call('/v1beta/models/cutarray:streamGenerateContent');
is(eval { $json->decode($r->{body})->[1]{error}{status} }, 'UNAVAILABLE',
    'an array that breaks off too, and is JSON');

my $leaver = $t->stream('POST', "/v1beta/models/leaves:$path", '{}',
    headers => \%google);
$leaver->next_event;
$leaver->abort;
is(scalar $up->wait_aborted(1), 1, 'who leaves ends the call upstream');

$s = $t->stream('POST', "/v1beta/models/reload:$path", '{}',
    headers => \%google);
$s->next_event;
ok($t->reload, 'a reload in the middle of a stream');
$up->open_gate('reloaded');
is($s->finish->{body}, join('', map { "data: $events[$_]\r\n\r\n" } 0, 1),
    'lets it end well');

# ---- what is known of it

my $log = sub { $t->wait_log($_[0], file => 'seen.log') };

ok($log->(qr/^generateContent\|odd\|0\|31\|stop\|any\|odd\|/m),
    'usage and integer enums are read');
ok($log->(qr/^streamGenerateContent\|events\|1\|/m), 'streams are named');
ok($log->(qr/^countTokens\|m\|0\|/m), 'so are other methods');
ok($log->(qr/^models\|-\|0\|/m), 'and lists');
ok($log->(qr/^generateContent\|gemini-2.5-pro\|0\|31\|stop\|any\|smart\|/m),
    'an alias is known by both names');
ok($log->(qr/key=\*\*\*/), 'a token in the URL is not logged');

like(($t->conf_error('gemini_keys main { key k; } server { gemini_auth off; '
    . 'location / { gemini_pass main nativ; } }'))[0],
    qr/"openai" or "native" is expected/, 'no other API is known');

$t->done;
