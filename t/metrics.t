# gemini_status ... metrics: counters that monitors read, of all workers, over
# reloads, without a secret and without names that clients invent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IPC::Open2;
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    one => 'AIzaSyMetricsTestKeyAAAAAAAAAAAAAAAAAAA',
    two => 'AIzaSyMetricsTestKeyBBBBBBBBBBBBBBBBBBB',
);
my $token = 'sk-metrics-test-token-0001';
my $flash = 'gemini-2.5-flash';

$t->secrets(values %secret, $token);

my $simulator = $t->simulator(keys => {
    $secret{one} => [], $secret{two} => [] });

sub conf {
    my (@names) = @_;
    my $keys = join ' ', map { "key $secret{$_} name=$_;" } @names;

    return <<"EOC";
    gemini_keys main { $keys balance round_robin; }
    gemini_keys lone { key $secret{one} name=one; tries 1; }
    gemini_clients apps { token $token name=alice; }
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth apps; }
        location /lone/ { gemini_pass lone; gemini_auth off; }
        location = /metrics { gemini_status main metrics; gemini_auth off; }
        location = /metrics-lone { gemini_status lone metrics;
            gemini_auth off; }
        location = /closed { gemini_status main metrics; gemini_auth apps; }
    }
EOC
}

$t->start(conf(qw(one two)));

sub ask {
    my ($model, %more) = @_;

    return $t->post('/v1/chat/completions', {
        model => $model, messages => [{ role => 'user', content => 'hi' }],
        %more }, token => $token);
}

# All samples: series -> value, the labels sorted.
sub samples {
    my ($path) = @_;
    my %samples;

    for (split /\n/, $t->get($path // '/metrics')->{body}) {
        next if /\A#/;
        my ($name, $labels, $value) = /\A(\w+)\{(.*)\} (\S+)\z/ or die "$_\n";
        $samples{"$name\{" . join(',', sort split /,(?=\w+=")/, $labels) . '}'}
            = $value;
    }

    return \%samples;
}

# The sum of a family's samples that have these labels.
sub sum_of {
    my ($samples, $name, %labels) = @_;
    my $sum = 0;

    for my $series (grep { /\A$name\{/ } keys %$samples) {
        next if grep { $series !~ /[{,]$_="\Q$labels{$_}\E"/ } keys %labels;
        $sum += $samples->{$series};
    }

    return $sum;
}

# A request is counted when its last byte has gone: the value, as soon as it
# is what is expected, else what it is in the end.
sub soon {
    my ($expected, $name, %labels) = @_;
    my $path = delete $labels{path};
    my $value;

    $t->wait_for(sub {
        $value = sum_of(samples($path), $name, %labels);
        return $value == $expected;
    }, 10);

    return $value;
}

# ---- the form

my $r = $t->get('/metrics');

is($r->{status}, 200, 'metrics are given');
like($r->{headers}{'content-type'},
    qr{\Atext/plain; version=0\.0\.4; charset=utf-8\z}, 'as text');
like($r->{headers}{'cache-control'}, qr/no-store/, 'that nobody keeps');
is($t->post('/metrics', {})->{status}, 405, 'to GET alone');
is($t->get('/closed')->{status}, 401, 'with gemini_auth not without a token');
is($t->get('/closed', token => $token)->{status}, 200, 'but with one');

# ---- requests and what they cost

is(ask($flash)->{status}, 200, 'a request is answered') for 1 .. 2;
is(soon(2, 'gemini_requests_total', status => 200, model => $flash,
    operation => 'chat_completions'), 2, 'requests are counted');
is(soon(1, 'gemini_requests_total', status => 200, key => 'one'), 1,
    'by the name of the key');
is(soon(1, 'gemini_tries_total', status => 200, key => 'two',
    model => $flash), 1, 'and so are tries');
cmp_ok(sum_of(samples(), 'gemini_tokens_total', type => 'prompt',
    model => $flash, key => 'one'), '>', 0, 'tokens');
is(soon(2, 'gemini_request_duration_seconds_count',
    operation => 'chat_completions'), 2, 'and durations');
is(sum_of(samples(), 'gemini_request_duration_seconds_bucket',
    le => '+Inf'), 2, 'in a histogram of two');
is(sum_of(samples('/metrics-lone'), 'gemini_requests_total'), 0,
    "another pool's are its own");

$t->post('/v1/chat/completions', {}, token => 'sk-wrong');
is(soon(1, 'gemini_requests_total', status => 401, operation => 'none'), 1,
    'what is refused at the door is counted too');

# ---- names that clients invent

ask("gemini-invented-$_") for 1 .. 5;
is(soon(5, 'gemini_requests_total', status => 404, model => 'other'), 5,
    'a model that nobody has is "other"');
unlike($t->get('/metrics')->{body}, qr/invented/,
    'and its name is nowhere');

# ---- failures

$simulator->set_key($secret{one},
    { do => 'rate_limit', retry => '60s', times => 1 });
$simulator->set_key($secret{two},
    { do => 'rate_limit', retry => '60s', times => 1 });

is(ask($flash)->{status}, 429, 'both keys are at their limit');
is(soon(2, 'gemini_tries_total', status => 429, model => $flash), 2,
    'both tries are counted');
is(soon(1, 'gemini_rests_total', class => 'rate_limit', model => $flash,
    key => $_), 1, "and that $_ rests") for qw(one two);
is(soon(1, 'gemini_requests_total', status => 429), 1, 'for one request');
is(soon(2, 'gemini_keys', state => 'resting'), 2, 'the keys are resting');

ask($flash);
is(soon(2, 'gemini_requests_total', status => 429, model => $flash), 2,
    'a request that finds no key is counted');
is(sum_of(samples(), 'gemini_tries_total', status => 429), 2,
    'but is no try');

# ---- a first answer that is a failure

$simulator->set_key($secret{one},
    { do => 'rate_limit', retry => '60s', times => 1 });
$t->post('/lone/chat/completions', { model => $flash,
    messages => [{ role => 'user', content => 'hi' }] });
is(soon(1, 'gemini_rests_total', model => $flash, class => 'rate_limit',
    path => '/metrics-lone'), 1, 'a model with a quota is one that there is');

# ---- streams

my $pro = 'gemini-2.5-pro';
my $s;

$simulator->set_key($_, { do => 'stall', at => 'event:1' })
    for values %secret;

sub open_stream {
    my $stream = $t->stream('POST', '/v1/chat/completions', {
        model => $pro, stream => \1, messages => [
            { role => 'user', content => '#echo one two three' }] },
        token => $token);
    $stream->status;

    return $stream;
}

$s = open_stream();
is(soon(1, 'gemini_open_streams'), 1, 'an open stream is counted');
is(soon(1, 'gemini_tries_in_flight'), 1, 'and its try');
$s->abort;
is(soon(0, 'gemini_open_streams'), 0, 'until the client leaves');
is(soon(0, 'gemini_tries_in_flight'), 0, 'the try too');
is(soon(1, 'gemini_first_token_seconds_count'), 1,
    'when the first words came is known');

$s = open_stream();
is(soon(1, 'gemini_open_streams'), 1, 'another stream');
$t->kill_worker for $t->workers;
is(soon(0, 'gemini_open_streams'), 0,
    'is not open for ever when its worker dies');
$s->abort;

# ---- the form, again

my $promtool = (grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH})[0];

SKIP: {
    skip('no promtool', 1) unless $promtool;

    my $pid = open2(my $said, my $text, "$promtool check metrics 2>&1");
    print $text $t->get('/metrics')->{body};
    close $text;
    my $complaints = do { local $/; <$said> } // '';
    waitpid $pid, 0;

    is("$? $complaints", '0 ', 'promtool has nothing to say against it');
}

# ---- reload

my $before = samples();

sub fallen {
    my ($now) = @_;

    return grep { /\A\w+(?:_total|_bucket|_count|_sum)\{/
        && ($now->{$_} // 0) < $before->{$_} } keys %$before;
}

ok($t->reload(conf(qw(one two))), 'a reload');
is_deeply([fallen(samples())], [], 'takes nothing from any counter');

ok($t->reload(conf('two')), 'a reload without one of the keys');
my $after = samples();
is_deeply([grep { !/key="one"/ } fallen($after)], [],
    'takes nothing from the others');
is(sum_of($after, 'gemini_tries_total'),
    sum_of($before, 'gemini_tries_total'), 'and nothing from the sum');
ok($t->reload(conf(qw(one two))), 'when the key comes back');
is_deeply([fallen(samples())], [], 'it goes on where it was');

$t->done;
