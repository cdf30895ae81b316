# Thought signatures: exact on the way out, accepted back, and remembered for
# clients that send back nothing but the id of a call. The simulator takes only
# signatures that it has given out itself, and the documented skip value.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $skip = 'skip_thought_signature_validator';
my $t = GeminiTest->new;
my $simulator = $t->simulator(args => ['--pace', '0']);

sub conf {
    my ($keys, $zone) = @_;

    return <<"EOC";
    gemini_keys main { $keys $zone }
    gemini_clients apps { token token-alice name=alice;
        token token-bob name=bob; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth apps; }
    }
EOC
}

$t->start(conf('key k1;', ''));

my @tools = ({ type => 'function', function => { name => 'temperature',
    parameters => { type => 'object', required => ['city'],
        properties => { city => { type => 'string' } } } } });

sub ask {
    my ($messages, %o) = @_;

    return $t->post('/v1/chat/completions', { model => 'gemini-3.8-flash',
        messages => $messages, tools => \@tools },
        headers => { Authorization => 'Bearer token-' . ($o{as} || 'alice') });
}

# One turn that calls, without what a client may drop.
sub call {
    my ($question) = @_;

    my $r = ask([{ role => 'user', content => $question }]);
    my $message = $r->{json}{choices}[0]{message};

    return ($message, map {
        my %copy = %$_;
        delete $copy{extra_content};
        \%copy;
    } @{ $message->{tool_calls} || [] });
}

# The conversation goes on; the signatures upstream saw in it.
sub go_on {
    my ($question, $calls, %o) = @_;

    my $r = ask([{ role => 'user', content => $question },
        { role => 'assistant', content => undef, tool_calls => $calls },
        map { { role => 'tool', tool_call_id => $_->{id}, content => '21' } }
            @$calls], %o);

    is($r->{status}, 200, $o{name} || 'the next turn is taken')
        or diag($r->{body});

    my ($seen) = grep { $_->{method} eq 'POST' } reverse $simulator->seen;
    my ($turn) = grep { $_->{role} eq 'model' } @{ $seen->{body}{contents} };

    return map { $_->{thoughtSignature} } @{ $turn->{parts} };
}

my $question = 'What is the temperature in Oslo?';
my ($message, @bare) = call($question);
my $given = $message->{tool_calls}[0]{extra_content}{google}
    {thought_signature};

ok($given, 'a call goes out with its signature');
is(join(' ', go_on($question, $message->{tool_calls})), $given,
    'echoed, it goes back byte for byte');
is(join(' ', go_on($question, \@bare)), $given,
    'dropped by the client, it is remembered by the id of the call');

is(join(' ', go_on($question, [{ %{ $bare[0] }, id => 'call_unknown' }])),
    $skip, 'an id that nobody knows gets the skip value');
is(join(' ', go_on($question, \@bare, as => 'bob')), $skip,
    'what one client was given no other finds');

is(join(' ', go_on($question, [{ %{ $bare[0] }, id => 'call_x',
    extra_content => { google => { thought_signature => 'QUJDREVG' } } }],
    name => 'a signature that upstream refuses does not fail the turn')),
    $skip, 'it is asked again with the skip value');
like($t->error_log, qr/\[warn\] .* refuses a thought signature/,
    'and the log says so');

($message, @bare) = call("#calls 3 $question");
cmp_ok(scalar @bare, '>', 1, 'parallel calls');
$given = $message->{tool_calls}[0]{extra_content}{google}{thought_signature};
is(join(' ', map { $_ // '-' } go_on($question, \@bare)),
    join(' ', $given, ('-') x (@bare - 1)),
    'only the first has one, and only the first gets it back');

ok($t->reload(conf('key k1;', '')), 'a reload');
is((go_on($question, \@bare))[0], $given, 'forgets none');
ok($t->reload(conf('key k1;', 'zone 4m;')), 'a zone of another size');
is((go_on($question, \@bare))[0], $given, 'forgets none either');
ok($t->reload(conf('key k1;', 'zone 640k;')), 'a zone with hardly any room');
is((go_on($question, \@bare))[0] ? 1 : 0, 1, 'serves all the same');

$t->kill_worker($_) for $t->workers;
is(ask([{ role => 'user', content => '#echo on' }])->{status}, 200,
    'killed workers leave a pool that serves');

$t->done;
