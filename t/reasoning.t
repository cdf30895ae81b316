# How hard a model is told to think, in every way clients say it, and where
# its thoughts and what they cost come out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'simulated-key-reasoning-1732050807';
my $json = JSON::PP->new->canonical->allow_nonref;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

my $t = GeminiTest->new;
my $simulator = $t->simulator;

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /inline/ { gemini_pass main; gemini_thoughts inline; }
        location /hide/ { gemini_pass main; gemini_thoughts hide; }
    }
EOC

sub ask {
    my ($model, %o) = @_;

    my $to = delete $o{to} || 'v1';

    $simulator->forget;
    my $r = $t->post("/$to/chat/completions", { model => $model, messages =>
        [{ role => 'user', content => '#echo so it is' }],
        $o{stream} ? (stream_options => { include_usage => $true }) : (),
        %o });
    my ($seen) = $simulator->seen;

    return { status => $r->{status}, error => $r->{json}{error},
        asked => $seen->{body},
        thinking => $seen->{body}{generationConfig}{thinkingConfig},
        $r->{events} ? gather($r) : map({ (%{ $_->{message} || {} },
            finish => $_->{finish_reason}, usage => $r->{json}{usage}) }
            $r->{json}{choices}[0] || {}) };
}

sub gather {
    my ($r) = @_;

    my %all = (content => '', order => '');

    for my $chunk (map { $_->{json} || () } @{ $r->{events} }) {
        $all{usage} = $chunk->{usage} if $chunk->{usage};

        for my $delta (map { $_->{delta} } @{ $chunk->{choices} }) {
            for my $name (grep { length($delta->{$_} // '') }
                qw(content reasoning_content))
            {
                $all{$name} .= $delta->{$name};
                $all{order} .= substr $name, 0, 1;
            }
        }
    }

    return %all;
}

sub shown { return defined $_[0] ? lc $json->encode($_[0]) : 'nothing' }

# ---- every effort in every family

my @efforts = qw(none minimal low medium high xhigh max);
my %budgets = (
    'gemini-2.5-flash' => [0, 1024, 1024, 8192, 24576, 24576, 24576],
    'gemini-2.5-flash-lite' => [0, 1024, 1024, 8192, 24576, 24576, 24576],
    'gemini-2.5-pro' => [128, 1024, 1024, 8192, 24576, 32768, 32768],
);
my @whole = qw(minimal minimal low medium high high high);
my @from_low = qw(low low low medium high high high);
my %levels = (
    'gemini-3-flash-preview' => \@whole,
    'gemini-3.1-flash-lite' => \@whole,
    'gemini-3.5-flash-lite' => \@whole,
    'gemini-3-pro-preview' => [qw(low low low high high high high)],
    map({ $_ => \@from_low } qw(gemini-3.1-pro-preview gemini-3.5-flash
        gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash gemini-4-argon
        gemini-4-neon gemini-flash-latest)),
    'gemma-4-31b-it' => [qw(minimal minimal high high high high high)],
);

for my $model (sort(keys %budgets), sort keys %levels) {
    my ($name, $rows) = $budgets{$model} ? (thinkingBudget => $budgets{$model})
        : (thinkingLevel => $levels{$model});

    for my $i (0 .. $#efforts) {
        my $r = ask($model, reasoning_effort => $efforts[$i]);

        is(shown($r->{thinking}), shown({ $name => $rows->[$i] }),
            "$model thinks $rows->[$i] for $efforts[$i]");
        is($r->{status}, 200, 'and takes it');
    }

    is(shown(ask($model)->{thinking}), 'nothing',
        "$model is not told when nobody says");
}

for my $model (qw(gemini-2.5-flash-image gemma-3-27b-it)) {
    my $r = ask($model, reasoning_effort => 'high');
    is("$r->{status} " . shown($r->{thinking}), '200 nothing',
        "$model does not think and is not told to");
}

# ---- the other ways to say it

my $budget = 'gemini-2.5-flash';
my $level = 'gemini-3.8-flash';

sub google {
    my ($config) = @_;

    return extra_body => { google => { thinking_config => $config } };
}

for my $case (
    ['an effort in an object', '{"thinkingbudget":24576}',
        '{"thinkinglevel":"high"}', reasoning_effort => { effort => 'high' }],
    ['an effort in capitals', '{"thinkingbudget":1024}',
        '{"thinkinglevel":"low"}', reasoning_effort => 'LOW'],
    ['reasoning.effort', '{"thinkingbudget":8192}',
        '{"thinkinglevel":"medium"}', reasoning => { effort => 'medium' }],
    ['reasoning.max_tokens', '{"thinkingbudget":2000}',
        '{"thinkinglevel":"medium"}', reasoning => { max_tokens => 2000 }],
    ['reasoning.enabled', '{"thinkingbudget":0}', '{"thinkinglevel":"low"}',
        reasoning => { enabled => $false }],
    ['reasoning.exclude', '{"includethoughts":true,"thinkingbudget":24576}',
        '{"includethoughts":true,"thinkinglevel":"high"}',
        reasoning => { effort => 'high', exclude => $false }],
    ['thinking.budget_tokens', '{"thinkingbudget":1500}',
        '{"thinkinglevel":"medium"}',
        thinking => { type => 'enabled', budget_tokens => 1500 }],
    ['thinking disabled', '{"thinkingbudget":0}', '{"thinkinglevel":"low"}',
        thinking => { type => 'disabled' }],
    ['more than the model has', '{"thinkingbudget":24576}',
        '{"thinkinglevel":"high"}',
        thinking => { type => 'enabled', budget_tokens => 100_000 }],
    ['effort before reasoning', '{"thinkingbudget":1024}',
        '{"thinkinglevel":"low"}', reasoning_effort => 'low',
        reasoning => { effort => 'high' },
        thinking => { type => 'disabled' }],
    ['a budget of Gemini', '{"thinkingbudget":512}',
        '{"thinkinglevel":"low"}', google({ thinking_budget => 512 })],
    ['a dynamic budget', '{"thinkingbudget":-1}', undef,
        google({ thinking_budget => -1 })],
    ['a level of Gemini', '{"thinkingbudget":24576}',
        '{"thinkinglevel":"high"}', google({ thinking_level => 'high' })],
    ['camelCase', '{"includethoughts":true,"thinkingbudget":1024}',
        '{"includethoughts":true,"thinkinglevel":"low"}',
        google({ thinkingLevel => 'LOW', includeThoughts => $true })],
    ['google at the top', '{"thinkingbudget":1024}',
        '{"thinkinglevel":"low"}',
        google => { thinking_config => { thinking_level => 'low' } }],
    ['thinking_config at the top', '{"thinkingbudget":1024}',
        '{"thinkinglevel":"low"}',
        thinking_config => { thinking_level => 'low' }],
    ['thinking_config before effort', '{"thinkingbudget":1024}',
        '{"thinkinglevel":"low"}', reasoning_effort => 'high',
        google({ thinking_level => 'low' })],
    ['thoughts alone', '{"includethoughts":true}', '{"includethoughts":true}',
        google({ include_thoughts => $true })],
    ['null', 'nothing', 'nothing', reasoning_effort => undef,
        reasoning => undef, thinking => undef],
) {
    my ($what, $of_budget, $of_level, @fields) = @$case;

    for ([$budget, $of_budget], [$level, $of_level]) {
        my ($model, $wanted) = @$_;
        my $r = ask($model, @fields);

        is($r->{status}, 200, "$what: $model takes it");
        is(shown($r->{thinking}), $wanted, "$what: and is told so")
            if defined $wanted;
    }
}

for my $case (
    ['an unknown effort', 'reasoning_effort', reasoning_effort => 'utmost'],
    ['an effort in numbers', 'reasoning_effort', reasoning_effort => 3],
    ['an unknown effort in reasoning', 'reasoning.effort',
        reasoning => { effort => 'utmost' }],
) {
    my ($what, $param, @fields) = @$case;
    my $r = ask($level, @fields);

    is("$r->{status} $r->{error}{type}", '400 invalid_request_error',
        "$what: refused");
    is($r->{error}{param}, $param, "$what: by its name");
    ok(!$r->{asked}, "$what: before upstream is asked");
}

# ---- where the thoughts go

for my $model ($budget, 'gemini-2.5-pro', $level, 'gemini-4-argon') {
    for my $form ([], [stream => $true]) {
        my $name = $model . (@$form ? ', streamed' : ', whole');
        my @with = (@$form, reasoning_effort => 'high',
            google => { thinking_config => { include_thoughts => $true } });

        my $r = ask($model, @with);
        my $reasoning = $r->{reasoning_content};
        ok(length($reasoning // ''), "$name: thoughts are beside the answer");
        is($r->{content}, 'so it is', "$name: which is itself");
        like($r->{order}, qr/\Ar+c+\z/, "$name: and comes after them")
            if @$form;

        my $usage = $r->{usage};
        my $spent = $usage->{completion_tokens_details}{reasoning_tokens};
        cmp_ok($spent, '>', 0, "$name: their cost is counted");
        cmp_ok($usage->{completion_tokens}, '>', $spent,
            "$name: within the answer's");
        is($usage->{total_tokens}, $usage->{prompt_tokens}
            + $usage->{completion_tokens}, "$name: and within the sum");

        $r = ask($model, @with, to => 'inline');
        is($r->{content}, "<think>$reasoning</think>so it is"
            =~ s{</think>\K}{$r->{content} =~ m{</think>(\s*)} ? $1 : ''}er,
            "$name: inline they stand before the answer");
        ok(!length($r->{reasoning_content} // ''), "$name: and only there");

        $r = ask($model, @with, to => 'hide');
        is($r->{content}, 'so it is', "$name: hidden, the answer is left");
        ok(!length($r->{reasoning_content} // ''), "$name: alone");
        is($r->{usage}{completion_tokens_details}{reasoning_tokens}, $spent,
            "$name: and the cost stays");

        $r = ask($model, @$form, reasoning_effort => 'high');
        ok(!length($r->{reasoning_content} // ''),
            "$name: no thoughts unless asked for");
        cmp_ok($r->{usage}{completion_tokens_details}{reasoning_tokens}, '>',
            0, "$name: their cost is counted all the same");
    }
}

for my $form ([], [stream => $true]) {
    my $r = ask($budget, @$form, reasoning_effort => 'none');
    is($r->{usage}{completion_tokens_details}{reasoning_tokens}, 0,
        'what does not think costs no thoughts');
}

# Thoughts that a client sends back are not said to be the answer.
my $r = ask($level, messages => [{ role => 'user', content => 'a' },
    { role => 'assistant', content => 'b', reasoning_content => 'hidden' },
    { role => 'user', content => 'c' }]);
is($r->{status}, 200, 'thoughts may come back');
unlike($json->encode($r->{asked}), qr/hidden/, 'and are not sent on');

# Several turns of thoughts and words, as Gemini mixes them.
my @mixed = map { { candidates => [{ index => 0, content => { parts => [$_] } }]
    } } { text => 'one ', thought => $true }, { text => 'two' },
    { text => 'three', thought => $true }, { text => ' four' };
$mixed[-1]{candidates}[0]{finishReason} = 'STOP';
my @script = (messages => [{ role => 'user', content => '#simulate '
    . $json->encode({ events => \@mixed }) }]);

for my $form ([], [stream => $true]) {
    $r = ask($level, @$form, @script);
    is("$r->{content}|$r->{reasoning_content}", 'two four|one three',
        'thoughts among the words are told apart');
    $r = ask($level, @$form, @script, to => 'inline');
    is($r->{content} =~ s/\s*\n\s*//gr,
        '<think>one </think>two<think>three</think> four',
        'and inline each is closed');
    is(ask($level, @$form, @script, to => 'hide')->{content}, 'two four',
        'and hidden all');
}

$t->done;
