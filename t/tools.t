# Conversations with functions, of several turns, whole and streamed, over the
# families: what is declared and asked upstream, what the client is told to
# call, and that nothing a client sends ends in a refusal by Google. The
# simulator is as strict as Google about turns, pairs, names and signatures.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'simulated-key-tools-1618033988';
my $skip = 'skip_thought_signature_validator';
my $json = JSON::PP->new->canonical->allow_nonref;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my @models = qw(gemini-2.5-flash gemini-2.5-pro gemini-3-flash-preview
    gemini-3.1-pro-preview gemini-3.5-flash gemini-3.8-flash gemini-4-argon);
my @families = qw(gemini-2.5-flash gemini-3.8-flash gemini-4-argon);

my $t = GeminiTest->new;
my $simulator = $t->simulator;
my @refused;

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
    }
EOC

sub user { return { role => 'user', content => $_[0] } }

sub function {
    my ($name, $parameters) = @_;

    return { type => 'function', function => { name => $name,
        $parameters ? (parameters => $parameters) : () } };
}

sub object {
    my (%properties) = @_;

    return { type => 'object', properties => \%properties,
        required => [sort keys %properties] };
}

my @tools = (function('weather', object(city => { type => 'string' })),
    function('clock', object(zone => { type => 'string' })),
    function('dice'));

# ---- the client's side

# One request, whole or streamed: { status, calls, text, finish, message,
# asked, error }. message is what a client keeps of it.
sub ask {
    my (%o) = @_;

    $simulator->forget;
    my $r = $t->post('/v1/chat/completions', { model => 'gemini-3.8-flash',
        tools => \@tools, %o });
    my ($seen) = $simulator->seen;

    # A signature of elsewhere is found out only upstream: it is asked again.
    push @refused, $json->encode($seen->{error})
        if $seen && $seen->{outcome} eq 'refused'
        && $seen->{error}{message} !~ /thought signature/;

    return { status => $r->{status}, asked => $seen && $seen->{body},
        error => $r->{json} && $r->{json}{error},
        $r->{events} ? gather($r->{events}) : whole($r->{json}) };
}

sub whole {
    my ($answer) = @_;

    my $choice = $answer->{choices}[0];
    my $message = $choice->{message};

    return (calls => $message->{tool_calls} || [], message => $message,
        text => $message->{content}, finish => $choice->{finish_reason},
        function => $message->{function_call});
}

# As the SDKs do: by index, the head of a call once, its arguments appended.
sub gather {
    my ($events) = @_;

    my (@calls, @faults, @finish, $text, %function);

    for my $event (@$events) {
        my $choice = $event->{json} && $event->{json}{choices}[0] or next;
        my $delta = $choice->{delta};

        push @finish, $choice->{finish_reason}
            if defined $choice->{finish_reason};
        $text = ($text // '') . $delta->{content}
            if length($delta->{content} // '');

        for my $call (@{ $delta->{tool_calls} || [] }) {
            my $at = $call->{index} // -1;
            my $heads = grep { defined } @$call{qw(id type)},
                $call->{function}{name};

            push @faults, "index $at after " . @calls
                if $at < 0 || $at > @calls;
            push @faults, "$heads of a head" if $heads != ($calls[$at] ? 0 : 3);
            push @faults, 'calls after the end' if @finish;

            $calls[$at] ||= { %$call, function => { %{ $call->{function} },
                arguments => '' } };
            delete $calls[$at]{index};
            $calls[$at]{function}{arguments} .=
                $call->{function}{arguments} // '';
        }

        for my $name (keys %{ $delta->{function_call} || {} }) {
            $function{$name} = ($function{$name} // '')
                . $delta->{function_call}{$name};
        }
    }

    push @faults, 'ends: ' . @finish if @finish != 1;
    push @faults, 'no [DONE]' if $events->[-1]{data} ne '[DONE]';

    my $function = %function ? \%function : undef;

    return (calls => \@calls, text => $text, finish => $finish[0],
        faults => \@faults, function => $function, message => {
            role => 'assistant', content => $text,
            @calls ? (tool_calls => \@calls) : (),
            $function ? (function_call => $function) : () });
}

sub result {
    my ($call, $content) = @_;

    return { role => 'tool', tool_call_id => $call->{id},
        content => $content };
}

# What a client keeps that knows only OpenAI's fields.
sub plain {
    my ($message) = @_;

    return { role => 'assistant', content => $message->{content},
        tool_calls => [map { { id => $_->{id}, type => 'function',
            function => $_->{function} } } @{ $message->{tool_calls} }] };
}

sub names { return join ' ', map { $_->{function}{name} } @_ }

# The parts of one kind upstream was shown, in order.
sub parts {
    my ($asked, $kind) = @_;

    return map { $_->{$kind} } grep { exists $_->{$kind} }
        map { @{ $_->{parts} } } @{ $asked->{contents} };
}

sub calling { return $_[0]{asked}{toolConfig}{functionCallingConfig} }

sub declared { return $_[0]{asked}{tools}[0]{functionDeclarations} }

# ---- whole conversations

for my $model (@models) {
    for my $form ('whole', 'streamed') {
        my @form = (model => $model,
            $form eq 'streamed' ? (stream => $true) : ());
        my $name = "$model, $form";
        my @said = (user('#calls 5 weather clock dice'));
        my $r = ask(@form, messages => \@said);
        my @calls = @{ $r->{calls} };

        is($r->{finish}, 'tool_calls', "$name: it wants functions called");
        is(names(@calls), 'weather clock dice weather clock',
            "$name: all of them, in order");
        is_deeply($r->{faults} || [], [], "$name: with sound deltas");

        my %ids = map { $_->{id} => 1 } @calls;
        is(keys %ids, 5, "$name: each by an id of its own");
        is(join(' ', map { $_->{type} } @calls),
            join(' ', ('function') x 5), "$name: all are functions");
        ok(!grep({ ref eval { $json->decode($_->{function}{arguments}) }
            ne 'HASH' } @calls), "$name: arguments are objects of JSON");
        is($calls[2]{function}{arguments}, '{}',
            "$name: and empty where there are none");
        is($r->{text}, undef, "$name: and says nothing");

        # a step further in the same turn, with everything echoed
        push @said, $r->{message}, map { result($_, '{"ok":true}') }
            reverse @calls;
        $r = ask(@form, messages => \@said, tool_choice => 'required');
        is("$r->{status} $r->{finish}", '200 tool_calls',
            "$name: results in any order lead to another call");
        is_deeply([parts($r->{asked}, 'functionResponse')],
            [map { { exists $_->{id} ? (id => $_->{id}) : (),
                name => $_->{name}, response => { ok => $true } } }
                parts($r->{asked}, 'functionCall')],
            "$name: they are sorted by their calls");
        is(($r->{asked}{contents}[1]{parts}[0]{thoughtSignature} // ''),
            $model =~ /2\.5/ ? ''
                : $calls[0]{extra_content}{google}{thought_signature},
            "$name: an echoed signature is not touched, where one is read");

        # a client that drops what it does not know
        $said[1] = plain($said[1]);
        push @said, plain($r->{message}),
            map { result($_, 'fine') } @{ $r->{calls} };
        $r = ask(@form, messages => \@said);
        is("$r->{status} $r->{finish}", '200 stop',
            "$name: dropped signatures are no obstacle");
        ok(length $r->{text}, "$name: and the answer comes in words");

        push @said, $r->{message}, user('and the weather in Rome?');
        $r = ask(@form, messages => \@said);
        is("$r->{status} $r->{finish}", '200 tool_calls',
            "$name: the next question calls again");

        # a history made elsewhere, with ids that nobody knows
        for my $call (map { @{ $_->{tool_calls} || [] } } @said) {
            $call->{id} = "made-elsewhere-$call->{id}";
        }

        $_->{tool_call_id} = "made-elsewhere-$_->{tool_call_id}"
            for grep { $_->{role} eq 'tool' } @said;
        splice @said, 1 + (grep { $said[$_]{role} eq 'tool' } 0 .. $#said)[-1];
        $r = ask(@form, messages => \@said);
        is($r->{status}, 200, "$name: a foreign history is taken");

        my @signed = map { $_->{parts}[0]{thoughtSignature} // '-' }
            grep { $_->{role} eq 'model' } @{ $r->{asked}{contents} };
        is("@signed", $model =~ /2\.5/ ? '- -' : "$skip $skip",
            "$name: with the skip value, where signatures are needed");
    }
}

# ---- results

my %calls = map { $_ => ask(model => $_, messages => [user('weather')])
    ->{message} } @families;

for my $case (
    ['text', 'sunny', { output => 'sunny' }],
    ['an object', '{"a":[1,2.50,null]}', { a => [1, 2.5, undef] }],
    ['an array', '[1,2]', { output => '[1,2]' }],
    ['a number', '21', { output => '21' }],
    ['nothing', '', { output => '' }],
    ['broken JSON', '{"a":', { output => '{"a":' }],
    ['parts', [{ type => 'text', text => 'sun' },
        { type => 'text', text => 'ny' }], { output => "sun\nny" }],
    ['an object in a part', [{ type => 'text', text => '{"a":1}' }],
        { a => 1 }],
    ['null', undef, { output => '' }],
) {
    my ($what, $content, $response) = @$case;

    for my $model (@families) {
        my $r = ask(model => $model, messages => [user('weather'),
            $calls{$model}, { role => 'tool', content => $content,
            tool_call_id => $calls{$model}{tool_calls}[0]{id} }]);
        is($r->{status}, 200, "a result that is $what, $model");
        is_deeply([map { $_->{response} }
            parts($r->{asked}, 'functionResponse')], [$response],
            "$what is an object upstream, $model");
    }
}

my $three = user('#calls 3 weather clock dice');
my %many = map { $_ => ask(model => $_, messages => [$three])->{message} }
    @families;

for my $case (
    ['none missing', [0, 1, 2], []],
    ['the last missing', [0, 1], []],
    ['only the last there', [2], []],
    ['all missing', [], [user('well?')]],
    ['one given twice', [1, 0, 2, 1], []],
    ['words before', [2, 1, 0], []],
    ['words after', [2, 1, 0], [user('well?')]],
) {
    my ($what, $order, $after) = @$case;

    for my $model (@families) {
        my @calls = @{ $many{$model}{tool_calls} };
        my $r = ask(model => $model, messages => [$three, $many{$model},
            $what =~ /before/ ? user('wait') : (),
            map({ result($calls[$_], "r$_") } @$order), @$after]);

        is($r->{status}, 200, "results, $what, $model") or next;
        is(join(' ', map { $_->{name} }
            parts($r->{asked}, 'functionResponse')), 'weather clock dice',
            "$what: one for each call, $model");
    }
}

for my $from (@families) {
    for my $to (grep { $_ ne $from } @families) {
        for my $form ('echoed', 'remembered') {
            my $r = ask(model => $to, messages => [user('weather'),
                $form eq 'echoed' ? $calls{$from} : plain($calls{$from}),
                result($calls{$from}{tool_calls}[0], 'ok')]);

            is($r->{status}, 200,
                "a turn of $from goes on with $to, its signature $form");
        }
    }
}

my $r = ask(messages => [user('x'),
    { role => 'tool', tool_call_id => 'nobody', content => 'x' }]);
is("$r->{status} $r->{error}{type}", '400 invalid_request_error',
    'a result without a call is refused');
ok(!$r->{asked}, 'before upstream is asked');

$r = ask(messages => [user('weather'), { role => 'assistant', tool_calls => [
    map { { id => "c$_->[0]", type => 'function', function => {
        name => 'weather', arguments => $_->[1] } } }
        [1, ''], [2, '[]'], [3, '"x"'], [4, '{"city":'], [5, '{"n":1.0}'],
        [6, 'null'], [7, { city => 'Oslo' }]] },
    map { result({ id => "c$_" }, 'ok') } 1 .. 7]);
is($r->{status}, 200, 'arguments of any kind are taken');
ok(!grep({ ref $_->{args} ne 'HASH' } parts($r->{asked}, 'functionCall')),
    'and are objects upstream');
is_deeply((parts($r->{asked}, 'functionCall'))[6]{args}, { city => 'Oslo' },
    'an object as it is');

# ---- legacy functions

for my $form ('whole', 'streamed') {
    my @legacy = (tools => undef, functions => [map { $_->{function} } @tools],
        $form eq 'streamed' ? (stream => $true) : ());
    my @said = (user('clock'));

    $r = ask(@legacy, messages => \@said);
    is($r->{finish}, 'function_call', "$form: a legacy call ends so");
    is($r->{function}{name}, 'clock', "$form: names the function");
    is(ref $json->decode($r->{function}{arguments}), 'HASH',
        "$form: with its arguments");
    ok(!@{ $r->{calls} }, "$form: and no call of the newer form");

    push @said, $r->{message}, { role => 'function', name => 'clock',
        content => 'noon' };
    $r = ask(@legacy, messages => \@said);
    is("$r->{status} $r->{finish}", '200 stop', "$form: its result is taken");

    $r = ask(@legacy, messages => \@said,
        function_call => { name => 'weather' });
    is($r->{function}{name}, 'weather', "$form: one can be demanded");
    is(ask(@legacy, messages => [user('clock')], function_call => 'none')
        ->{finish}, 'stop', "$form: or all be forbidden");
}

# ---- tool_choice

my $only = { type => 'function', function => { name => 'clock' } };

for my $case (
    ['absent', undef, undef], ['auto', 'auto', undef],
    ['none', 'none', { mode => 'NONE' }],
    ['required', 'required', { mode => 'ANY' }],
    ['a function', $only,
        { mode => 'ANY', allowedFunctionNames => ['clock'] }],
    ['any', { type => 'any' }, { mode => 'ANY' }],
    ['a tool', { type => 'tool', name => 'clock' },
        { mode => 'ANY', allowedFunctionNames => ['clock'] }],
    ['required among some', { type => 'allowed_tools', allowed_tools => {
        mode => 'required', tools => [$only] } },
        { mode => 'ANY', allowedFunctionNames => ['clock'] }],
) {
    my ($what, $choice, $config) = @$case;

    for my $model (@families) {
        $r = ask(model => $model, messages => [user('hello')],
            tool_choice => $choice);
        is($r->{status}, 200, "tool_choice $what, $model");
        is_deeply(calling($r), $config, "tool_choice $what as Gemini has it");
    }
}

$r = ask(messages => [user('weather dice')], tool_choice => { type =>
    'allowed_tools', allowed_tools => { mode => 'auto', tools => [$only] } });
is("$r->{status} " . (calling($r) ? calling($r)->{mode} : 'filtered'),
    '200 ' . (@{ declared($r) } == 1 ? 'filtered' : 'VALIDATED'),
    'some allowed are not demanded');
is(names(@{ $r->{calls} }), 'clock', 'and no others called');

$r = ask(messages => [user('x')], tool_choice => { type => 'function',
    function => { name => 'nobody' } });
is("$r->{status} $r->{error}{type}", '400 invalid_request_error',
    'to demand what is not there is refused');
$r = ask(messages => [user('x')], tools => [@tools, $tools[0]]);
is("$r->{status} " . ($r->{asked} ? 'asked' : 'not asked'), '400 not asked',
    'two functions of one name are refused');

is(ask(messages => [user('x')], tools => [], tool_choice => $_)->{status},
    200, "tool_choice $_ without tools") for 'none', 'auto';

is(ask(messages => [user('x')], parallel_tool_calls => $false)->{status}, 200,
    'parallel_tool_calls is no obstacle');

# ---- names

my @names = ('9lives', '-dash', 'get weather', 'a/b', "na\x{ef}ve", 'a.b:c-d',
    'x' x 64, 'x' x 65, 'x' x 70 . '1', 'x' x 70 . '2', '_9lives',
    'get_weather', '$', '%');

for my $model (@families) {
    my $tools = [map { function($_, object(q => { type => 'string' })) }
        @names];

    for my $form ('whole', 'streamed') {
        my @form = (model => $model, tools => $tools,
            $form eq 'streamed' ? (stream => $true) : ());
        my @said = (user('#calls ' . @names));

        $r = ask(@form, messages => \@said);
        is("$r->{status}", 200, "names Google refuses, $model, $form")
            or next;
        is_deeply([map { $_->{function}{name} } @{ $r->{calls} }], \@names,
            'come back as the client has them');

        $r = ask(@form, messages => [@said, $r->{message},
            map { result($_, 'ok') } @{ $r->{calls} }], tool_choice => {
            type => 'function', function => { name => '9lives' } });
        is("$r->{status} $r->{calls}[0]{function}{name}", '200 9lives',
            'in the next turn and demanded by name as well');
    }
}

is(ask(messages => [user('x'), { role => 'assistant', tool_calls => [{
    id => 'c', type => 'function', function => { name => '1 gone',
    arguments => '{}' } }] }, result({ id => 'c' }, 'x')])->{status}, 200,
    'a call of a function that is not declared any more is history');

# ---- schemas

my $node = { type => 'object', properties => { value => { type => 'string' },
    next => { '$ref' => '#/$defs/node' } } };
my %schemas = (
    'references' => { type => 'object', '$defs' => { node => $node },
        properties => { root => { '$ref' => '#/$defs/node',
            description => 'beside a reference' } } },
    'old definitions' => { type => 'object', definitions => { 'a/b' =>
        { type => 'string' } }, properties => {
        x => { '$ref' => '#/definitions/a~1b' } } },
    'a root that refers' => { '$ref' => '#/$defs/node',
        '$defs' => { node => $node } },
    'a reference to nothing' => object(x => { '$ref' => '#/$defs/nobody' }),
    'a reference elsewhere' => object(x => {
        '$ref' => 'https://example.com/schema.json' }),
    'alternatives' => object(x => { anyOf => [{ type => 'string' },
        { type => 'integer' }, { type => 'null' }] }),
    'one of several' => object(x => { oneOf => [{ const => 'a' },
        object(y => { type => 'number' })], discriminator => {} }),
    'all of several' => object(x => { allOf => [
        object(a => { type => 'string' }), { required => ['b'] }] }),
    'a root of alternatives' => { anyOf => [object(a => { type => 'string' }),
        object(b => { type => 'string' })] },
    'constants' => object(a => { const => 'x' }, b => { const => 7 },
        c => { const => $true }, d => { const => undef }),
    'enums of every kind' => object(a => { enum => [1, 2, 3] },
        b => { type => 'string', enum => ['', 'x'] },
        c => { enum => [$true, $false] }, d => { enum => ['x', 1, undef] },
        e => { type => 'integer', enum => ['1', '2'] }),
    'nullable unions' => object(a => { type => ['string', 'null'] },
        b => { type => ['string', 'integer', 'null'] },
        c => { type => 'null' }, d => { type => [] }),
    'words of the dialect as names' => object(map { $_ => {
        type => 'string' } } qw(type title format properties items required
        default enum $ref $defs anyOf)),
    'every other keyword' => { %{ object(x => { type => 'string',
        format => 'uuid', pattern => '^(?=a)b$', minLength => 1,
        contentEncoding => 'base64', examples => ['a'], default => undef,
        'x-order' => 1, deprecated => $true }, n => { type => 'number',
        exclusiveMinimum => 0, multipleOf => 0.1, format => 'decimal' }) },
        '$schema' => 'https://json-schema.org/draft/2020-12/schema',
        '$id' => 'urn:x', '$comment' => 'c', additionalProperties => $false,
        patternProperties => { '^x' => {} }, propertyNames => { pattern =>
        'x' }, minProperties => 1, if => {}, then => {}, else => {},
        not => { type => 'string' }, dependentRequired => { x => ['n'] },
        unevaluatedProperties => $false, strict => $true },
    'lists of every kind' => object(a => { type => 'array' },
        b => { type => 'array', items => [{ type => 'string' },
        { type => 'integer' }] }, c => { type => 'array',
        prefixItems => [{ type => 'string' }], items => $false,
        uniqueItems => $true, contains => { type => 'string' } },
        d => { type => 'array', items => {} }, e => { items => $true }),
    'what is required and not there' => { type => 'object',
        properties => { a => { type => 'string' } },
        required => ['a', 'b', 'a'] },
    'sloppy shapes' => { properties => { a => $true, b => {}, c => {
        properties => {} }, d => { type => 'any' }, e => { type => 'STRING' },
        f => undef, g => 'string' }, required => $true },
    'no arguments' => { type => 'object', properties => {} },
    'an empty schema' => {},
    'a schema of false' => { type => 'object', properties => {
        x => { additionalProperties => { type => 'string' },
            type => 'object' } }, additionalProperties => {} },
    'text at the root' => { type => 'string' },
    'depth' => do {
        my $deep = { type => 'string' };
        $deep = object(x => $deep) for 1 .. 20;
        $deep;
    },
);

for my $what (sort keys %schemas) {
    for my $model (@families) {
        for my $strict ($false, $true) {
            my $tool = function('f', $schemas{$what});

            $tool->{function}{strict} = $true if $strict;
            $tool->{function}{description} = undef;
            $r = ask(model => $model, tools => [$tool], messages =>
                [user('f')]);
            is($r->{status}, 200, "a schema with $what, $model, "
                . ($strict ? 'strict' : 'loose'))
                or diag($r->{error}{message});
            is(ref eval { $json->decode(
                $r->{calls}[0]{function}{arguments}) }, 'HASH',
                'can be called');
        }
    }
}

for my $what ('no arguments', 'an empty schema') {
    is_deeply([sort keys %{ declared(ask(tools => [function('f',
        $schemas{$what})], messages => [user('f')]))->[0] }],
        ['description', 'name'], "$what: nothing is said of parameters");
}

is_deeply(declared(ask(messages => [user('f')], tools => [function('f',
    $schemas{'enums of every kind'})]))->[0]{parametersJsonSchema}{properties}
    {a}{enum}, [1, 2, 3], 'numbers stay numbers in an enum');

# ---- beside other tools

for my $model (@families) {
    $r = ask(model => $model, messages => [user('hello')], tools => [@tools,
        { google_search => {} }]);
    is($r->{status}, 200, "functions beside a search, $model");
    is(scalar @{ declared($r) }, 3, 'are all declared');
    is(ask(model => $model, messages => [user('dice')], tools => undef,
        web_search_options => {})->{status}, 200, "a search alone, $model");
}

is_deeply(\@refused, [], 'nothing of this was refused upstream');

$t->done;
