# Which credential is tried after a failure, what rests and what does not:
# the table of failure classes, one scene with two pools each.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;
my $model = 'gemini-2.5-flash';

sub secret { return "failover-$_[0]-" . ($_[1] // 'bad') . '-16180339' }

sub violation {
    my ($period, $value) = @_;

    return { quotaId => "GenerateRequestsPer${period}PerProjectPerModel",
        quotaMetric => 'generativelanguage.googleapis.com/requests',
        quotaValue => $value // '5' };
}

sub quota {
    my ($retry, @violations) = @_;

    return error(429, 'RESOURCE_EXHAUSTED', quota => \@violations,
        defined $retry ? (retry => $retry) : ());
}

sub html {
    my ($status) = @_;

    return { status => $status, body => '<!DOCTYPE html><p>Oops',
        headers => { 'Content-Type' => 'text/html' } };
}

my $day = 25 * 3600;        # of the autumn, in Pacific time
my $minute = violation('Minute');

# scene => [upstream's answer, class, scope, seconds from, to (none: no end)]
my %rests = (
    key_invalid => [error(400, 'INVALID_ARGUMENT',
        message => 'API key not valid. Please pass a valid API key.',
        reason => 'API_KEY_INVALID'), 'invalid', 'key'],
    unauthenticated => [error(401, 'UNAUTHENTICATED',
        reason => 'ACCESS_TOKEN_TYPE_UNSUPPORTED'), 'invalid', 'key'],
    leaked => [error(403, 'PERMISSION_DENIED', message =>
        'Your API key was reported as leaked. Please use another API key.'),
        'invalid', 'key'],
    disabled => [error(403, 'PERMISSION_DENIED',
        reason => 'SERVICE_DISABLED'), 'invalid', 'key'],
    per_minute => [quota('47s', $minute), 'rate_limit', 'model', 1, 47],
    bare => [error(429, 'RESOURCE_EXHAUSTED', message =>
        'Resource has been exhausted (e.g. check quota).'),
        'rate_limit', 'model', 30, 60],
    header => [error(429, 'RESOURCE_EXHAUSTED',
        headers => { 'Retry-After' => 200 }), 'rate_limit', 'model',
        61, 200],
    mixed => [quota('50s', violation('Day'), $minute),
        'rate_limit', 'model', 1, 50],
    per_day => [quota('30s', violation('Day')),
        'daily_quota', 'model', 1, $day],
    long => [quota('36000.5s', $minute), 'daily_quota', 'model',
        35000, 36001],
    very_long => [quota('1000000s', violation('Day')), 'daily_quota',
        'model', 86000, 86400],
    limit_zero => [quota('20s', violation('Minute', '0')), 'no_access',
        'model', 86000, 86400],
    withdrawn => [error(404, 'NOT_FOUND', message =>
        "This model models/$model is no longer available to new users."),
        'no_access', 'model', 86000, 86400],
    overloaded => [error(503, 'UNAVAILABLE'), 'unavailable', 'model', 1, 300],
    capacity => [error(429, 'RESOURCE_EXHAUSTED',
        reason => 'MODEL_CAPACITY_EXHAUSTED'), 'unavailable', 'model',
        1, 300],
    bad_gateway => [html(502), 'gateway', 'model', 1, 300],
    deadline => [error(504, 'DEADLINE_EXCEEDED'), 'gateway', 'model', 1, 300],
    internal => [error(500, 'INTERNAL'), 'server_error', 'model', 1, 300],
    unknown => [html(599), 'server_error', 'model', 1, 300],
);

# scene => [upstream's answer, what the client gets]: nobody else is asked.
my %refused = (
    argument => [error(400, 'INVALID_ARGUMENT'), 400],
    quoting => [error(400, 'INVALID_ARGUMENT', message =>
        'Invalid value at contents: API key not valid, API_KEY_INVALID'),
        400],
    tokens => [error(400, 'INVALID_ARGUMENT', message => 'The input token '
        . 'count (9) exceeds the maximum number of tokens allowed (8).'),
        400],
    no_model => [error(404, 'NOT_FOUND', message => "models/$model is not "
        . 'found for API version v1beta'), 404],
    too_large => [error(413, 'INVALID_ARGUMENT'), 413],
    location => [error(400, 'FAILED_PRECONDITION', message =>
        'User location is not supported for the API use.'), 403],
);

# Of pools that are more than one bad and one good key.
my %others = (
    once => $rests{key_invalid}[0], bound => $rests{overloaded}[0],
    one_try => $rests{overloaded}[0], project => $rests{per_minute}[0],
    project_key => $rests{key_invalid}[0], dead => $rests{leaked}[0],
    spent => $rests{per_minute}[0], spent_day => $rests{per_day}[0],
    some => $rests{per_minute}[0], down => $rests{overloaded}[0],
    other_model => $rests{per_minute}[0], no_models => $rests{key_invalid}[0],
    first_event => events([{ error => { code => 429,
        status => 'RESOURCE_EXHAUSTED', message => 'quota' } }]),
    later_event => [[send => "HTTP/1.1 200 OK\r\n"
            . "Content-Type: text/event-stream\r\n\r\n"
            . 'data: {"candidates":[{"content":{"parts":[{"text":"half"}],'
            . "\"role\":\"model\"}}]}\r\n\r\n"],
        [gate => 'later'],
        [send => 'data: {"error":{"code":503,"status":"UNAVAILABLE",'
            . "\"message\":\"overloaded\"}}\r\n\r\n"], ['close']],
);

my %turn;       # of scenes whose answer changes from request to request
my %plays = (
    back => [quota('0.2s', $minute)],
    doubling => [error(503, 'UNAVAILABLE'), error(503, 'UNAVAILABLE'),
        undef, error(503, 'UNAVAILABLE')],
    turned_day => [map { quota('1s', violation('Day'), $minute) } 1, 2],
);

my $up = $t->upstream(sub {
    my ($request) = @_;

    my ($scene, $who) = $request->{key} =~ /\Afailover-(\w+)-(\w+)-/
        or die "who is $request->{key}?\n";

    $scene =~ s/_stream\z//;

    return $plays{$scene}[$turn{$scene}++] || reply('hello')
        if $plays{$scene};
    return reply('hello') if $who =~ /\Agood/
        || $request->{model} eq 'gemini-2.5-pro';
    return $rests{$scene}[0] if $rests{$scene};
    return $refused{$scene}[0] if $refused{$scene};
    return $others{$scene} || die "no scene $scene\n";
});

my (@pools, @locations);

sub pool {
    my ($name, $keys, $more) = @_;

    $t->secrets(map { secret($name, $_->[0]) } @$keys);
    push @pools, "gemini_keys $name { balance round_robin; " . ($more // '')
        . join('', map {
            my ($who, $options) = @$_;
            sprintf ' key %s name=%s %s;', secret($name, $who), $who,
                $options // '';
        } @$keys) . " }\n";
    push @locations, "location /$name/ { gemini_pass $name; }\n"
        . "location = /$name.json { gemini_status $name json; }\n";

    return;
}

# long enough to be seen
my $slow = join ' ', map { "cooldown $_ 300s;" }
    qw(unavailable gateway server_error);

for my $scene (sort(keys %rests), sort keys %refused) {
    pool($_, [['bad'], ['good']], $slow) for $scene, "${scene}_stream";
}

pool(once => [['good1'], ['bad'], ['good2'], ['good3']]);
pool(bound => [map { ["bad$_"] } 1 .. 6]);
pool(one_try => [['bad'], ['good']], 'tries 1;');
pool(project => [['bad', 'project=p'], ['good1', 'project=p'], ['good2']]);
pool(project_key => [['bad', 'project=p'], ['good', 'project=p']]);
pool(models => [['good1', 'models=*-pro,gemma-*'],
    ['good2', "models=$model"]]);
pool(dead => [['bad1'], ['bad2']]);
pool(spent => [['bad1'], ['bad2']]);
pool(spent_day => [['bad1'], ['bad2']]);
pool(some => [['bad1'], ['bad2']]);
pool(down => [['bad1'], ['bad2']], $slow);
pool(other_model => [['bad'], ['good']]);
pool($_ => [['bad'], ['good']]) for qw(no_models first_event later_event);
pool($_ => [['only']]) for sort keys %plays;

$t->start("gemini_auth off; gemini_upstream http://%%$up%%;\n@pools"
    . "server { listen %%PORT%%; @locations }");

sub ask {
    my ($pool, %o) = @_;

    return $t->post("/$pool/chat/completions", {
        model => $o{model} || $model,
        messages => [{ role => 'user', content => 'hi' }],
        $o{stream} ? (stream => JSON::PP::true) : (),
    });
}

# Who was asked in a pool, in order.
sub asked {
    my ($pool) = @_;

    return join ' ', map {
        $_->{key} =~ /\Afailover-\Q$pool\E-(\w+)-/ ? $1 : ()
    } $up->seen;
}

# NAME => its first cooldown, or undef.
sub resting {
    my ($pool) = @_;

    return map { $_->{name} => $_->{cooldowns}[0] }
        @{ $t->get("/$pool.json")->{json}{keys} };
}

sub text {
    my ($r) = @_;

    return $r->{json}{choices}[0]{message}{content} unless $r->{events};
    return join '', map { $_->{json}{choices}[0]{delta}{content} // '' }
        grep { $_->{json} } @{ $r->{events} };
}

# ---- what moves on to another key

for my $scene (sort keys %rests) {
    my (undef, $class, $scope, $from, $to) = @{ $rests{$scene} };

    for my $stream (0, 1) {
        my $pool = $scene . ($stream ? '_stream' : '');
        my $name = $scene . ($stream ? ', streamed' : '');
        my @r = map { ask($pool, stream => $stream) } 1 .. 3;

        is(join(' ', map { "$_->{status} " . text($_) } @r),
            '200 hello 200 hello 200 hello',
            "$name: the client does not notice");
        is(asked($pool), 'bad good good good',
            "$name: the next key is tried, the failed one is left alone");

        my %resting = resting($pool);
        my $rest = $resting{bad};

        is("$rest->{reason} $rest->{scope} " . ($rest->{model} // 'all'),
            "$class $scope " . ($scope eq 'key' ? 'all' : $model),
            "$name: what rests, and why");
        ok(defined $from ? $rest->{seconds_left} >= $from
            && $rest->{seconds_left} <= $to : !defined $rest->{seconds_left},
            "$name: for as long as said")
            or diag("$rest->{seconds_left} s");
        is($resting{good}, undef, "$name: the other key is fine");
    }
}

# ---- what goes straight back

for my $scene (sort keys %refused) {
    my $status = $refused{$scene}[1];

    for my $stream (0, 1) {
        my $pool = $scene . ($stream ? '_stream' : '');
        my $name = $scene . ($stream ? ', streamed' : '');
        my $r = ask($pool, stream => $stream);

        is($r->{status}, $status, "$name: the client is told at once");
        is(asked($pool), 'bad', "$name: no other key is asked");

        my %resting = resting($pool);
        is($resting{bad}, undef, "$name: nothing rests");
    }
}

# ---- how often

my (@r, $r, %resting);

@r = map { ask('once') } 1 .. 20;
is(scalar(grep { $_->{status} == 200 } @r), 20,
    'no client notices an invalid key among good ones');
is(scalar(() = asked('once') =~ /bad/g), 1, 'it costs one upstream call');
is(scalar(split ' ', asked('once')), 21, 'and no other is lost');

$r = ask('bound');
is($r->{status}, 503, 'a request gives up with what upstream said');
is(asked('bound'), 'bad1 bad2 bad3', 'after three keys');
is(ask('one_try')->{status}, 503, '"tries 1" tries no other key');
is(asked('one_try'), 'bad', 'not even where a good one is');

# ---- in the stream itself

$r = ask('first_event', stream => 1);
is(text($r), 'hello', 'a stream that begins with an error is not noticed');
is(asked('first_event'), 'bad good', 'the next key is tried');
%resting = resting('first_event');
is($resting{bad}{reason}, 'rate_limit', 'and the first one rests');

my $stream = $t->stream('POST', '/later_event/chat/completions', {
    model => $model, messages => [{ role => 'user', content => 'hi' }],
    stream => JSON::PP::true });
while (my $event = $stream->next_event) {
    last if $event->{data} =~ /half/;
}
$up->open_gate('later');
$stream->{events_at} = 0;
$r = $stream->finish;
is(text($r), 'half', 'a stream that fails later keeps what it said');
ok(scalar(grep { $_->{json}{error} } @{ $r->{events} }),
    'and ends with an error event');
is(asked('later_event'), 'bad', 'nothing is tried again after that');

# ---- projects, models

is(ask('project')->{status}, 200, 'a project at its limit is not noticed');
is(asked('project'), 'bad good2', 'its other keys share the quota');
ask('project');
is(asked('project'), 'bad good2 good2', 'and rest with it');

is(ask('project_key')->{status}, 200, 'a refused key is not its project');
is(asked('project_key'), 'bad good', 'whose other keys are tried');

ask('models', model => $_) for $model, 'gemini-2.5-pro', $model, 'gemma-3';
is(asked('models'), 'good2 good1 good2 good1', 'a key serves its models');
$r = ask('models', model => 'gemini-nobody');
is($r->{status}, 503, 'a model that no key may use is no fault of the client');
is(scalar(split ' ', asked('models')), 4, 'and nobody is asked for it');

ask('other_model');
ask('other_model', model => 'gemini-2.5-pro') for 1, 2;
like(asked('other_model'), qr/\Abad good .*bad/,
    'a key without quota for one model serves another');
ask('no_models');
ask('no_models', model => 'gemini-2.5-pro') for 1 .. 3;
is(asked('no_models'), 'bad good good good good',
    'a refused key serves no model');

# ---- when all are out

for my $case (['dead', 503, 0], ['down', 503, 0], ['spent', 429, 47],
    ['spent_day', 429, $day])
{
    my ($pool, $status, $wait) = @$case;
    my ($last, $next) = map { ask($pool) } 1, 2;

    is(asked($pool), 'bad1 bad2', "$pool: each key is asked once");
    is("$last->{status} $next->{status}", "$status $status",
        "$pool: the last try and the next request are told the same");
    next unless $wait;

    my @after = map { $_->{headers}{'retry-after'} // 0 } $last, $next;
    ok(!grep({ $_ < 1 || $_ > $wait } @after),
        "$pool: with a time to wait") or diag("@after");
}

is(ask('some')->{status}, 429, 'one key of two being spent');
like(ask('some')->{json}{error}{code}, qr/rate_limit/,
    'is said in words of the API');

# ---- coming back

ask('back');
is(ask('back')->{status}, 429, 'a key rests as long as RetryInfo says');
is(asked('back'), 'only', 'without being asked');
ok($t->wait_for(sub { ask('back')->{status} == 200 }), 'then it is back');
%resting = resting('back');
is($resting{only}, undef, 'as if nothing had been');

sub until_asked {
    my ($pool, $count) = @_;

    return $t->wait_for(sub {
        ask($pool) if split(' ', asked($pool)) < $count;
        return split(' ', asked($pool)) >= $count;
    });
}

sub rests_of {
    my ($word) = @_;

    return join ' ', $t->error_log =~ /rests (\d+)s for "\S+?$word"/g;
}

ask('doubling', model => 'gemini-doubling');
ok($t->wait_for(sub {
    ask('doubling', model => 'gemini-doubling')->{status} == 200 }),
    'a model that was overloaded twice is back');
ask('doubling', model => 'gemini-doubling');
is(rests_of('doubling'), '1 2 1',
    'a rest doubles while the failure repeats, until a success');

ask('turned_day');
%resting = resting('turned_day');
is($resting{only}{reason}, 'rate_limit', 'a mixed 429 is the minute\'s');
ok(until_asked('turned_day', 2), 'that is asked again after its delay');
%resting = resting('turned_day');
is($resting{only}{reason}, 'daily_quota', 'and the day\'s if it comes again');

unlike($t->access_log, qr{/chat/completions HTTP/1\.1" 40[1]},
    'no client was ever blamed for a key');

$t->done;
