# Answers in JSON: any, or by a schema, and what becomes of that beside
# functions, in each family.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'simulated-key-structured-1414213562';
my $json = JSON::PP->new->canonical->allow_nonref;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my @models = qw(gemini-2.5-flash gemini-2.5-pro gemini-3-flash-preview
    gemini-3.8-flash gemini-4-argon);

my $t = GeminiTest->new;
my $simulator = $t->simulator;

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
    }
EOC

my $schema = { type => 'object', additionalProperties => $false,
    required => ['name', 'age'], properties => {
        name => { type => 'string' }, age => { type => 'integer' },
        tags => { type => 'array', items => { type => 'string',
            enum => ['a', 'b'] } } } };
my @tools = ({ type => 'function', function => { name => 'weather',
    parameters => { type => 'object', properties => {
        city => { type => 'string' } } } } });

sub by_schema {
    my ($of, %o) = @_;

    return { type => 'json_schema', json_schema => { name => 'answer',
        $of ? (schema => $of) : (), %o } };
}

# The words of the answer, the generationConfig, and all there is to know.
sub ask {
    my (%o) = @_;

    $simulator->forget;
    my $r = $t->post('/v1/chat/completions', { model => 'gemini-3.8-flash',
        messages => [{ role => 'user', content => 'who is it?' }], %o });
    my ($seen) = $simulator->seen;
    my $choice = $r->{json} && $r->{json}{choices}[0];
    my $text = $r->{events} ? join('', map {
        $_->{json}{choices}[0]{delta}{content} // ''
    } grep { $_->{json} } @{ $r->{events} }) : $choice->{message}{content};

    return { status => $r->{status}, text => $text, asked => $seen->{body},
        config => $seen->{body}{generationConfig} || {},
        finish => $choice->{finish_reason}, error => $r->{json}{error},
        refused => ($seen->{outcome} // '') eq 'refused' };
}

sub answer { return eval { $json->decode($_[0]{text}) } }

for my $model (@models) {
    for my $form ([], [stream => $true]) {
        my $name = $model . (@$form ? ', streamed' : ', whole');
        my @form = (model => $model, @$form);

        my $r = ask(@form, response_format => { type => 'json_object' });
        is($r->{config}{responseMimeType}, 'application/json',
            "$name: JSON is asked for");
        ok(!exists $r->{config}{responseJsonSchema}, "$name: of any kind");
        is(ref answer($r), 'HASH', "$name: and comes");

        for my $strict (undef, $false, $true) {
            $r = ask(@form, response_format => by_schema($schema,
                defined $strict ? (strict => $strict) : ()));
            is($r->{config}{responseMimeType}, 'application/json',
                "$name: a schema means JSON");
            is_deeply($r->{config}{responseJsonSchema}{properties},
                $schema->{properties}, "$name: by that schema");
            ok(!grep({ /strict|name/ } keys %{ $r->{config} }),
                "$name: its name and strictness stay here");
            is(join(' ', grep { !/tags/ } sort keys %{ answer($r) || {} }),
                'age name', "$name: what comes has its form");
        }

        $r = ask(@form, response_format => by_schema(undef));
        is($r->{config}{responseMimeType} . ' '
            . exists $r->{config}{responseJsonSchema}, 'application/json ',
            "$name: without a schema any JSON");

        $r = ask(@form, response_format => { type => 'text' });
        ok(!exists $r->{config}{responseMimeType}, "$name: text is text");
    }
}

# ---- beside functions

for my $model (@models) {
    my $both = $model !~ /2\.5/;

    for my $format ({ type => 'json_object' }, by_schema($schema)) {
        my $name = "$model, $format->{type}";
        my @with = (model => $model, response_format => $format);

        my $r = ask(@with, tools => \@tools);
        is("$r->{status} $r->{finish}", '200 tool_calls',
            "$name beside functions");
        is(exists $r->{config}{responseMimeType} ? 'both' : 'functions',
            $both ? 'both' : 'functions', "$name: as the family has it");

        $r = ask(@with, tools => \@tools, tool_choice => 'none');
        is($r->{status}, 200, "$name: functions that may not be called");
        is(ref answer($r), 'HASH', "$name: leave the JSON");

        $r = ask(@with, tools => [{ google_search => {} }]);
        is($r->{status}, 200, "$name beside a search");
        is($r->{config}{responseMimeType}, 'application/json',
            "$name: is kept");
    }
}

my $r = ask(response_format => by_schema($schema), tools => \@tools,
    messages => [{ role => 'user', content => 'weather' },
        { role => 'assistant', tool_calls => [{ id => 'c', type => 'function',
            function => { name => 'weather', arguments => '{}' } }] },
        { role => 'tool', tool_call_id => 'c', content => 'rain' }]);
is(ref answer($r), 'HASH', 'after the functions comes the JSON');

# ---- schemas as clients make them

my %schemas = (
    'references, as pydantic and zod write them' => {
        '$schema' => 'http://json-schema.org/draft-07/schema#',
        '$defs' => { Pet => { type => 'object', title => 'Pet', properties =>
            { name => { type => 'string' } }, required => ['name'] } },
        title => 'Owner', type => 'object', properties => { pets => {
            type => 'array', items => { '$ref' => '#/$defs/Pet' } },
            best => { anyOf => [{ '$ref' => '#/$defs/Pet' },
                { type => 'null' }], default => undef },
            first => { allOf => [{ '$ref' => '#/$defs/Pet' }],
                description => 'd' } } },
    'a schema that contains itself' => { '$ref' => '#/definitions/Tree',
        definitions => { Tree => { type => 'object', properties => {
            left => { '$ref' => '#/definitions/Tree' } } } } },
    'itself at the root' => { type => 'object', properties => {
        child => { '$ref' => '#' } } },
    'numbers, null and booleans in enums' => { type => 'object', properties =>
        { a => { enum => [1, 2] }, b => { enum => ['x', undef] },
        c => { const => $true }, d => { type => ['integer', 'null'] } } },
    'formats and bounds' => { type => 'object', properties => {
        a => { type => 'string', format => 'email', pattern => '^.+$' },
        b => { type => 'string', format => 'date-time' },
        c => { type => 'number', exclusiveMinimum => 0, maximum => 9 } } },
    'names of the dialect' => { type => 'object', properties => {
        map { $_ => { type => 'string' } } qw(type title properties enum) } },
    'a list at the root' => { type => 'array', items => { type =>
        'string' } },
    'words at the root' => { type => 'string', enum => ['yes', 'no'] },
    'anything' => {},
);

for my $what (sort keys %schemas) {
    for my $model (@models) {
        $r = ask(model => $model, response_format => by_schema(
            $schemas{$what}, strict => $true));
        is($r->{status}, 200, "$what, $model") or diag($r->{error}{message});
        ok(defined answer($r), 'gives JSON');
    }
}

is(join(' ', sort keys %{ ask(response_format => by_schema(
    $schemas{'names of the dialect'}))->{config}{responseJsonSchema}
    {properties} }), 'enum properties title type',
    'names of properties are not keywords');

# ---- what is refused

for my $case (
    ['an unknown type', { type => 'xml' }, 'response_format.type'],
    ['no type', {}, 'response_format.type'],
    ['words', 'json', 'response_format'],
    ['a schema in words', by_schema('object'),
        'response_format.json_schema.schema'],
    ['a json_schema in words', { type => 'json_schema',
        json_schema => 'x' }, 'response_format.json_schema'],
) {
    my ($what, $format, $param) = @$case;

    $r = ask(response_format => $format);
    is("$r->{status} $r->{error}{type}", '400 invalid_request_error',
        "$what: refused");
    is($r->{error}{param}, $param, "$what: by its name");
    ok(!$r->{asked}, "$what: before upstream is asked");
}

$r = ask(response_format => undef);
is("$r->{status} " . exists $r->{config}{responseMimeType}, '200 ',
    'null is none');

# ---- as Gemini has it

$r = ask(google => { generation_config => {
    response_mime_type => 'application/json',
    response_json_schema => $schema } });
is(ref answer($r), 'HASH', 'generation_config can ask for it too');

$r = ask(model => 'gemma-4-31b-it', response_format => by_schema($schema));
is($r->{status}, 200, 'Gemma 4 answers by a schema');

$t->done;
