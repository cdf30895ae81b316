# Embeddings: every form of input and answer, batches of a hundred, what
# upstream gets wrong, and what the module promises to all requests.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw(decode_base64);
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = map { $_ => "embeddings-key-$_-0123456789abcdef" }
    qw(a b c d q1 q2 f1 f2 s1 l1 w1);
my $token = 'embeddings-token-0123456789';
my $simulator = $t->simulator;

$t->secrets(values %secret, $token);

# What the scripted upstream gives is told by the first text.
my $failures = 0;

my $up = $t->upstream(sub {
    my ($request) = @_;
    my @entries = @{ $request->{json}{requests} };
    my $text = $entries[0]{content}{parts}[0]{text};
    my @vectors = map { { values => [3, 4, 0] } } @entries;
    my $good = json_reply({ embeddings => \@vectors,
        usageMetadata => { promptTokenCount => 11 } });

    return error(429, 'RESOURCE_EXHAUSTED', retry => '60s')
        if $request->{key} eq $secret{f1};
    return error(400, 'INVALID_ARGUMENT', message =>
        '* BatchEmbedContentsRequest.requests[7].content: content is empty')
        if $text =~ /bad/ && $text !~ /bad later/;
    return error(500, 'INTERNAL') if $text eq 'text 100' && !$failures++;
    return json_reply({ embeddings => [@vectors, $vectors[0]] })
        if $text eq 'one too many';
    return json_reply({ embeddings => [{ values => ['NaN', 1, 2] }] })
        if $text eq 'no numbers';
    return error(429, 'RESOURCE_EXHAUSTED') if $text eq 'refuse';
    return [['wait_close']] if $text eq 'leaves 0';
    return [[gate => 'part'], [send => join "\r\n", 'HTTP/1.1 200 OK',
        'Content-Type: application/json',
        'Content-Length: ' . length $good->{body}, '', $good->{body}]]
        if $text eq 'held 0';
    return $good;
});

$t->start(<<"EOC");
    log_format gemini '\$gemini_operation \$gemini_prompt_tokens '
        '\$gemini_requested_model \$gemini_model \$gemini_tries \$status';
    gemini_keys main { key $secret{a}; key $secret{b}; }
    gemini_keys scripted { key $secret{c}; key $secret{d}; }
    gemini_keys quota { key $secret{q1} name=q1; key $secret{q2} name=q2;
        limit * rpm=1 tpm=100000; balance round_robin; }
    gemini_keys failing { key $secret{f1}; key $secret{f2};
        balance round_robin; }
    gemini_keys single { key $secret{s1}; limit * rpm=1; }
    gemini_keys waiting { key $secret{w1}; exhausted wait=10s; tries 1;
        cooldown rate_limit 1s; }
    gemini_keys limited { key $secret{l1}; }
    gemini_clients apps { token $token name=app tpm=60 models=gemini-*; }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    gemini_model text-embedding-3-small gemini-embedding-001;
    gemini_model text-embedding-* gemini-embedding-2;
    client_max_body_size 8m;
    access_log %%DIR%%/gemini.log gemini;

    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /quota/ { gemini_pass quota; }
        location = /quota.json { gemini_status quota json; }
        location = /metrics { gemini_status main metrics; }
        location /apps/ { gemini_pass limited; gemini_auth apps; }
        location /scripted/ { gemini_pass scripted;
            gemini_upstream http://%%$up%%; }
        location /failing/ { gemini_pass failing;
            gemini_upstream http://%%$up%%; }
        location /waiting/ { gemini_pass waiting;
            gemini_upstream http://%%$up%%; }
        location /single/ { gemini_pass single;
            gemini_fallback gemini-embedding-001; }
    }
EOC

sub embed {
    my ($input, %o) = @_;
    my $place = delete $o{place} // '';
    my $headers = delete $o{headers};

    return $t->post("$place/v1/embeddings",
        { model => 'gemini-embedding-2', input => $input, %o },
        $headers ? (headers => $headers) : ());
}

sub vectors {
    my ($r) = @_;

    return map { $_->{embedding} } @{ $r->{json}{data} || [] };
}

# What upstream was asked last.
sub asked {
    my @seen = $simulator->seen;

    return $seen[-1]{body}{requests};
}

sub length_of {
    my $sum = 0;
    $sum += $_ ** 2 for @_;

    return sqrt $sum;
}

# ---- forms of input and answer

my $r = embed('blue whale');
my ($whale) = vectors($r);

is($r->{status}, 200, 'a string has an embedding') or diag($r->{body});
is($r->{json}{object}, 'list', 'in a list');
is($r->{json}{model}, 'gemini-embedding-2', 'by the name that was asked for');
is(scalar @$whale, 3072, 'with the values upstream gives');
cmp_ok($r->{json}{usage}{prompt_tokens}, '>', 0, 'and its tokens');
is($r->{json}{usage}{total_tokens}, $r->{json}{usage}{prompt_tokens},
    'which are all there are');

$r = embed(['red fox', 'blue whale', "\x{e9}\n"]);
my @three = vectors($r);
is_deeply([map { $_->{index} } @{ $r->{json}{data} }], [0, 1, 2],
    'each string of an array has one, in order');
is_deeply($three[1], $whale, 'the same as alone');
is(asked()->[2]{content}{parts}[0]{text}, "\x{e9}\n",
    'texts reach upstream exactly');

$r = embed('blue whale', encoding_format => 'base64');
my $bytes = decode_base64($r->{json}{data}[0]{embedding});
is(length $bytes, 4 * 3072, 'base64 is four bytes for each value');
is_deeply([unpack 'f<*', $bytes],
    [unpack 'f<*', pack 'f<*', @$whale], 'of the same vector');

$r = embed('blue whale', model => 'gemini-embedding-001', dimensions => 64);
my ($short) = vectors($r);
is(scalar @$short, 64, 'dimensions are respected');
cmp_ok(abs(length_of(@$short) - 1), '<', 1e-5,
    'and what Google does not normalise is');

embed('x', task_type => 'RETRIEVAL_DOCUMENT', title => 'T');
is(asked()->[0]{taskType}, 'RETRIEVAL_DOCUMENT', 'the task reaches upstream');
is(asked()->[0]{title}, 'T', 'and the title');
embed('x', extra_body => { google => { taskType => 'CLUSTERING',
    outputDimensionality => 128 } });
is(asked()->[0]{taskType}, 'CLUSTERING', 'also as Google has it');
is(asked()->[0]{outputDimensionality}, 128, 'with the dimensions');

($short) = vectors(embed('x', model => 'text-embedding-3-small'));
is(scalar @$short, 1536, "an alias of OpenAI's has the dimensions of OpenAI");
like($t->wait_for(sub { $t->_slurp('gemini.log') =~
    /(embeddings \d+ text-embedding-3-small \S+ 1 200)/ && $1 }) || '',
    qr/ gemini-embedding-001 /, 'and the variables tell what it was');

# ---- refusals

for my $case (
    ['', 'input', qr/'input' is an empty string/],
    [['a', ''], 'input', qr/'input\[1\]' is an empty string/],
    [[], 'input', qr/empty array/],
    [[1, 2], 'input', qr/send strings.*check_embedding_ctx_length/],
    [[[1, 2], [3]], 'input', qr/send strings.*check_embedding_ctx_length/],
    [[('a') x 2049], 'input', qr/at most 2048/],
    ['a', 'task_type', qr/no task "SLEEP"/, task_type => 'SLEEP'],
    ['a', 'title', qr/RETRIEVAL_DOCUMENT/, title => 'T'],
    ['a', 'encoding_format', qr/base64/, encoding_format => 'hex'],
    ['a', 'dimensions', qr/at least 1/, dimensions => 0],
    ['a', 'dimensions', qr/between 1 and 3072/, dimensions => 4000],
) {
    my ($input, $param, $message, %o) = @$case;
    my $e = embed($input, %o);

    is($e->{status}, 400, "$param: 400");
    is($e->{json}{error}{param}, $param, "$param is named");
    like($e->{json}{error}{message}, $message, 'with the reason');
}

is($t->get('/v1/embeddings')->{status}, 405, 'GET is no way to ask');
is(embed('a', model => 'gemini-2.5-flash')->{status}, 404,
    'a model without embeddings is not found');

# ---- more than a batch

$simulator->forget;
$r = embed([map { "word$_ common" } 0 .. 249], dimensions => 32);
my @many = vectors($r);
my @calls = map { scalar @{ $_->{body}{requests} } } $simulator->seen;

is("@calls", '100 100 50', 'upstream gets a hundred at a time, in order');
is_deeply([map { $_->{index} } @{ $r->{json}{data} }], [0 .. 249],
    'and the client one list') or diag(substr $r->{body}, 0, 500);
my ($one) = vectors(embed('word217 common', dimensions => 32));
is_deeply($many[217], $one, 'in which each has its place');

$r = embed([map { "text $_" } 0 .. 149], place => '/scripted');
is($r->{status}, 200, 'a part that fails once is tried again');
is(scalar vectors($r), 150, 'alone');
is($r->{json}{usage}{prompt_tokens}, 22, 'the parts\' tokens are added up');

$r = embed([(map { "text a$_" } 0 .. 99), 'bad 100'], place => '/scripted');
is($r->{status}, 400, 'a bad input in a later part is a 400');
like($r->{json}{error}{message}, qr/input\[107\]\.content/,
    'that names the input by the client\'s count');
is($r->{json}{error}{param}, 'input', 'and the parameter');
unlike($r->{body}, qr/"embedding"|requests/, 'and nothing of the parts');

# ---- upstream gets it wrong

$r = embed('one too many', place => '/scripted');
is($r->{status}, 502, 'another number of vectors is no answer');
is($r->{json}{error}{code}, 'upstream_invalid_response', 'with its code');
is(embed('no numbers', place => '/scripted')->{status}, 502,
    'nor is what is no number');
($one) = vectors(embed('x', place => '/scripted', dimensions => 2));
is_deeply([map { sprintf '%.4f', $_ } @$one], ['0.6000', '0.8000'],
    'what is longer than asked is cut and normalised');

# ---- keys and quotas

$r = embed('x', place => '/failing') for 1 .. 2;
is($r->{status}, 200, 'a key at its limit is invisible to the client');
is(scalar(grep { $_->{key} eq $secret{f1} } $up->seen), 1,
    'and rests');

$simulator->forget;
$r = embed([('x') x 150], place => '/quota', dimensions => 8);
is($r->{status}, 200, 'each part is charged to a key that has room');
is_deeply([sort map { $_->{key} } $simulator->seen],
    [sort @secret{qw(q1 q2)}], 'which are two here');
my $status = $t->get('/quota.json')->{json};
my @uses = map { $_->{usage}[0] } @{ $status->{keys} };
is_deeply([map { $_->{rpm}{used} } @uses], [1, 1],
    'the quota has counted both');
is($uses[0]{tpm}{used} + $uses[1]{tpm}{used},
    $r->{json}{usage}{prompt_tokens}, "with each part's own tokens");
is(embed('x', place => '/quota')->{status}, 429, 'then there is none');

$simulator->forget;
$r = embed([('x') x 150], place => '/single');
is($r->{status}, 429, 'an answer that cannot be finished is an error');
is(scalar $simulator->seen, 1, 'no other model takes the rest over');

# Its only key comes to rest while the first part is under way.
my $held = $t->stream('POST', '/waiting/v1/embeddings', {
    model => 'gemini-embedding-2', input => [map { "held $_" } 0 .. 249] });
$t->wait_for(sub { grep { $_->{body} =~ /held 0/ } $up->seen });
my $refused = $t->stream('POST', '/waiting/v1/embeddings',
    { model => 'gemini-embedding-2', input => 'refuse' });
$t->wait_log(qr/rests 1s for "gemini-embedding-2": rate_limit/);
$up->open_gate('part');
$r = $held->finish;
is($r->{status}, 200, 'the next part waits for a key that rests');
is_deeply([map { $_->{index} } @{ $r->{json}{data} }], [0 .. 249],
    'and the answer is whole, with one try for each part');
$refused->abort(rst => 1);

# ---- clients

my %auth = (headers => { Authorization => "Bearer $token" });
is(embed('a', place => '/apps')->{status}, 401, 'a token is asked for');
is(embed('a', place => '/apps', %auth, model => 'text-embedding-004')
    ->{status}, 200, 'the target of an alias may be what is allowed');
is(embed('a', place => '/apps', %auth, model => 'other')->{status}, 403,
    'other models are not');
is(embed('many words ' x 60, place => '/apps', %auth)->{status}, 200,
    'tokens are counted');
is(embed('a', place => '/apps', %auth)->{status}, 429,
    'for the limits of the client');

# ---- beside the rest

like($t->get('/metrics')->{body},
    qr/gemini_requests_total\{[^}]*operation="embeddings"/,
    'metrics know the operation');

sub first_texts {
    return map { $_->{json}{requests}[0]{content}{parts}[0]{text} } $up->seen;
}

my $leaving = $t->stream('POST', '/scripted/v1/embeddings', {
    model => 'gemini-embedding-2', input => [map { "leaves $_" } 0 .. 249] });
$t->wait_for(sub { grep { $_ eq 'leaves 0' } first_texts() });
$leaving->abort(rst => 1);
is(scalar $up->wait_aborted(1), 1, 'a client that leaves ends the call');

$simulator->forget;
my $staying = $t->stream('POST', '/v1/embeddings', {
    model => 'gemini-embedding-2', input => [map { "stays $_" } 0 .. 499] });
$t->wait_for(sub { $simulator->seen });
ok($t->reload, 'a reload in the middle');
$r = $staying->finish;
is(scalar vectors($r), 500, 'does not keep the parts from becoming one');
is(embed('blue whale')->{status}, 200, 'and nginx goes on');
is(scalar(grep { /\Aleaves/ } first_texts()), 1,
    'nobody asks for the rest of who has left');

$t->done;
