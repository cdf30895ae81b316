# Recorded traffic of Google's through gemini_pass native: the same bytes come
# out at both ends. The recordings are not part of the repository:
# GEMINI_FIXTURES names their directory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $directory = $ENV{GEMINI_FIXTURES} // '';

plan(skip_all => 'GEMINI_FIXTURES is not set to the directory of recorded '
    . 'traffic') unless -d "$directory/stream" && -d "$directory/recordings";

my $key = 'native-recorded-key-2236067977';
my $token = 'sk-native-recorded-173205';
my $json = JSON::PP->new->utf8->allow_nonref;
my $t = GeminiTest->new;

sub content {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!\n";

    return do { local $/; <$file> };
}

# name, path of the request, its body, status and body of the answer
my @exchanges;

sub add {
    my ($name, $path, $request, $status, $answer) = @_;

    # Each under a model of its own, by which the upstream knows it.
    $path =~ s{/models/[^:]+}{'/models/recorded-' . @exchanges}e;
    $name =~ s{.*/}{};
    push @exchanges, { name => $name, path => $path, request => $request,
        status => $status, answer => $answer };

    return;
}

for my $path (glob "$directory/recordings/*.json") {
    for my $one (@{ $json->decode(content($path))->{interactions} }) {
        my ($request, $answer) = @$one{qw(request response)};
        my @events = map { $json->encode($_) } @{ $answer->{bodySegments} };
        my $streamed = $request->{url} =~ /alt=sse/;

        next if $request->{method} ne 'POST'
            || $request->{url} !~ m{/models/[^/]+:\w+};
        add($path, $request->{url},
            join('', map { $json->encode($_) } @{ $request->{bodySegments} }),
            $answer->{statusCode}, $streamed
                ? join('', map { "data: $_\r\n\r\n" } @events)
                : join('', @events));
    }
}

for my $path (glob "$directory/stream/*.txt") {
    add($path, '/v1beta/models/m:streamGenerateContent?alt=sse', '{}', 200,
        content($path));
}

for my $path (glob "$directory/unary/*.json") {
    my $answer = content($path);
    my $code = ($json->decode($answer)->{error} || {})->{code} // 200;

    add($path, '/v1beta/models/m:generateContent', '{}', $code, $answer);
}

my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($number) = $request->{path} =~ /recorded-(\d+)/;
    my $one = $exchanges[$number];

    return {
        status => $one->{status}, framing => 'chunked',
        pieces => [$one->{answer} =~ /(.{1,1500})/sg],
        headers => { 'Content-Type' => $one->{path} =~ /alt=sse/
            && $one->{status} == 200 ? 'text/event-stream'
            : 'application/json; charset=UTF-8' },
    };
});

$t->secrets($key, $token);
$t->start(<<"EOC");
    gemini_keys main {
        key $key; cooldown invalid off; cooldown rate_limit off;
        cooldown no_access off;
    }
    gemini_clients apps { token $token; }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        location / { gemini_pass main native; gemini_auth apps; }
    }
EOC

cmp_ok(scalar @exchanges, '>', 20, 'there are recordings');

for my $one (@exchanges) {
    my $r = $t->post($one->{path}, $one->{request}, headers =>
        { 'x-goog-api-key' => $token, 'Content-Type' => 'application/json' });
    my $seen = ($up->seen)[-1];

    is($seen->{uri}, $one->{path}, "$one->{name}: the path is the same");
    is($seen->{body}, $one->{request}, 'the request byte for byte');

    # What is wrong with our key, or said before a stream begins, has a
    # status of its own.
    if ($r->{status} == $one->{status}) {
        is($r->{body}, $one->{answer}, 'and the answer byte for byte');

    } else {
        is($r->{json}{error}{code}, $r->{status}, "a $r->{status} instead");
        like($one->{answer}, qr/"error"/, 'of an error');
    }
}

$t->done;
