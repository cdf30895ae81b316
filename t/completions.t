# Text completions, the API before chats: what Gemini is asked for a prompt,
# what the client reads, and requests of several prompts, which are several
# calls upstream.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my %secret = map { $_ => "simulated-key-completions-$_-27182818" }
    qw(main one two first second limited hidden torn);
my $path = '/v1/completions';
my $true = JSON::PP::true;

my $t = GeminiTest->new;
my $simulator = $t->simulator;
my $broken = $t->upstream(sub {
    my ($request) = @_;

    return $request->{body} =~ /hold/
        ? [[send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"],
            [wait_close => ()]]
        : reply('an answer');
});

binmode $_, ':utf8' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

$t->secrets(values %secret);
my $conf = <<"EOC";
    log_format values '\$gemini_operation \$gemini_tries \$gemini_stream '
        '\$gemini_model \$gemini_prompt_tokens \$gemini_finish_reason';
    gemini_keys main { key $secret{main}; }
    gemini_keys two { key $secret{one} name=one; key $secret{two} name=two;
        balance round_robin; }
    gemini_keys failing { key $secret{first} name=first;
        key $secret{second} name=second; tries 2; balance round_robin; }
    gemini_keys limited { key $secret{limited} name=limited; limit * rpm=5; }
    gemini_keys torn { key $secret{torn}; }
    gemini_keys hidden { key $secret{hidden}; }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    gemini_model davinci-* gemini-2.5-flash;
    server {
        listen %%PORT%%;
        access_log %%DIR%%/values.log values;
        location /v1/ { gemini_pass main; }
        location /two/ { gemini_pass two; }
        location /failing/ { gemini_pass failing; }
        location /limited/ { gemini_pass limited; }
        location /torn/ { gemini_pass torn; }
        location /inline/ { gemini_pass main; gemini_thoughts inline; }
        location /broken/ {
            gemini_pass hidden;
            gemini_upstream http://%%$broken%%;
        }
        location /metrics { gemini_status main metrics; }
        location /limited.json { gemini_status limited json; }
    }
EOC
$t->start($conf);

# The answer, and what upstream was asked for it.
sub ask {
    my ($prompt, %o) = @_;

    my $to = delete $o{to} || $path;

    $simulator->forget;
    my $r = $t->post($to, { model => 'gemini-2.5-flash',
        defined $prompt ? (prompt => $prompt) : (), %o });

    return ($r, map { $_->{body} } $simulator->seen);
}

sub answer { return (ask(@_))[0] }
sub texts { return [map { $_->{text} } @{ $_[0]{json}{choices} }] }
sub indexes { return [map { $_->{index} } @{ $_[0]{json}{choices} }] }

sub simulated {
    return '#simulate ' . JSON::PP->new->canonical->encode({ events => [@_] });
}

sub candidate {
    my ($parts, %o) = @_;

    return { candidates => [{ index => 0,
        content => { role => 'model', parts => $parts }, %o }] };
}

# What a client makes of a stream.
sub gather {
    my ($r) = @_;

    my %all = (text => '', finish => [], done => 0, objects => {});

    for my $event (@{ $r->{events} }) {
        if ($event->{data} eq '[DONE]') {
            $all{done}++;
            next;
        }

        my $chunk = $event->{json};
        $all{usage} = $chunk->{usage} if $chunk->{usage};
        $all{error} = $chunk->{error} if $chunk->{error};
        $all{objects}{ $chunk->{object} // '' }++;

        for my $choice (@{ $chunk->{choices} || [] }) {
            $all{text} .= $choice->{text};
            push @{ $all{offsets} }, @{ $choice->{logprobs}{text_offset} }
                if $choice->{logprobs};
            push @{ $all{finish} }, $choice->{finish_reason}
                if $choice->{finish_reason};
        }
    }

    return \%all;
}

# ---- one prompt

my ($r, $asked) = ask('#echo hi');
my $choice = $r->{json}{choices}[0];

is($r->{status}, 200, 'a prompt has an answer');
is($r->{json}{object}, 'text_completion', 'which is a text_completion');
like($r->{json}{id}, qr/\Acmpl-[0-9a-f]{32}\z/, 'with an id');
like($r->{json}{created}, qr/\A\d{10}\z/, 'a time');
is($r->{json}{model}, 'gemini-2.5-flash', 'and the model');
is($choice->{text}, 'hi', 'its choice has the text');
is($choice->{index}, 0, 'a number');
is($choice->{finish_reason}, 'stop', 'and a reason to end');
ok(exists $choice->{logprobs} && !defined $choice->{logprobs},
    'logprobs is null');
ok(!exists $choice->{message}, 'there is no message');
cmp_ok($r->{json}{usage}{total_tokens}, '>', 0, 'usage is told');
is_deeply($asked->{contents},
    [{ role => 'user', parts => [{ text => '#echo hi' }] }],
    'Gemini is asked by one user turn');
is_deeply($asked->{generationConfig},
    { thinkingConfig => { thinkingBudget => 0 } },
    'to think little, and with no limit of its own');

(undef, $asked) = ask('#echo hi', max_tokens => 20, temperature => 0.5,
    top_p => 0.9, n => 2, best_of => 2, stop => "\n", seed => 7,
    user => 'me', logit_bias => { 50256 => -100 }, suffix => '',
    presence_penalty => 1, reasoning_effort => 'low');
is_deeply($asked->{generationConfig}, { maxOutputTokens => 20,
    temperature => 0.5, topP => 0.9, candidateCount => 2,
    stopSequences => ["\n"], seed => 7,
    thinkingConfig => { thinkingBudget => 1024 } },
    'its words are those of a chat');

is(answer('#echo hi', model => 'davinci-002')->{json}{model}, 'davinci-002',
    'aliases hold');

($r) = ask("#echo a \x{1d11e} b", echo => $true);
is(texts($r)->[0], "#echo a \x{1d11e} ba \x{1d11e} b",
    'echo puts the prompt before the text');

($r) = ask("#echo b c", echo => $true, logprobs => 2);
my $logprobs = $r->{json}{choices}[0]{logprobs};
is_deeply($logprobs->{tokens}, ['b', ' c'], 'logprobs are lists of tokens');
is_deeply($logprobs->{text_offset}, [9, 10], 'with their places');
is(scalar @{ $logprobs->{token_logprobs} }, 2, 'their probabilities');
is_deeply([sort keys %{ $logprobs->{top_logprobs}[0] }], [' alt0', 'b'],
    'and those of others');

my @thoughtful = (candidate([{ text => 'hm', thought => $true }]),
    candidate([{ text => 'so' }], finishReason => 'STOP'));

is_deeply(texts(answer(simulated(@thoughtful), to => '/inline/completions')),
    ['so'], 'thoughts are no text, whatever gemini_thoughts says');

($r) = ask(simulated({ promptFeedback => { blockReason => 'SAFETY' } }));
is($r->{status}, 200, 'a prompt that Gemini refuses is no error');
is($r->{json}{choices}[0]{finish_reason}, 'content_filter', 'but filtered');
is(texts($r)->[0], '', 'without a word');

# ---- what is refused

for my $case (
    [prompt => undef, 'a request without a prompt'],
    [prompt => [], 'no prompt in the array'],
    [prompt => [1212, 318], 'tokens'],
    [prompt => [[1212], [318]], 'arrays of tokens'],
    [prompt => ['a', 'b'], 'two prompts in a stream', stream => $true],
    [prompt => [('a') x 129], 'too many prompts'],
    [suffix => 'a', 'a suffix', suffix => 'b'],
    [best_of => 'a', 'more answers than are to be told', best_of => 3],
    [logprobs => 'a', 'more than five logprobs', logprobs => 6],
    [temperature => 'a', 'a temperature out of range', temperature => 3])
{
    my ($param, $prompt, $what, %o) = @$case;
    my ($refused, @calls) = ask($prompt, %o);

    is($refused->{status}, 400, "$what: 400");
    is($refused->{json}{error}{param}, $param, 'that names it');
    is(scalar @calls, 0, 'and Gemini is not asked');
}

is($t->get($path)->{status}, 405, 'it is POST');
is(answer('a', model => 'gemini-0.0-none')->{json}{error}{code},
    'model_not_found', "Gemini's errors are OpenAI's");

# ---- streams

($r) = ask('#echo all in pieces', stream => $true);
my $all = gather($r);

is($r->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
    'a stream is one of events');
is($all->{text}, 'all in pieces', 'its texts join');
is_deeply([keys %{ $all->{objects} }], ['text_completion'],
    'of text_completions');
is_deeply($all->{finish}, ['stop'], 'one end');
is($all->{done}, 1, 'and [DONE]');
ok(!$all->{usage}, 'usage is not told unasked');

($r) = ask('#echo b c', stream => $true, echo => $true, logprobs => 1,
    stream_options => { include_usage => $true });
$all = gather($r);

is($all->{text}, '#echo b cb c', 'a stream begins with the echo');
is_deeply($all->{offsets}, [9, 10], 'after which tokens are counted');
cmp_ok($all->{usage}{prompt_tokens}, '>', 0, 'usage is told when asked for');

$all = gather((ask(simulated(@thoughtful), stream => $true,
    to => '/inline/completions'))[0]);
is($all->{text}, 'so', 'thoughts are no text of a stream');

$all = gather((ask(simulated({ promptFeedback =>
    { blockReason => 'SAFETY' } }), stream => $true))[0]);
is_deeply($all->{finish}, ['content_filter'], 'a refused prompt ends filtered');
is($all->{done}, 1, 'and well');

# Not in one read with what comes before it, or it would be no stream's yet.
$simulator->set_key('torn', { key => $secret{torn}, pace_ms => 200,
    behaviours => [{ do => 'error_in_stream', events => 2, times => 1 }] });
$all = gather((ask('#echo one two three four', stream => $true,
    to => '/torn/completions'))[0]);
ok($all->{error}{message}, 'an error in the middle is an event');
is($all->{done}, 0, 'and there is no [DONE]');

# ---- several prompts

my @prompts = map { "#echo $_" } qw(one two three);
($r, my @calls) = ask(\@prompts, to => '/two/completions', n => 2);

is($r->{status}, 200, 'several prompts have one answer');
is_deeply(texts($r), [qw(one one two two three three)],
    'with a choice for each, n times');
is_deeply(indexes($r), [0 .. 5], 'numbered through');
is_deeply([map { $_->{contents}[0]{parts}[0]{text} } @calls], \@prompts,
    'Gemini is asked once for each');
is(scalar @{ [map { $simulator->seen($secret{$_}) } qw(one two)] }, 3,
    'and not more often');
ok((grep { scalar $simulator->seen($secret{$_}) } qw(one two)) == 2,
    'each with a key of its own choice');

my $sum = 0;
$sum += answer($_, n => 2)->{json}{usage}{prompt_tokens} for @prompts;
is($r->{json}{usage}{prompt_tokens}, $sum, 'usage is that of all');

($r) = ask(\@prompts, echo => $true);
is_deeply(texts($r), ['#echo oneone', '#echo twotwo', '#echo threethree'],
    'echo has the prompt of each');

($r) = ask([simulated({ promptFeedback => { blockReason => 'SAFETY' } }),
    '#echo fine']);
is_deeply([map { $_->{finish_reason} } @{ $r->{json}{choices} }],
    ['content_filter', 'stop'], 'one may be filtered, and others not');

$simulator->set_key('first', { key => $secret{first}, behaviours => [
    { do => 'rate_limit', after => 1, retry => '60s' } ] });
($r) = ask(\@prompts, to => '/failing/completions');
is($r->{status}, 200, 'a key that fails for one of the prompts');
is_deeply(texts($r), [qw(one two three)], 'is followed by another');

$simulator->set_key('second', { key => $secret{second}, behaviours => [
    { do => 'rate_limit', retry => '60s' } ] });
is(answer(\@prompts, to => '/failing/completions')->{status}, 429,
    'when all fail the request does');

($r) = ask([@prompts, @prompts], to => '/limited/completions');
is($r->{status}, 429, 'each prompt counts with the quota of a key');
is(scalar @{ [$simulator->seen($secret{limited})] }, 5,
    'which is not called beyond it');
my ($use) = map { @{ $_->{usage} || [] } }
    @{ $t->get('/limited.json')->{json}{keys} };
is($use->{rpm}{used}, 5, 'and has the count of them');

# ---- leaving, reloading

my $s = $t->stream('POST', '/broken/completions',
    { model => 'gemini-2.5-flash', prompt => ['a', 'hold', 'b'] });
$broken->wait_seen(2);
$s->abort;
is(scalar $broken->wait_aborted(1), 1, 'a client that leaves is noticed');
is(scalar $broken->seen, 2, 'and its other prompts are not asked');

ok($t->reload($conf), 'after a reload');
is(texts(answer('#echo on'))->[0], 'on', 'it goes on');

# ---- what is known of it

my $log = sub {
    open my $file, '<', $t->dir . '/values.log' or return '';
    local $/;
    return scalar <$file> // '';
};

ok($t->wait_for(sub { $log->() =~
    /^completions 3 0 gemini-2\.5-flash \d+ stop$/m }),
    'the log has the operation and each try');
ok($t->wait_for(sub { $log->() =~ /^completions 1 1 /m }), 'also of streams');
ok($t->wait_for(sub { $t->get('/metrics')->{body} =~
    /gemini_requests_total\{[^}]*operation="completions"[^}]*\} [1-9]/ }),
    'and metrics count it');

$t->done;
