# What $gemini_* say in an access log, and that they say "-" when there is
# nothing to say.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my $secret = 'AIzaSyVariablesTestKey0123456789abcdefg';
my $token = 'sk-variables-test-token-0001';

$t->secrets($secret, $token);

my $up = $t->upstream(sub {
    my ($request) = @_;

    return json_reply({ models => [{ name => 'models/gemini-2.5-flash',
        supportedGenerationMethods => ['generateContent'] }] })
        if $request->{method} eq 'GET';

    my $text = $request->{json}{contents}[0]{parts}[0]{text};

    return error(400, 'INVALID_ARGUMENT') if $text eq 'bad';
    return error(429, 'RESOURCE_EXHAUSTED', retry => '7s')
        if $text eq 'next' && $request->{key} eq 'first';
    return [[wait_close => ()]] if $text eq 'silent';
    return [[send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
        . "\"x\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n"],
        [wait_close => ()]] if $text eq 'leave';
    return [[send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
        . "\"x\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n"],
        [close => ()]] if $text eq 'cut';
    return reply($text eq 'long' ? ['a', 'b'] : 'hello',
        finish => $text eq 'long' ? 'MAX_TOKENS' : 'STOP', usage => {
            promptTokenCount => 11, candidatesTokenCount => 22,
            thoughtsTokenCount => 33, cachedContentTokenCount => 4,
            totalTokenCount => 66,
        });
});

my @names = qw(operation client key model requested_model stream tries
    finish_reason prompt_tokens completion_tokens reasoning_tokens
    cached_tokens first_token_time error);
my $format = join '|', map { "\$gemini_$_" } @names;

$t->start(<<"EOC");
    log_format ours '\$uri|\$status|$format';
    access_log %%DIR%%/ours.log ours;
    gemini_keys main { key $secret; }
    gemini_keys named { key first name=one; key second name=two;
        balance round_robin; }
    gemini_clients apps { token $token name=alice models=gemini-*,gpt-4o; }
    gemini_clients nameless { token $token; }
    gemini_upstream http://%%$up%%;
    gemini_model gpt-4o gemini-2.5-flash;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth apps; }
        location /nameless/ { gemini_pass main; gemini_auth nameless; }
        location /open/ { gemini_pass main; gemini_auth off; }
        location /named/ { gemini_pass named; gemini_auth off; }
        location /slow/ { gemini_pass main; gemini_auth off;
            gemini_read_timeout 100ms; }
        location /small/ { gemini_pass main; gemini_auth off;
            client_max_body_size 10; }
        location /header/ { gemini_pass main; gemini_auth off;
            add_header X-Model "\$gemini_requested_model" always;
            add_header X-Operation "\$gemini_operation" always; }
        location /status { gemini_status main health; }
        location / { return 200; }
    }
EOC

my $lines = 0;

# The next line of the log, as a hash.
sub logged {
    my @line;

    $t->wait_for(sub {
        open my $file, '<', $t->dir . '/ours.log' or return 0;
        @line = grep { /\n\z/ } <$file>;
        return @line > $lines;
    }) or die "no line was logged\n";

    die "several lines were logged\n" if @line > $lines + 1;

    chomp(my $line = $line[$lines++]);
    my %value;
    @value{ 'uri', 'status', @names } = split /\|/, $line, -1;

    return \%value;
}

sub body {
    my ($text, %o) = @_;

    return { model => 'gpt-4o', %o,
        messages => [{ role => 'user', content => $text }] };
}

sub ask {
    my ($prefix, $text, %o) = @_;

    my $r = $t->post("$prefix/chat/completions", body($text, %o),
        token => $token);

    return logged();
}

# Those of the given names, in their order.
sub values_of {
    my ($line, @of) = @_;

    return join ' ', map { $line->{$_} } @of;
}

my @counts = grep { /_tokens$/ } @names;

# ---- an answer

my $line = ask('/v1', 'hi');

is($line->{operation}, 'chat_completions', '$gemini_operation');
is($line->{client}, 'alice', '$gemini_client is the name');
like($line->{key}, qr/\A\S+\z/, '$gemini_key is something');
unlike($line->{key}, qr/VariablesTestKey/, '... masked');
is($line->{model}, 'gemini-2.5-flash', '$gemini_model is the real one');
is($line->{requested_model}, 'gpt-4o',
    '$gemini_requested_model is what was asked for');
is($line->{stream}, '0', '$gemini_stream');
is($line->{tries}, '1', '$gemini_tries');
is($line->{finish_reason}, 'stop', '$gemini_finish_reason');
is(values_of($line, @counts), '11 55 33 4',
    'the counts, as the client sees them');
like($line->{first_token_time}, qr/\A\d+\.\d{3}\z/,
    '$gemini_first_token_time is in seconds');
is($line->{error}, '-', '$gemini_error is not set');

# ---- a stream

$line = ask('/v1', 'long', stream => \1);

is(values_of($line, qw(stream finish_reason status)), '1 length 200',
    'a stream, with its finish reason');
is(values_of($line, @counts), '11 55 33 4', 'and its counts');
like($line->{first_token_time}, qr/\A\d+\.\d{3}\z/, 'and the first token');

# ---- another key

my $both = join ' ', map { values_of(ask('/named', 'next'), qw(key tries)) }
    1, 2;
like($both, qr/\A(?:two 2 two 1|two 1 two 2)\z/,
    '$gemini_key is the one that answered, $gemini_tries counts them');

# ---- clients

is(ask('/open', 'hi')->{client}, '-', 'nobody in particular');
like(ask('/nameless', 'hi')->{client}, qr/\Aclient-[0-9a-f]{6}\z/,
    'a client without a name has a made up one');

# ---- refused before anything went upstream

my @upstream = (qw(key finish_reason first_token_time), @counts);

sub nothing_of_upstream {
    my ($line, $name) = @_;

    is(values_of($line, @upstream), join(' ', ('-') x @upstream),
        "$name: nothing of upstream");

    return;
}

$t->post('/v1/chat/completions', body('hi'));
$line = logged();
is(values_of($line, qw(status client error)), '401 - invalid_api_key',
    'no token');
is(values_of($line, qw(operation model requested_model stream tries)),
    '- - - - -', '... nothing is known yet');
nothing_of_upstream($line, 'no token');

$line = ask('/v1', 'hi', model => 'claude');
is(values_of($line, qw(status client model requested_model error tries)),
    '403 alice claude claude permission_denied 0', 'a model not allowed');
nothing_of_upstream($line, 'not allowed');

$line = ask('/v1', 'hi', temperature => 'hot');
is(values_of($line, qw(status operation client)),
    '400 chat_completions alice', 'a bad request');
nothing_of_upstream($line, 'a bad request');

$line = ask('/small', 'hi');
is(values_of($line, qw(status error operation)), '413 request_too_large -',
    'nginx\'s own 413');

$t->get('/v1/nothing', token => $token);
$line = logged();
is(values_of($line, qw(status client error operation)),
    '404 alice unknown_url -', 'an unknown path');

# ---- refused by upstream, too late, cut

$line = ask('/open', 'bad');
is(values_of($line, qw(status tries model)), '400 1 gemini-2.5-flash',
    'a request that upstream refuses');
like($line->{key}, qr/\A[^-]/, '... names the key');
is(values_of($line, @counts), '- - - -', '... and has no counts');

$line = ask('/slow', 'silent');
is(values_of($line, qw(status error)), '504 timeout', 'a timeout');

$line = ask('/open', 'cut', stream => \1);
is(values_of($line, qw(status error)), '200 stream_truncated',
    'a stream that breaks off is a 200 with an error');
like($line->{first_token_time}, qr/\A\d/, '... after its first token');

my $s = $t->stream('POST', '/open/chat/completions',
    body('leave', stream => \1));
$s->next_event;
$s->abort;
$line = logged();
is(values_of($line, qw(stream tries model)), '1 1 gemini-2.5-flash',
    'a client that leaves is logged');
is(values_of($line, @counts), '- - - -', '... without counts');

# ---- models, preflight, status, and what is not ours

$t->get('/v1/models', token => $token);
is(values_of(logged(), qw(operation client status)), 'models alice 200',
    'the list of models');
$t->get('/v1/models/gemini-2.5-flash', token => $token);
is(values_of(logged(), qw(operation client status)), 'model alice 200',
    'and one of them');

for my $case (['OPTIONS', '/v1/chat/completions'], ['GET', '/status'],
    ['GET', '/'])
{
    $t->request(@$case);
    is(values_of(logged(), @names), join(' ', ('-') x @names),
        "@$case: none is set");
}

# ---- elsewhere than in a log

my $r = $t->post('/header/chat/completions', body('hi'));
logged();
is("$r->{headers}{'x-model'} $r->{headers}{'x-operation'}",
    'gpt-4o chat_completions', 'add_header can use them');

# ---- text of the client's cannot forge a line

$line = ask('/open', 'hi', model => "a\nb|c\"\x{e9}");
is($line->{status}, 400, 'a model with a newline is refused');
is($lines, () = do { open my $file, '<', $t->dir . '/ours.log'; <$file> },
    'and is one line of the log');

$t->done;
