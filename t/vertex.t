# Credentials that speak Vertex: the OpenAI form and Gemini's own over Vertex'
# paths, its clients' own paths, keys and accounts in one pool.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use GeminiTest;
use GeminiTest::Account;

my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;
my $sim = $t->simulator(args => ['--strict-keys']);
my $model = 'gemini-2.5-flash';
my $token = 'sk-vertex-test-client-0001';
my $admin = 'sk-vertex-test-admin-0001';
my %key = map { $_ => "vertex-test-key-$_-14142135623730" }
    qw(mixed list native fall);

$t->secrets($token, $admin, values %key);
$sim->set_key($_, { key => $key{$_} }) for keys %key;

my %account = map {
    $_ => GeminiTest::Account->new($t, $sim, name => $_)
} qw(sole one two mixed list native fall bytes given denied);

$account{given}->{projects} = ['another-project'];
$account{given}->exchange;

sub of {
    my ($name, $more) = @_;

    return 'service_account ' . $account{$name}->path
        . " name=$name api=vertex " . ($more // '') . ';';
}

# Takes any credential and says what it was asked.
my $up = $t->upstream(sub {
    my ($request) = @_;

    return [[send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
        . "\r\n\r\ndata: {\"a\": 1}\r\n\r\n"], [gate => 'reloaded'],
        [send => "data: {\"b\" : [2 ]}\r\n\r\n"], ['close']]
        if $request->{uri} =~ /held/;
    return { status => 200, body => qq({"z":1e2,\r\n "odd" :"\\u0041"}\n),
        headers => { 'Content-Type' => 'application/json' } };
});

my @pools = qw(sole pair mixed list native fall given denied);

$t->start(<<"EOC");
    gemini_keys sole { @{[ of('sole', 'location=us-central1') ]} }
    gemini_keys pair {
        @{[ of('one') ]} @{[ of('two', 'location=europe-west4') ]}
        balance round_robin;
    }
    gemini_keys mixed {
        @{[ of('mixed') ]} key $key{mixed} name=key; balance round_robin;
    }
    gemini_keys list { @{[ of('list') ]} key $key{list} name=key; }
    gemini_keys native { @{[ of('native') ]} key $key{native} name=key; }
    gemini_keys fall {
        key $key{fall} name=key weight=1000; @{[ of('fall') ]}
        balance round_robin;
    }
    gemini_keys bytes { @{[ of('bytes', 'location=us-east1') ]} }
    gemini_keys given { @{[ of('given', 'project=another-project') ]} }
    gemini_keys denied { @{[ of('denied') ]} }
    gemini_clients apps { token $token name=app; }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_auth apps;
    gemini_upstream http://%%$sim%%;
    gemini_model smart $model;
    server {
        listen %%PORT%%;
@{[ join '', map { <<"EOL" } @pools ]}
        location /$_/v1/ { gemini_pass $_; }
        location /n/$_/ { gemini_pass $_ native; }
        location /$_/admin/ { gemini_admin $_; gemini_auth admins; }
EOL
        location /n/bytes/ {
            gemini_pass bytes native; gemini_upstream http://%%$up%%;
        }
    }
EOC

sub chat {
    my ($pool, %o) = @_;

    return $t->post("/$pool/v1/chat/completions", { model => $model,
        messages => [{ role => 'user', content => '#echo hi' }], %o },
        token => $token);
}

sub contents {
    return { contents => [{ role => 'user',
        parts => [{ text => $_[0] // '#echo hi' }] }] };
}

sub native {
    my ($path, $body) = @_;

    return $t->post($path, $body // contents(), token => $token);
}

sub key_of {
    my ($pool, $name) = @_;

    my $r = $t->get("/$pool/admin/api/status", token => $admin);

    return (grep { $_->{name} eq $name } @{ $r->{json}{keys} })[0];
}

sub first_of { return ($account{ $_[0] }->seen)[0] || {} }
sub last_of { return ($account{ $_[0] }->seen)[-1] || {} }

sub place {
    my ($name, $location) = @_;

    return "/projects/project-$name/locations/" . ($location // 'global')
        . '/publishers/google/models';
}

# ---- the OpenAI form

my $r = chat('sole');
is($r->{status}, 200, 'a chat over Vertex');
is($r->{json}{choices}[0]{message}{content}, 'hi', 'with its answer');
cmp_ok($r->{json}{usage}{total_tokens}, '>', 0, 'and usage');

my $seen = first_of('sole');
is($seen->{target}, '/v1' . place('sole', 'us-central1')
    . "/$model:generateContent", "at the path of Vertex' v1");
is($seen->{credential}, 'bearer', "with the account's token");
ok(!$seen->{headers}{'x-goog-user-project'},
    'and no header for the project, which the path names');

my $s = $t->stream('POST', '/sole/v1/chat/completions', { model => 'smart',
    stream => JSON::PP::true, stream_options => { include_usage => \1 },
    messages => [{ role => 'system', content => 'be brief' },
        { role => 'user', content => '#echo one two three four' }] },
    token => $token);
my @events = map { $_->{json} } grep { $_->{json} } $s->events;
is(join('', map { $_->{choices}[0]{delta}{content} // '' } @events),
    'one two three four', 'a stream over Vertex');
cmp_ok($events[-1]{usage}{total_tokens}, '>', 0, 'with usage at its end');
is(last_of('sole')->{target}, '/v1' . place('sole', 'us-central1')
    . "/$model:streamGenerateContent?alt=sse", 'comes as SSE');

# ids are refused by some versions of Vertex, and not needed by the others
for my $ids (1, 0) {
    $account{sole}->set_key({ call_ids => $ids ? \1 : \0 });

    for my $model ($model, 'gemini-3.8-flash') {
        my @tools = ({ type => 'function', function => { name => 'weather',
            parameters => { type => 'object', required => ['place'],
                properties => { place => { type => 'string' } } } } });
        my @messages = ({ role => 'user', content => 'weather in Oslo' });
        my $asked = chat('sole', model => $model, tools => \@tools,
            messages => \@messages)->{json}{choices}[0]{message};
        my ($call) = @{ $asked->{tool_calls} || [] };

        is($call->{function}{name}, 'weather', "$model: calls a function");
        push @messages, $asked, { role => 'tool', content => '7 degrees',
            tool_call_id => $call->{id} };
        $r = chat('sole', model => $model, tools => \@tools,
            messages => \@messages);
        is($r->{status}, 200, "$model: takes the result"
            . ($ids ? '' : ', where ids are refused'))
            or diag($r->{body});
    }
}

$r = chat('sole', model => 'gemini-none');
is("$r->{status} $r->{json}{error}{code}", '404 model_not_found',
    'a model that the place does not have');
is(chat('sole')->{status}, 200, 'rests nothing');

is(chat('given')->{status}, 200, 'a project may be given');
like(first_of('given')->{path}, qr{/projects/another-project/},
    'and is that of the path');

# ---- embeddings

sub embed {
    my ($pool, $model, $input, %o) = @_;

    return $t->post("/$pool/v1/embeddings",
        { model => $model, input => $input, %o }, token => $token);
}

# What the simulator's own API gives for a text.
sub vector {
    my ($model, $text, $size) = @_;

    my $answer = GeminiTest::Client->open(port => $sim->{port})->send_request(
        'POST', "/v1beta/models/$model:embedContent",
        { content => { parts => [{ text => $text }] },
            outputDimensionality => $size },
        headers => { 'x-goog-api-key' => $key{mixed} })->finish;

    return $answer->{json}{embedding}{values};
}

sub length_of {
    my $sum = 0;
    $sum += $_ ** 2 for @_;

    return sqrt $sum;
}

for my $case (['gemini-embedding-001', 'predict', 3],
    ['gemini-embedding-2', undef, undef])
{
    my ($model, $verb, $calls) = @$case;

    $sim->forget;
    $r = embed('sole', $model, ['blue', 'whale', 'blue'], dimensions => 64);
    is($r->{status}, 200, "$model: embeds many") or diag($r->{body});

    my @verbs = map { $_->{api_method} } $account{sole}->seen;
    is(scalar(grep { $_ eq $verb } @verbs), $calls,
        "$model: one instance a call") if $verb;
    unlike("@verbs", qr/predict/, "$model: not by predict") if !$verb;

    my @data = @{ $r->{json}{data} || [] };
    is(join(' ', map { $_->{index} } @data), '0 1 2', "$model: in order");

    for my $i (0, 1) {
        my $want = vector($model, (qw(blue whale))[$i], 64);
        my $scale = length_of(@$want);
        my $far = 0;

        for my $at (0 .. 63) {
            my $off = abs($want->[$at] / $scale
                - $data[$i]{embedding}[$at]);
            $far = $off if $off > $far;
        }

        cmp_ok($far, '<', 1e-6, "$model: with the vector of Gemini's API");
    }

    is_deeply($data[0]{embedding}, $data[2]{embedding},
        "$model: the same text is the same vector");
}

$sim->forget;
$r = embed('sole', 'text-embedding-005', [map { "text $_" } 1 .. 7],
    encoding_format => 'base64');
is(scalar @{ $r->{json}{data} }, 7, 'an older model embeds many');
is(scalar(() = $account{sole}->seen), 1, 'in one call');
is(length decode_base64($r->{json}{data}[6]{embedding}), 768 * 4,
    'as base64 too');
cmp_ok($r->{json}{usage}{prompt_tokens}, '>', 0, 'with usage');

# ---- models

sub listed {
    my ($pool) = @_;

    my $r = $t->get("/$pool/v1/models", token => $token);

    return map { $_->{id} => 1 } @{ $r->{json}{data} };
}

my %models = listed('sole');
ok($models{'text-embedding-005'}, "a pool of Vertex' lists its models");
ok(!$models{'gemini-flash-latest'}, 'and no others');
%models = listed('list');
ok($models{'gemini-flash-latest'}, "with a key the list is Gemini's");

# ---- Gemini's own paths

my $odd = qq({"contents" : [{"role":"user","parts":[{"text":)
    . qq("\\u0041\xc3\xa9"}]}],\r\n "generationConfig":{"topP":1e0}});

for my $case (['generateContent', ''], ['countTokens', ''],
    ['streamGenerateContent', ''], ['streamGenerateContent', '?alt=sse'])
{
    my ($verb, $query) = @$case;

    $r = native("/n/bytes/v1beta/models/$model:$verb$query", $odd);
    is($r->{status}, 200, "$verb$query goes to Vertex");

    my $request = ($up->seen)[-1] || { uri => '' };
    (my $path = $request->{uri}) =~ s{\A/v1(beta1)?/}{/};
    is($path, '/projects/project-bytes/locations/us-east1/publishers/google'
        . "/models/$model:$verb$query", "$verb$query: at its path");
    is($request->{body}, $odd, "$verb$query: with the client's bytes");
    is($r->{body}, qq({"z":1e2,\r\n "odd" :"\\u0041"}\n),
        "$verb$query: and upstream's");
}

$sim->forget;
is(native("/n/native/v1beta/models/gemini-embedding-001:embedContent",
    { content => { parts => [{ text => 'a' }] } })->{status}, 200,
    'what Vertex has no like of') for 1 .. 4;
is(scalar($sim->seen($key{native})), 4, 'goes to the key');

# ---- Vertex' own paths

for my $version (qw(v1 v1beta1)) {
    for my $prefix ('/projects/mine/locations/here/publishers/google/models',
        '/publishers/google/models')
    {
        $sim->forget;
        $r = native("/n/native/$version$prefix/$model:generateContent");
        is($r->{status}, 200, "$version$prefix: is served");
        is(last_of('native')->{path}, "/$version" . place('native')
            . "/$model:generateContent",
            "$version$prefix: in the account's place");
        is(scalar($sim->seen($key{native})), 0,
            "$version$prefix: never by a key");
    }
}

my $own = '/n/native/v1/projects/p/locations/l/publishers/google/models';
is(native("$own/gemini-embedding-001:predict", { instances =>
    [{ content => 'a' }] })->{status}, 200, 'predict is served');
like(native("$own/$model:streamGenerateContent")->{body}, qr/\A\[/,
    'a stream without alt=sse is an array');

$r = native("$own/$model:generateContent",
    { contents => [{ parts => [{ text => 'no role' }] }] });
is("$r->{status} $r->{json}{error}{status}", '400 INVALID_ARGUMENT',
    "Vertex' refusals are the client's");
like($r->{json}{error}{message}, qr/valid role/, 'in its words');
$r = native("$own/gemini-none:generateContent");
is($r->{status}, 404, 'also of an unknown model');
$r = $t->get('/n/native/v1beta1/publishers/google/models?pageSize=3',
    token => $token);
is(scalar @{ $r->{json}{publisherModels} || [] }, 3,
    'its list of models is served');
$r = $t->get("/n/native/v1beta1/publishers/google/models/$model",
    token => $token);
is($r->{json}{name}, "publishers/google/models/$model", 'and each of them');

# ---- one pool of both

$sim->forget;
is(join(' ', map { chat('mixed')->{status} } 1 .. 6),
    '200 200 200 200 200 200', 'keys and accounts serve one pool');
is(scalar($account{mixed}->seen), 3, 'half of it over Vertex');
ok(!grep({ $_->{path} !~ m{\A/v1beta/models/} } $sim->seen($key{mixed})),
    "the key at its own API's paths");

$sim->set_key('fall', { key => $key{fall}, behaviours => ['rate_limit'] });
is(chat('fall')->{status}, 200, 'a request moves from a key to Vertex')
    for 1 .. 3;
cmp_ok(scalar($account{fall}->seen), '>=', 3, 'which answers');
$sim->set_key('fall', { key => $key{fall} });
$t->post('/fall/admin/api/keys/key/reset', undef, token => $admin);
$account{fall}->behave('overloaded');
is(chat('fall')->{status}, 200, 'and from Vertex to a key') for 1 .. 3;

# ---- failures

$account{one}->behave('rate_limit');
is(join(' ', map { chat('pair')->{status} } 1 .. 4), '200 200 200 200',
    'a 429 of Vertex moves on');
my $rest = key_of('pair', 'one')->{cooldowns}[0] || {};
is($rest->{reason}, 'unavailable', 'as the shared quota that it is');
like(first_of('two')->{path}, qr{/locations/europe-west4/},
    'to an account of another location');

$account{two}->revoke;
is(join(' ', map { chat('pair')->{status} } 1 .. 2), '200 200',
    'a refused token is renewed');

$account{denied}->behave('permission_missing');
$account{denied}->wait_exchanges(1);
$r = chat('denied');
is($r->{status}, 503, 'a permission that is missing is not the client\'s');
is(key_of('denied', 'denied')->{cooldowns}[0]{reason}, 'invalid',
    'the account rests');
$r = $t->post('/denied/admin/api/keys/denied/check', undef, token => $admin);
is(join(' ', map { $_ // '-' } @{ $r->{json}{problem} || {} }{
    qw(kind service permission) }), 'permission_missing '
    . 'aiplatform.googleapis.com aiplatform.endpoints.predict',
    'a check says which');
$account{denied}->behave;
$r = $t->post('/denied/admin/api/keys/denied/check', undef, token => $admin);
ok($r->{json}{ok}, 'and when it is there');
is(chat('denied')->{status}, 200, 'the account serves again');

# ---- a client that leaves, and a reload in the middle

$account{sole}->behave({ do => 'stall', at => 'event:1' });
$s = $t->stream('POST', "/n/sole/v1beta/models/$model:streamGenerateContent"
    . '?alt=sse', contents('a long story'), token => $token);
is($s->status, 200, 'a stream has begun');
$s->abort(rst => 1);
ok($t->wait_for(sub {
    (last_of('sole')->{outcome} // '') eq 'client_gone'
}), 'upstream is left when the client leaves');

$s = $t->stream('POST', '/n/bytes/v1/projects/p/locations/l/publishers/google'
    . '/models/held:streamGenerateContent?alt=sse', $odd, token => $token);
is($s->status, 200, 'a stream is under way');
ok($t->reload, 'a reload meanwhile');
$up->open_gate('reloaded');
is($s->finish->{body}, qq(data: {"a": 1}\r\n\r\ndata: {"b" : [2 ]}\r\n\r\n),
    'it comes whole');

$_->state for values %account;
$t->done;
