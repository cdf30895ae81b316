# Every answer and chunk by OpenAI's published schemas, and every request
# upstream by Google's published messages.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use GeminiTest;
use GeminiTest::Clients;

my $schema = $ENV{GEMINI_SCHEMA};

plan(skip_all => 'GEMINI_SCHEMA names no folder of published schemas')
    unless $schema && -f "$schema/openai-api.json";

my $t = GeminiTest->new;

install_clients($t, 'python');

my $simulator = serve($t);
my $json = JSON::PP->new->ascii->canonical->allow_nonref;
my @values;

sub user { return { role => 'user', content => $_[0] } }

my $weather = { type => 'function', function => { name => 'get_weather',
    parameters => { type => 'object', properties => {} } } };

my $person = { type => 'object', properties => {
    name => { type => 'string' }, age => { type => 'integer' },
    tags => { type => 'array', items => { type => 'string' } },
}, required => ['name'], additionalProperties => JSON::PP::false };

# A name that Google refuses, and a schema of the kind that zod writes.
my $people = { type => 'function', function => { name => 'find people',
    description => 'Finds people', strict => JSON::PP::true,
    parameters => { '$schema' => 'http://json-schema.org/draft-07/schema#',
        type => 'object', required => ['name'], '$defs' => {
            kind => { enum => ['a', 'b'], type => 'string' } },
        properties => { name => { type => ['string', 'null'] },
            kind => { '$ref' => '#/$defs/kind' },
            age => { anyOf => [{ type => 'integer', enum => [1, 2] },
                { type => 'null' }] } },
        additionalProperties => JSON::PP::false } } };

my $dot = encode_base64(pack('H*', '89504e470d0a1a0a0000000d4948445200000001'
    . '000000010806000000' . '1f15c4890000000d49444154789c6360606060000000'
    . '0500010d0a2db40000000049454e44ae426082'), '');

my @requests = (
    ['a word' => messages => [user('Hello')]],
    ['a system message' => messages => [
        { role => 'system', content => 'Be brief.' },
        { role => 'developer', content => [
            { type => 'text', text => 'Be kind.' }] }, user('Hello')]],
    ['a conversation' => messages => [user('Hello'),
        { role => 'assistant', content => 'Hi' }, user('How are you?')]],
    ['sampling' => messages => [user('Hello')], temperature => 0.5,
        top_p => 0.9, max_completion_tokens => 2000, stop => ['END', 'FIN'],
        seed => 7],
    ['penalties' => messages => [user('Hello')],
        presence_penalty => 0.5, frequency_penalty => 0.5],
    ['two choices' => messages => [user('Hello')], n => 2],
    ['too few tokens' => messages => [user('A long story')],
        max_tokens => 12],
    ['reasoning' => messages => [user('Think')], reasoning_effort => 'low'],
    ['reasoning of a newer model' => model => 'gemini-3-flash-preview',
        messages => [user('Think')], reasoning_effort => 'high'],
    ['an image' => messages => [user([
        { type => 'text', text => 'What is this?' },
        { type => 'image_url', image_url => {
            url => "data:image/png;base64,$dot", detail => 'low' } }])]],
    ['a JSON object' => messages => [user('Some JSON')],
        response_format => { type => 'json_object' }],
    ['a JSON schema' => messages => [user('A person')],
        response_format => { type => 'json_schema', json_schema => {
            name => 'person', strict => JSON::PP::true,
            schema => $person } }],
    ['a tool without arguments' => messages => [user('Hello')],
        tools => [$weather]],
    ['tools' => model => 'gemini-3.8-flash', messages => [user('Oslo?')],
        tools => [$weather, $people], tool_choice => 'required',
        parallel_tool_calls => JSON::PP::true],
    ['one tool' => messages => [user('Oslo?')], tools => [$weather, $people],
        tool_choice => { type => 'function',
            function => { name => 'find people' } }],
    ['functions' => messages => [user('Oslo?')],
        functions => [$people->{function}], function_call => 'auto'],
    ['a call and its result' => model => 'gemini-3.8-flash',
        tools => [$weather, $people], messages => [user('Oslo?'),
            { role => 'assistant', content => undef, tool_calls => [
                { id => 'call_1', type => 'function', function => {
                    name => 'get_weather', arguments => '{}' } },
                { id => 'call_2', type => 'function', function => {
                    name => 'find people', arguments => '{"name":"A"}' } }] },
            { role => 'tool', tool_call_id => 'call_2', content => '[1, 2]' },
            { role => 'tool', tool_call_id => 'call_1', content => 'sun' }]],
    ['a function that it may call' => model => 'gemini-4-argon',
        messages => [user('Oslo?')], tools => [$weather, $people],
        tool_choice => { type => 'allowed_tools', allowed_tools => {
            mode => 'required', tools => [{ type => 'function',
                function => { name => 'get_weather' } }] } }],
    ['functions that it must not call' => messages => [user('Oslo?')],
        tools => [$weather], tool_choice => 'none'],
    ['a JSON schema beside tools' => model => 'gemini-3.8-flash',
        messages => [user('A person')], tools => [$weather],
        response_format => { type => 'json_schema', json_schema => {
            name => 'person', strict => JSON::PP::true,
            schema => $person } }],
    ['logprobs' => messages => [user('Hello')],
        logprobs => JSON::PP::true, top_logprobs => 2],
    ['thoughts that are shown' => model => 'gemini-3.8-flash',
        messages => [user('Think')],
        reasoning => { effort => 'high', exclude => JSON::PP::false }],
    ['a search' => messages => [user('News?')],
        web_search_options => {}],
    ['sound and a file' => messages => [user([
        { type => 'input_audio', input_audio => {
            data => encode_base64('RIFF----WAVEfmt ', ''),
            format => 'wav' } },
        { type => 'file', file => { filename => 'a.pdf',
            file_data => 'data:application/pdf;base64,'
                . encode_base64('%PDF-1.4', '') } }])]],
);

my @families = qw(gemini-2.5-flash gemini-2.5-pro gemini-3-flash-preview
    gemini-3.8-flash gemini-4-argon);

for my $model (@families) {
    push @requests, map { ["effort $_ of $model" => model => $model,
        messages => [user('Think')], reasoning_effort => $_] }
        qw(none minimal medium xhigh);
}

sub keep {
    my (%value) = @_;

    push @values, $json->encode(\%value);

    return;
}

# One request, whole and streamed; gives the whole answer's message and finish
# reason, and the chunks.
sub ask {
    my ($name, %body) = @_;

    my %o = (token => $GeminiTest::Clients::token, deadline => 20);

    my $r = $t->post('/v1/chat/completions', \%body, %o);
    is($r->{status}, 200, "$name is answered") or diag($r->{body});
    keep(name => "answer to $name", value => $r->{json},
        openai => $r->{status} == 200 ? 'CreateChatCompletionResponse'
            : 'ErrorResponse');

    my $s = $t->stream('POST', '/v1/chat/completions', { %body,
        stream => JSON::PP::true,
        stream_options => { include_usage => JSON::PP::true } }, %o);
    my @events = $s->events;
    my $last = pop @events;

    is($last && $last->{data}, '[DONE]', "$name streams to its end");
    keep(name => "chunks of $name", value => $_->{json},
        openai => 'CreateChatCompletionStreamResponse') for @events;

    my $choice = $r->{json}{choices}[0];

    return ($choice->{message}, $choice->{finish_reason},
        map { $_->{json} } @events);
}

for my $request (@requests) {
    my ($name, %body) = @$request;

    ask($name, model => 'gemini-2.5-flash', %body);
}

# The calls of an answer are of the contract too, and what goes back with them.
for my $model (@families) {
    my %body = (model => $model, tools => [$weather, $people]);
    my @said = user('#calls 3 get_weather');
    my ($message, $finish, @chunks) = ask("calls of $model", %body,
        messages => \@said);
    my @calls = @{ $message->{tool_calls} || [] };
    my %streamed = map { $_->{index} => $_ }
        map { @{ $_->{delta}{tool_calls} || [] } }
        map { @{ $_->{choices} } } @chunks;

    is("$finish " . @calls . ' ' . keys %streamed, 'tool_calls 3 3',
        "$model calls three times, also streamed");

    push @said, $message, map { { role => 'tool', content => '{"ok":true}',
        tool_call_id => $_->{id} } } @calls;
    ($message, $finish) = ask("results for $model", %body,
        messages => \@said);
    is($finish, 'stop', "$model answers with the results");
}

my @errors = (
    ['no JSON', '{"model":', {}],
    ['no messages', { model => 'gemini-2.5-flash' }, {}],
    ['a wrong type', { model => 'gemini-2.5-flash', messages => 'hi' }, {}],
    ['an unknown role', { model => 'gemini-2.5-flash',
        messages => [{ role => 'wizard', content => 'hi' }] }, {}],
    ['an unknown model', { model => 'no-such', messages => [user('hi')] }, {}],
    ['a tool without a name', { model => 'gemini-2.5-flash',
        messages => [user('hi')], tools => [{ type => 'function',
            function => {} }] }, {}],
    ['no token', { model => 'gemini-2.5-flash', messages => [user('hi')] },
        { token => undef }],
    ['an unknown path', {}, { path => '/v1/nothing' }],
);

for my $error (@errors) {
    my ($name, $body, $o) = @$error;
    my $r = $t->post($o->{path} || '/v1/chat/completions', $body,
        token => $GeminiTest::Clients::token, %$o);

    ok($r->{status} >= 400 && $r->{status} < 500, "$name is refused")
        or diag("$r->{status} $r->{body}");
    keep(name => "refusal of $name", openai => 'ErrorResponse',
        value => $r->{json});
}

my $models = $t->get('/v1/models', token => $GeminiTest::Clients::token);
is($models->{status}, 200, 'the models are listed');
keep(name => 'list of models', openai => 'ListModelsResponse',
    value => $models->{json});

my %messages = (
    generateContent => 'GenerateContentRequest',
    streamGenerateContent => 'GenerateContentRequest',
);

my @seen = grep { $_->{method} eq 'POST' } $simulator->seen;
cmp_ok(scalar @seen, '>', 2 * @requests - 1, 'the upstream saw them all');

for my $request (@seen) {
    my $method = $request->{api_method};

    keep(name => "$method upstream", gemini => $messages{$method},
        value => $request->{body});
}

my $file = $t->dir . '/values.jsonl';
open my $out, '>', $file or die "$file: $!\n";
print {$out} "$_\n" for @values;
close $out;

run_client($t, $t->root . '/build/clients/venv/bin/python',
    "$FindBin::Bin/contract.py", $schema, $file);

$t->done;
