# Conversations in words, whole and streamed: what Gemini is asked, and what
# the client reads.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'simulated-key-chat-2718281828';
my $path = '/v1/chat/completions';

my $t = GeminiTest->new;
my $simulator = $t->simulator;

binmode $_, ':utf8' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    gemini_model gpt-4o gemini-2.5-flash;
    gemini_model claude-* gemini-3-flash-preview;
    gemini_model claude-old gemini-2.5-pro;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /inline/ { gemini_pass main; gemini_thoughts inline; }
        location /hide/ { gemini_pass main; gemini_thoughts hide; }
        location /off/ { gemini_pass main; gemini_safety off; }
        location /some/ {
            gemini_pass main;
            gemini_safety HARASSMENT=BLOCK_NONE
                dangerous_content=BLOCK_ONLY_HIGH;
        }
    }
EOC

sub user { return { role => 'user', content => $_[0] } }

sub body {
    return { model => 'gemini-2.5-flash', messages => [user('#echo hi')],
        @_ };
}

# The answer, and what upstream was asked for it.
sub ask {
    my (%o) = @_;

    my $to = delete $o{to} || $path;

    $simulator->forget;
    my $r = $t->post($to, body(%o));
    my ($seen) = $simulator->seen;

    return ($r, $seen ? $seen->{body} : undef, $seen);
}

sub asked { return (ask(@_))[1] }
sub config { return (ask(@_))[1]{generationConfig} || {} }
sub said { return $_[0]{json}{choices}[0]{message}{content} }

# What a client makes of a stream.
sub gather {
    my ($r) = @_;

    my %all = (text => '', reasoning => '', finish => [], done => 0);

    for my $event (@{ $r->{events} }) {
        if ($event->{data} eq '[DONE]') {
            $all{done}++;
            next;
        }

        my $chunk = $event->{json};
        $all{usage} = $chunk->{usage} if $chunk->{usage};
        $all{model}{ $chunk->{model} }++ if $chunk->{model};

        for my $choice (@{ $chunk->{choices} }) {
            my $delta = $choice->{delta};
            $all{of}[$choice->{index}] .= $delta->{content} // '';
            $all{text} .= $delta->{content} // '';
            $all{reasoning} .= $delta->{reasoning_content} // '';
            $all{refusal} .= $delta->{refusal} // '' if $delta->{refusal};
            push @{ $all{finish} }, $choice->{finish_reason}
                if $choice->{finish_reason};
        }
    }

    return \%all;
}

sub streamed { return gather((ask(stream => JSON::PP::true, @_))[0]) }

# The simulator answers with these very events.
sub scripted {
    return messages => [user('#simulate '
        . JSON::PP->new->canonical->encode({ events => [@_] }))];
}

sub candidate {
    my ($text, %o) = @_;

    return { candidates => [{ index => 0, defined $text
        ? (content => { role => 'model', parts => [{ text => $text }] })
        : (), %o }] };
}

# ---- the exchange as such

my ($r, $asked, $seen) = ask();

is($r->{status}, 200, 'a question has an answer');
is($r->{headers}{'content-type'}, 'application/json', 'which is JSON');
is(said($r), 'hi', 'with the words of the model');
is($r->{json}{object}, 'chat.completion', 'in a chat.completion');
like($r->{json}{id}, qr/\Achatcmpl-[\w-]{20,}\z/, 'that has an id');
like($r->{json}{created}, qr/\A\d{10}\z/, 'and a time');
is($r->{json}{choices}[0]{message}{role}, 'assistant', 'by the assistant');
is($r->{json}{choices}[0]{finish_reason}, 'stop', 'who came to an end');
ok(exists $r->{json}{choices}[0]{logprobs}
    && !defined $r->{json}{choices}[0]{logprobs}, 'logprobs is null');
ok(exists $r->{json}{choices}[0]{message}{refusal}
    && !defined $r->{json}{choices}[0]{message}{refusal}, 'refusal is null');

is($seen->{target}, '/v1beta/models/gemini-2.5-flash:generateContent',
    'upstream was called by its own path');
is($seen->{headers}{'x-goog-api-key'}, $key, 'with the key in its header');

(undef, $asked, $seen) = ask(stream => JSON::PP::true);
is($seen->{target},
    '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    'a stream is asked for as server-sent events');

# ---- roles

is_deeply(asked(messages => [
    { role => 'system', content => 'be brief' },
    { role => 'developer', content => 'be kind' },
    user('one'), user('two'),
    { role => 'assistant', content => 'three' },
    { role => 'system', content => 'late' },
    user([{ type => 'text', text => 'four' },
        { type => 'text', text => 'five' }]),
]), {
    systemInstruction => { parts => [map { { text => $_ } }
        'be brief', 'be kind', 'late'] },
    contents => [
        { role => 'user', parts => [{ text => 'one' }, { text => 'two' }] },
        { role => 'model', parts => [{ text => 'three' }] },
        { role => 'user', parts => [{ text => 'four' }, { text => 'five' }] },
    ],
}, 'system and developer instruct, runs of one role are one turn');

is_deeply(asked(messages => [{ role => 'assistant', content => 'hello' },
    user(''), user('ok')])->{contents}, [
    { role => 'user', parts => [{ text => '.' }] },
    { role => 'model', parts => [{ text => 'hello' }] },
    { role => 'user', parts => [{ text => 'ok' }] },
], 'the user has the first word, and empty messages leave no trace');

my @prefill = (user('say'), { role => 'assistant', content => 'so' });
is(asked(messages => \@prefill)->{contents}[-1]{role}, 'model',
    'a last word of the model stays where the family takes it');
is(asked(model => 'gemini-3.8-flash', messages => \@prefill)
    ->{contents}[-1]{role}, 'user', 'and is followed up where it does not');

$asked = asked(messages => [{ role => 'system', content => 'alone' }]);
is_deeply($asked->{contents},
    [{ role => 'user', parts => [{ text => 'alone' }] }],
    'a system text alone is the question');

$asked = asked(model => 'gemma-3-27b-it', messages => [
    { role => 'system', content => 'be brief' }, user('hi')]);
ok(!exists $asked->{systemInstruction}, 'a model without instructions');
is_deeply($asked->{contents}[0]{parts},
    [{ text => 'be brief' }, { text => 'hi' }], 'hears them from the user');

for my $case (
    ['no messages', 'messages', messages => []],
    ['an unknown role', 'messages[0].role',
        messages => [{ role => 'king', content => 'x' }]],
    ['a temperature in words', 'temperature', temperature => 'hot'],
    ['no model', 'model', model => undef],
    ['a model that is a path', 'model', model => '../../v1/files'],
) {
    my ($what, $param, @fields) = @$case;

    ($r, $asked) = ask(@fields);
    is("$r->{status} $r->{json}{error}{type}", '400 invalid_request_error',
        "$what: refused");
    is($r->{json}{error}{param}, $param, "$what: with the parameter's name");
    ok(!defined $asked, "$what: upstream is not asked");
}

# ---- sampling

my %sampling = (temperature => 0, top_p => 0, top_k => 40, seed => 7,
    presence_penalty => 0.5, frequency_penalty => 0, max_tokens => 9000,
    stop => 'END');

is_deeply(config(%sampling), { temperature => 0, topP => 0, topK => 40,
    seed => 7, maxOutputTokens => 9000, stopSequences => ['END'] },
    '2.5 samples as it is told, and has no penalties');
is_deeply(config(%sampling, model => 'gemini-3.8-flash'), { seed => 7,
    maxOutputTokens => 9000, stopSequences => ['END'] },
    '3.8 is spared the sampling it ignores');
is_deeply(config(map({ $_ => undef } keys %sampling)), {},
    'null means absent');
is(config(max_tokens => 10, max_completion_tokens => 5000)
    ->{maxOutputTokens}, 5000, 'max_completion_tokens wins');
is(config(max_tokens => 1_000_000)->{maxOutputTokens}, 65536,
    'more tokens than the model has become all it has');
is_deeply(config(stop => ['a', '', 'b'])->{stopSequences}, ['a', 'b'],
    'empty stops are left out');
ok(!exists config(stop => [])->{stopSequences}, 'an empty list as well');

($r) = ask(stop => [map { "s$_" } 1 .. 6]);
is("$r->{status} $r->{json}{error}{param}", '400 stop',
    'more stops than five are refused');

my $seed = config(seed => 9_007_199_254_740_991)->{seed};
cmp_ok($seed, '<=', 2_147_483_647, 'a wide seed is folded into 32 bits');
is(config(seed => 9_007_199_254_740_991)->{seed}, $seed, 'always the same');

($r) = ask(messages => [user('#echo one two three')], stop => 'wo');
is(said($r), 'one t', 'a stop ends the answer');

# ---- several choices

($r, $asked) = ask(n => 3);
is($asked->{generationConfig}{candidateCount}, 3, 'n asks for candidates');
is(join(' ', map { "$_->{index}$_->{message}{content}" }
    @{ $r->{json}{choices} }), '0hi 1hi 2hi', 'each is a choice');
my $s = streamed(n => 3);
is_deeply($s->{of}, ['hi', 'hi', 'hi'], 'in a stream as well');
is("@{ $s->{finish} }", 'stop stop stop', 'each with its end');
ok(!exists config(n => 1)->{candidateCount}, 'one need not be asked for');
($r) = ask(n => 2, model => 'gemini-3-flash-preview');
is("$r->{status} $r->{json}{error}{param}", '400 n',
    'a family that gives one choice refuses two');

# ---- texts, exactly

my $odd = "naïve 日本語 \x{1F468}\x{200D}\x{1F469}\x{200D}\x{1F467} \x{2028}"
    . "\"quotes\" \\back\\ <b>&amp;</b> tab\t nul-ish \x{7f} \x{1} ὦ \x{1F680}";
($r) = ask(messages => [user("#echo $odd")]);
is(said($r), $odd, 'any text comes back exactly');
is(streamed(messages => [user("#echo $odd")])->{text}, $odd,
    'in a stream as well');
is(asked(messages => [user($odd)])->{contents}[0]{parts}[0]{text}, $odd,
    'and goes out exactly');
is(asked(messages => [{ role => 'system', content => $odd }, user('x')])
    ->{systemInstruction}{parts}[0]{text}, $odd, 'as an instruction too');

# ---- usage

my %counts = (promptTokenCount => 10, candidatesTokenCount => 20,
    thoughtsTokenCount => 30, totalTokenCount => 65,
    toolUsePromptTokenCount => 5, cachedContentTokenCount => 4);
my @counted = ({ %{ candidate('a') },
        usageMetadata => { promptTokenCount => 10 } },
    { %{ candidate('b', finishReason => 'STOP') },
        usageMetadata => \%counts });

($r) = ask(scripted(@counted));
my $usage = $r->{json}{usage};
is("@$usage{qw(prompt_tokens completion_tokens total_tokens)}", '15 50 65',
    'thoughts are completion tokens, tool use is prompt tokens');
is($usage->{completion_tokens_details}{reasoning_tokens}, 30,
    'thoughts are told apart');
is($usage->{prompt_tokens_details}{cached_tokens}, 4, 'and what was cached');

my $wanted = { include_usage => JSON::PP::true };
$s = streamed(scripted(@counted), stream_options => $wanted);
is_deeply($s->{usage}, $usage, 'a stream counts the same, when asked to');
ok(!streamed(scripted(@counted))->{usage}, 'and else does not count');

# ---- ends

for my $case (
    [STOP => 'stop'], [MAX_TOKENS => 'length'], [SAFETY => 'content_filter'],
    [RECITATION => 'content_filter'], [PROHIBITED_CONTENT => 'content_filter'],
    [LANGUAGE => 'content_filter'], [OTHER => 'stop'],
    [MALFORMED_FUNCTION_CALL => 'stop'], [BRAND_NEW_REASON => 'stop'],
) {
    my ($native, $reason) = @$case;
    my @events = scripted(candidate('x', finishReason => $native));

    ($r) = ask(@events);
    my $choice = $r->{json}{choices}[0];
    is("$choice->{finish_reason} $choice->{native_finish_reason}",
        "$reason $native", "$native after words is \"$reason\"");
    is("@{ streamed(@events)->{finish} }", $reason, '... streamed as well');
}

($r) = ask(scripted(candidate(undef, finishReason => 'MAX_TOKENS')));
is($r->{status} . said($r), '200',
    'no word before MAX_TOKENS is an empty answer');
is($r->{json}{choices}[0]{finish_reason}, 'length', 'that says why');

$s = streamed(scripted(map { candidate($_, finishReason => 'STOP') }
    qw(a b c)));
is("$s->{text} @{ $s->{finish} } $s->{done}", 'abc stop 1',
    'a reason in every event ends the stream but once');

# ---- refusals

for my $stream (JSON::PP::false, JSON::PP::true) {
    my $how = $stream ? 'streamed' : 'whole';

    $simulator->set_key($key, { do => 'blocked', reason => 'SAFETY' });
    ($r) = ask(stream => $stream);
    $s = $stream ? gather($r) : {
        text => said($r), finish => [$r->{json}{choices}[0]{finish_reason}],
        refusal => $r->{json}{choices}[0]{message}{refusal} };
    is("$r->{status} @{ $s->{finish} }", '200 content_filter',
        "a blocked prompt ends in content_filter, $how");
    is($s->{text}, '', 'with no content');
    like($s->{refusal}, qr/SAFETY/, 'and a refusal that says why');
    is(scalar(() = $simulator->seen), 1, 'nothing is tried again');

    # An answer without candidates is often mended by asking again.
    $simulator->set_key($key, { do => 'error', status => 200, times => 1,
        body => { candidates => [], usageMetadata => {} } });
    ($r) = ask(stream => $stream);
    is($r->{status}, 200, "no candidates are asked for once more, $how");
    is(scalar(() = $simulator->seen), 2, 'with one more request');

    $simulator->set_key($key, { do => 'error', status => 200,
        body => { candidates => [], usageMetadata => {} } });
    ($r) = ask(stream => $stream);
    is("$r->{status} $r->{json}{error}{type}", '502 server_error',
        "no candidates twice are an error, $how");
    is(scalar(() = $simulator->seen), 2, 'after those two requests');
    $simulator->set_key($key, 'ok');
}

# ---- thoughts

my @thinking = scripted({ candidates => [{ content => { parts => [
        { text => 'hmm ', thought => JSON::PP::true }] } }] },
    { candidates => [{ content => { parts => [
        { text => 'yes', thought => JSON::PP::true }, { text => 'it ' }] } }] },
    candidate('is', finishReason => 'STOP'));

($r) = ask(@thinking);
is($r->{json}{choices}[0]{message}{reasoning_content}, 'hmm yes',
    'thoughts have a field of their own');
is(said($r), 'it is', 'apart from the content');
$s = streamed(@thinking);
is("$s->{reasoning}|$s->{text}", 'hmm yes|it is', 'in a stream as well');

($r) = ask(@thinking, to => '/inline/chat/completions');
my $inline = said($r);
like($inline, qr{\A<think>\s*hmm yes\s*</think>\s*it is\z},
    'inline they stand in the content');
ok(!exists $r->{json}{choices}[0]{message}{reasoning_content}, 'only there');
$s = streamed(@thinking, to => '/inline/chat/completions');
is($s->{text}, $inline, 'in a stream as well');

($r) = ask(@thinking, to => '/hide/chat/completions');
ok($r->{body} !~ /hmm/, 'hidden ones are nowhere');
is(said($r), 'it is', 'and the content stays');
($r) = ask(@thinking, to => '/hide/chat/completions',
    stream => JSON::PP::true);
ok($r->{body} !~ /hmm/, 'in a stream as well');

# ---- safety

ok(!exists asked()->{safetySettings}, 'no safety settings by default');
$asked = asked(to => '/off/chat/completions');
is(join(' ', sort map { "$_->{category}=$_->{threshold}" }
    @{ $asked->{safetySettings} }), join(' ', map { "HARM_CATEGORY_$_=OFF" }
    qw(DANGEROUS_CONTENT HARASSMENT HATE_SPEECH SEXUALLY_EXPLICIT)),
    'off means every category');
is_deeply([map { "$_->{category} $_->{threshold}" }
    @{ asked(to => '/some/chat/completions')->{safetySettings} }],
    ['HARM_CATEGORY_HARASSMENT BLOCK_NONE',
        'HARM_CATEGORY_DANGEROUS_CONTENT BLOCK_ONLY_HIGH'],
    'named ones are sent as they are');
my $own = [{ category => 'HARM_CATEGORY_HARASSMENT',
    threshold => 'BLOCK_LOW_AND_ABOVE' }];
is_deeply(asked(to => '/off/chat/completions',
    google => { safety_settings => $own })->{safetySettings}, $own,
    "the client's own come first");

# ---- names

for my $case (['gpt-4o', 'gemini-2.5-flash'],
    ['claude-old', 'gemini-3-flash-preview'],
    ['models/gemini-2.5-pro', 'gemini-2.5-pro'],
    ['gemini-2.5-pro', 'gemini-2.5-pro'])
{
    my ($name, $model) = @$case;

    ($r, $asked, $seen) = ask(model => $name);
    is($seen->{model}, $model, "$name is $model upstream");
    is($r->{json}{model}, $name, 'and keeps its name in the answer');
    is(join(' ', keys %{ streamed(model => $name)->{model} }), $name,
        'and in every chunk');
}

($r) = ask(model => 'gemini-99-nothing');
is("$r->{status} $r->{json}{error}{code}", '404 model_not_found',
    'a model upstream does not know is not found');

$t->done;
