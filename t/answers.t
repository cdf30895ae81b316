# What becomes of everything Gemini may answer, whole and streamed: every end,
# parts of every kind, sources, probabilities, several candidates, errors in
# the middle, and answers with nothing in them.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'simulated-key-answers-2645751311';
my $other = 'simulated-key-answers-3162277660';
my $json = JSON::PP->new->canonical->allow_nonref;
my $true = JSON::PP::true;
my @forms = (whole => [], streamed => [stream => $true, stream_options =>
    { include_usage => $true }]);

my $t = GeminiTest->new;
my $simulator = $t->simulator(keys => { first => { key => $key,
    behaviours => ['ok'] }, second => { key => $other,
    behaviours => ['ok'] } });
my $up = $t->upstream(sub {
    my ($request) = @_;

    # the user says what is answered, or what before and what behind a gate
    my $said = JSON::PP->new->decode(
        $request->{json}{contents}[0]{parts}[0]{text});
    my $type = 'text/event-stream';

    return { headers => { 'Content-Type' => $type }, framing => 'chunked',
        pieces => $said } if ref $said eq 'ARRAY';

    my ($before, $behind) = map { sprintf "%x\r\n%s\r\n", length, $_ }
        map { $_ // '' } @$said{qw(before behind)};

    return [[send => "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n$before"],
        [gate => $said->{gate}], $said->{ends} ? [$said->{ends} => ()]
            : [send => "${behind}0\r\n\r\n"]];
});

binmode $_, ':utf8' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

$t->secrets($key, $other);
$t->start(<<"EOC");
    gemini_keys main { key $key; key $other; balance round_robin; }
    gemini_keys one {
        key $key;
        cooldown unavailable off;
        cooldown server_error off;
        cooldown gateway off;
    }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /one/ { gemini_pass one; }
        location /raw/ { gemini_pass one; gemini_upstream http://%%$up%%; }
    }
EOC

sub ask {
    my ($form, $text, %o) = @_;

    my $to = delete $o{to} || 'v1';
    my $r = $t->post("/$to/chat/completions", { model => 'gemini-3.8-flash',
        messages => [{ role => 'user', content => $text }], @$form, %o });

    return gather($r) if $r->{events};

    my @choices = map { { %{ $_->{message} } } }
        @{ $r->{json}{choices} || [] };

    for my $i (0 .. $#choices) {
        my $from = $r->{json}{choices}[$i];
        @{ $choices[$i] }{qw(finish native said logprobs index)} =
            @$from{qw(finish_reason native_finish_reason finish_message
            logprobs index)};
    }

    return { status => $r->{status}, error => $r->{json}{error},
        usage => $r->{json}{usage}, choices => \@choices,
        %{ $choices[0] || {} } };
}

# What a client makes of a stream.
sub gather {
    my ($r) = @_;

    my (@choices, $usage, $error);

    for my $chunk (map { $_->{json} || () } @{ $r->{events} }) {
        $usage = $chunk->{usage} // $usage;
        $error = $chunk->{error} // $error;

        for my $from (@{ $chunk->{choices} || [] }) {
            my $choice = $choices[$from->{index}] ||= { content => '',
                index => $from->{index} };
            my $delta = $from->{delta};

            for my $name (grep { defined $delta->{$_} }
                qw(content reasoning_content refusal))
            {
                $choice->{$name} .= $delta->{$name};
            }

            push @{ $choice->{$_} }, @{ $delta->{$_} }
                for grep { $delta->{$_} } qw(images annotations tool_calls);
            $choice->{extra_content}{google}{$_} =
                $delta->{extra_content}{google}{$_}
                for keys %{ $delta->{extra_content}{google} || {} };
            push @{ $choice->{logprobs}{content} },
                @{ $from->{logprobs}{content} } if $from->{logprobs};
            $choice->{finish} .= $from->{finish_reason} // '';
            $choice->{native} = $from->{native_finish_reason}
                // $choice->{native};
            $choice->{said} = $from->{finish_message} // $choice->{said};
        }
    }

    my $last = $r->{events}[-1] || { data => '' };

    return { status => $r->{status}, error => $error, usage => $usage,
        choices => \@choices, done => $last->{data} eq '[DONE]',
        complete => $r->{complete}, %{ $choices[0] || {} } };
}

sub script { return '#simulate ' . $json->encode({ events => [@_] }) }

# An event with a candidate of these parts.
sub event {
    my ($parts, %o) = @_;

    return { candidates => [{ index => 0, $parts ? (content => {
        role => 'model', parts => $parts }) : (), %o }] };
}

sub words {
    my ($text, %o) = @_;

    return event([{ text => $text }], %o);
}

my $call = { functionCall => { name => 'f', args => { a => 1 }, id => 'x1' } };

# ---- every end, behind words, behind a call, and alone

my %filtered = map { $_ => 1 } qw(SAFETY RECITATION LANGUAGE BLOCKLIST
    PROHIBITED_CONTENT SPII MODEL_ARMOR IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT
    IMAGE_RECITATION);
my %broken = map { $_ => 1 } qw(MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL
    TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE MISSING_THOUGHT_SIGNATURE);

while (my ($form, $fields) = splice @forms, 0, 2) {
    run($form, $fields);
}

sub run {
    my ($form, $fields) = @_;

    for my $end (qw(STOP MAX_TOKENS CONTINUATION OTHER NO_IMAGE IMAGE_OTHER
        BRAND_NEW), sort(keys %filtered), sort keys %broken)
    {
        my $name = "$form, $end";
        my $finish = $filtered{$end} ? 'content_filter'
            : $end =~ /MAX_TOKENS|CONTINUATION/ ? 'length' : 'stop';

        my $r = ask($fields, script(words('so'), words('', finishReason =>
            $end, finishMessage => 'because')));
        is($r->{status}, 200, "$name behind words");
        is($r->{finish}, $finish, "$name: is $finish");
        is($r->{native}, $end, "$name: in Google's word");
        is($r->{said}, 'because', "$name: with what it explains");
        is($r->{content}, 'so', "$name: the words stay");

        $r = ask($fields, script(event([$call]),
            event([{ text => '' }], finishReason => $end)));
        is($r->{tool_calls}[0]{function}{name}, 'f', "$name behind a call");
        is($r->{finish}, $finish eq 'stop' && !$broken{$end} ? 'tool_calls'
            : $finish, "$name: which is to be made unless it is in doubt");

        $r = ask($fields, script(event(undef, finishReason => $end)),
            to => 'one');

        if ($broken{$end} || $end eq 'OTHER') {
            is("$r->{status} $r->{error}{code}", '502 ' . lc $end,
                "$name alone: an error that names it");
            is($r->{error}{type}, 'server_error', "$name: of the server's");

        } else {
            is($r->{status}, 200, "$name alone");
            is($r->{finish}, $end =~ /IMAGE/ ? 'content_filter' : $finish,
                "$name: and silent");
            is($r->{content}, '', "$name: with empty words");
        }
    }

    # ---- blocked prompts

    for my $case (
        [{ blockReason => 'SAFETY' }, qr/SAFETY/],
        [{ blockReason => 'BRAND_NEW' }, qr/BRAND_NEW/],
        [{ blockReasonMessage => 'not this' }, qr/not this/],
    ) {
        my ($feedback, $refusal) = @$case;
        my $r = ask($fields, script({ promptFeedback => $feedback,
            usageMetadata => { promptTokenCount => 7, totalTokenCount => 7 }
            }));

        is("$r->{status} $r->{finish}", '200 content_filter',
            "$form: a prompt is blocked");
        like($r->{refusal}, $refusal, "$form: for a reason");
        is($r->{content} // '', '', "$form: without words");
        is($r->{usage}{prompt_tokens}, 7, "$form: and is paid for");
    }

    my $r = ask($fields, script({ promptFeedback => { safetyRatings => [] },
        candidates => words('so', finishReason => 'STOP')->{candidates} }));
    is("$r->{finish} $r->{content}", 'stop so',
        "$form: ratings alone block nothing");

    # ---- parts

    my $png = { inlineData => { mimeType => 'image/png', data => 'iVBORw==' }
        };
    $r = ask($fields, script(words('see '), event([$png]),
        event([{ %$png, thought => $true }]), event([$png]),
        words('that', finishReason => 'STOP')));
    is_deeply($r->{images}, [map { { type => 'image_url', index => $_,
        image_url => { url => 'data:image/png;base64,iVBORw==' } } } 0, 1],
        "$form: images come beside the words, drafts of them do not");
    is($r->{content}, 'see that', "$form: the words without them");

    $r = ask($fields, script(event([$png], finishReason => 'STOP')),
        to => 'one');
    is("$r->{status} " . @{ $r->{images} || [] }, '200 1',
        "$form: an image alone is an answer");

    $r = ask($fields, 'paint', model => 'gemini-3.1-flash-image',
        modalities => ['text', 'image']);
    like($r->{images}[0]{image_url}{url}, qr{\Adata:image/\w+;base64,\w},
        "$form: an image that was asked for");

    $r = ask($fields, script(words('so:'), event([{ executableCode => {
        language => 'PYTHON', code => "print(1)\n" } }]),
        event([{ codeExecutionResult => { outcome => 'OUTCOME_OK',
        output => "1\n" } }]), event([{ codeExecutionResult => { outcome =>
        'OUTCOME_FAILED', output => 'oh' } }]),
        words('done', finishReason => 'STOP')));
    like($r->{content}, qr/\Aso:\s*```python\nprint\(1\)\n```\s+
        ```output\n1\n```\s+```output\ OUTCOME_FAILED\noh\n```\s*done\z/xs,
        "$form: code and its output are fenced");

    $r = ask($fields, 'what is 6 * 7?', tools => [{ code_execution => {} }]);
    like($r->{content}, qr/```python\n.*6.*```output\n42\n```/s,
        "$form: code that was asked for");

    $r = ask($fields, script(event([{ text => 'a' }, { hologram => {} }, {},
        { toolCall => { x => 1 } }, { toolResponse => { y => 2 } },
        { text => 'b', partMetadata => {} }]),
        { candidates => [], newField => [1] }, {},
        event(undef, finishReason => 'STOP', avgLogprobs => -0.1)));
    is("$r->{content} $r->{finish}", 'ab stop',
        "$form: parts that nobody knows leave the others alone");
    ok(!$r->{tool_calls}, "$form: Google's own calls are not the client's");

    $r = ask($fields, script(event([map { { functionCall => $_ } }
        { name => 'f' }, { name => 'f', args => { n => 1 } },
        { name => 'g', args => {}, id => 'same' },
        { name => 'g', args => {}, id => 'same' }], finishReason => 'STOP')));
    my %ids = map { $_->{id} => 1 } @{ $r->{tool_calls} };
    is(keys %ids, 4, "$form: every call has an id of its own");
    is($r->{tool_calls}[0]{function}{arguments}, '{}',
        "$form: no arguments are empty ones");

    # ---- sources

    my @sources = map { { web => { uri => "https://$_.example/", title => $_ }
        } } qw(a b);
    $r = ask($fields, script(words('Größe 🚀 '), words('ist ja'),
        words(' klar.', finishReason => 'STOP', groundingMetadata => {
        webSearchQueries => ['q'], searchEntryPoint => { renderedContent =>
        '<style>' }, groundingChunks => \@sources, groundingSupports => [
        { segment => { endIndex => 7, text => 'Größe' },
            groundingChunkIndices => [0, 1] },
        { segment => { startIndex => 13, endIndex => 16, text => 'ist' },
            groundingChunkIndices => [1] }] })));

    my @cited = map { $_->{url_citation} } @{ $r->{annotations} };
    is(join(' ', map { "$_->{title}:" . substr $r->{content},
        $_->{start_index}, $_->{end_index} - $_->{start_index} } @cited),
        'a:Größe b:Größe b:ist', "$form: sources know their words");
    is($cited[0]{url}, 'https://a.example/', "$form: and their address");
    is_deeply($r->{extra_content}{google}{grounding_metadata}
        {webSearchQueries}, ['q'], "$form: what was searched for is told");
    unlike($json->encode($r->{extra_content}), qr/<style>/,
        "$form: without pages of HTML");

    $r = ask($fields, script(words('abc def', finishReason => 'STOP',
        citationMetadata => { citationSources => [{ startIndex => 4, endIndex
        => 7, uri => 'https://c.example/' }, { startIndex => 0 }] })));
    is(join(' ', map { "$_->{url} $_->{start_index} $_->{end_index}" }
        map { $_->{url_citation} } @{ $r->{annotations} }),
        'https://c.example/ 4 7', "$form: citations are sources");

    $r = ask($fields, 'search for nginx', web_search_options => {});
    ok(@{ $r->{annotations} || [] } > 0, "$form: a search names its sources");

    # ---- probabilities

    $r = ask($fields, '#echo hi there', model => 'gemini-2.5-flash',
        logprobs => $true, top_logprobs => 2);
    my $tokens = $r->{logprobs}{content} || [];
    is(join('', map { $_->{token} } @$tokens), 'hi there',
        "$form: probabilities of each token");
    is_deeply($tokens->[0]{bytes}, [unpack 'C*', $tokens->[0]{token}],
        "$form: with its bytes");
    ok($tokens->[0]{logprob} <= 0 && @{ $tokens->[0]{top_logprobs} } == 2,
        "$form: and the likeliest beside it");
    ok(!ask($fields, '#echo hi', model => 'gemini-2.5-flash')->{logprobs},
        "$form: none that were not asked for");

    # ---- several candidates

    $r = ask($fields, script(map({ my $i = $_; { candidates => [{ index => $i,
        content => { parts => [{ text => "answer $i" }] } }] } } 2, 0, 1),
        { candidates => [map { { index => $_, finishReason =>
            ('STOP', 'MAX_TOKENS', 'SAFETY')[$_] } } 0 .. 2] }),
        model => 'gemini-2.5-flash', n => 3);
    is(join(', ', map { "$_->{index} $_->{content} $_->{finish}" }
        @{ $r->{choices} }), '0 answer 0 stop, 1 answer 1 length, '
        . '2 answer 2 content_filter', "$form: every candidate is a choice");

    $r = ask($fields, script({ candidates => [{ content => { parts =>
        [{ text => 'so' }] }, finishReason => 'STOP' }] }));
    is("$r->{index} $r->{content}", '0 so',
        "$form: without an index it is the first");

    # ---- usage

    my $usage = ask($fields, script({ %{ words('a') }, usageMetadata => {
        promptTokenCount => 100, totalTokenCount => 100 } },
        { usageMetadata => { trafficType => 'ON_DEMAND' } },
        { %{ words('b', finishReason => 'STOP') }, usageMetadata => {
        promptTokenCount => 90, candidatesTokenCount => 20,
        thoughtsTokenCount => 30, toolUsePromptTokenCount => 10,
        cachedContentTokenCount => 40, totalTokenCount => 150,
        promptTokensDetails => [{ modality => 'TEXT', tokenCount => 60 },
            { modality => 'AUDIO', tokenCount => 30 }],
        candidatesTokensDetails => [{ modality => 'AUDIO',
            tokenCount => 5 }] } }))->{usage};

    is("@$usage{qw(prompt_tokens completion_tokens total_tokens)}",
        '100 50 150', "$form: the counts of all");
    is($usage->{prompt_tokens_details}{cached_tokens}, 40,
        "$form: what was cached");
    is($usage->{prompt_tokens_details}{audio_tokens}, 30,
        "$form: what was heard");
    is($usage->{completion_tokens_details}{reasoning_tokens}, 30,
        "$form: what was thought");
    is($usage->{completion_tokens_details}{audio_tokens}, 5,
        "$form: what was spoken");

    $r = ask($fields, script(words('so', finishReason => 'STOP')));
    is("@{ $r->{usage} }{qw(prompt_tokens completion_tokens total_tokens)}",
        '0 0 0', "$form: no counts are zeros");

    # ---- answers that are none are asked for again

    for my $fault ('empty', 'malformed_call') {
        for my $again (1, 2) {
            $simulator->set_key($_, { key => $_ eq 'first' ? $key : $other,
                behaviours => [{ do => $fault, times => 1 }] })
                for 'first', $again == 2 ? 'second' : ();
            $simulator->set_key('second', { key => $other,
                behaviours => ['ok'] }) if $again == 1;
            $simulator->forget;

            # the first key's turn comes at one of two requests
            $r = ask($fields, '#echo so');
            $r = ask($fields, '#echo so') if $simulator->seen == 1;

            my $outcome = $again == 1 ? '200 so'
                : $fault eq 'empty' ? '200 ' : '502 malformed_function_call';
            is("$r->{status} " . ($r->{error}{code} // $r->{content}),
                $outcome, "$form: $fault from $again of two keys");

            my @keys = map { $_->{headers}{'x-goog-api-key'} }
                ($simulator->seen)[-2, -1];
            isnt($keys[0], $keys[1], "$form: $fault: both were tried");
        }
    }

    $simulator->set_key('first', { key => $key, behaviours => ['ok'] });
    $simulator->set_key('second', { key => $other, behaviours => ['ok'] });

    $simulator->forget;
    ask($fields, script({ promptFeedback => { blockReason => 'OTHER' } }));
    is(scalar(my @seen = $simulator->seen), 1,
        "$form: a blocked prompt is not tried elsewhere");
}

# ---- errors behind a good head

my $words = 'data: ' . $json->encode(words('so')) . "\r\n\r\n";
my $failure = { error => { code => 503, message => 'The model is overloaded.',
    status => 'UNAVAILABLE' } };
my $lines = JSON::PP->new->canonical->pretty->encode($failure);

# What comes of an answer that has begun when the gate opens.
sub go_on {
    my ($gate, %behind) = @_;

    my $s = $t->stream('POST', '/raw/chat/completions', { model =>
        'gemini-3.8-flash', stream => $true, messages => [{ role => 'user',
        content => $json->encode({ before => $words, gate => $gate, %behind })
        }] });
    my @events;

    while (my $event = $s->next_event) {
        push @events, $event;
        last if ($event->{data} // '') =~ /"so"/;
    }

    $up->open_gate($gate);

    my $rest = $s->finish;

    return gather({ %$rest, events => [@events, @{ $rest->{events} }] });
}

for my $case (
    ['as an event', 'data: ' . $json->encode($failure) . "\r\n\r\n"],
    ['as bare JSON on many lines', $lines],
    ['as a list of JSON', "[$lines]\n"],
    ['as an event named error', "event: error\ndata: "
        . $json->encode($failure) . "\n\n"],
) {
    my ($what, $error) = @$case;
    my $r = go_on($what =~ s/\W/-/gr, behind => $error);
    is("$r->{status} $r->{content}", '200 so', "an error $what: what came "
        . 'before it stays');
    like($r->{error}{message}, qr/overloaded/, "$what: it is told");
    ok(!ref $r->{error}{code} && length $r->{error}{type}, "$what: in "
        . "OpenAI's form");
    is($r->{finish} // '', '', "$what: and the answer has no end");

    $r = ask([stream => $true], $json->encode([map { substr $error, $_ * 5, 5 }
        0 .. length($error) / 5]), to => 'raw');
    is($r->{status}, 503, "$what, first and in pieces: is the status");
    like($r->{error}{message}, qr/overloaded/, "$what: and told");
}

for my $ends ('close', 'rst') {
    my $r = go_on("ends-by-$ends", ends => $ends);

    is("$r->{status} $r->{content}", '200 so',
        "cut by $ends: what came before stays");
    ok(length($r->{error}{message} // ''),
        "cut by $ends: that the rest is missing is told");
    is($r->{finish} // '', '', "cut by $ends: and is no end");
}

$t->done;
