# What messages hold besides words: images, sounds, documents and films, as
# data and as addresses, and what of an assistant's message comes back in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use GeminiTest;

my $key = 'simulated-key-content-2236067977';
my $json = JSON::PP->new->canonical->allow_nonref;
my @families = qw(gemini-2.5-flash gemini-3.8-flash gemini-4-argon);

my $t = GeminiTest->new;
my $simulator = $t->simulator;

# A file that messages below name.
$simulator->control('PUT', '/resources',
    { name => 'files/abc-123', project => $key });

$t->secrets($key);
$t->start(<<"EOC");
    gemini_keys main { key $key; }
    gemini_upstream http://%%$simulator%%;
    client_max_body_size 16m;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
    }
EOC

sub user { return { role => 'user', content => $_[0] } }
sub text { return { type => 'text', text => $_[0] } }

sub ask {
    my ($messages, %o) = @_;

    $simulator->forget;
    my $r = $t->post('/v1/chat/completions', { model => 'gemini-3.8-flash',
        messages => $messages, %o });
    my ($seen) = $simulator->seen;

    return { status => $r->{status}, error => $r->{json}{error},
        asked => $seen && $seen->{body} };
}

# The parts that upstream is shown of a message with these.
sub shown {
    my ($r) = @_;

    return $r->{asked} ? $r->{asked}{contents}[0]{parts} : $r->{error};
}

sub base64 { return encode_base64($_[0], '') }

my $tail = "\0" x 3 . 'more bytes follow here';
my %bytes = (png => "\x89PNG\r\n\x1a\n$tail", jpeg => "\xff\xd8\xff\xe0$tail",
    webp => "RIFF\x10\0\0\0WEBP$tail", heic => "\0\0\0\x18ftypheic$tail",
    gif => "GIF89a$tail", pdf => "%PDF-1.7\n$tail",
    wav => "RIFF\x10\0\0\0WAVE$tail", raw => "\x01\x02\x03$tail");
my %data = map { $_ => base64($bytes{$_}) } keys %bytes;

sub image {
    my ($url, %o) = @_;

    return { type => 'image_url', image_url => { url => $url, %o } };
}

sub sound {
    my ($data, $format) = @_;

    return { type => 'input_audio', input_audio => { data => $data,
        $format ? (format => $format) : () } };
}

sub file { my (%o) = @_; return { type => 'file', file => \%o } }

# ---- data

for my $case (
    ['a PNG', image("data:image/png;base64,$data{png}"), 'image/png', 'png'],
    ['a JPEG', image("data:image/jpeg;base64,$data{jpeg}", detail => 'low'),
        'image/jpeg', 'jpeg'],
    ['a WebP', image("data:image/webp;base64,$data{webp}"), 'image/webp',
        'webp'],
    ['a HEIC', image("data:image/heic;base64,$data{heic}"), 'image/heic',
        'heic'],
    ['image/jpg', image("data:image/jpg;base64,$data{jpeg}"), 'image/jpeg',
        'jpeg'],
    ['a JPEG that is said to be a PNG',
        image("data:image/png;base64,$data{jpeg}"), 'image/jpeg', 'jpeg'],
    ['an image of any type', image("data:image/*;base64,$data{png}"),
        'image/png', 'png'],
    ['a data URI without a type', image("data:;base64,$data{png}"),
        'image/png', 'png'],
    ['a data URI in capitals', image("DATA:IMAGE/PNG;BASE64,$data{png}"),
        'image/png', 'png'],
    ['a data URI with parameters', image('data:image/png;name=a.png;'
        . "charset=utf-8;base64,$data{png}"), 'image/png', 'png'],
    ['a data URI in lines', image('data:image/png;base64,'
        . encode_base64($bytes{png})), 'image/png', 'png'],
    ['the other alphabet, without padding', image('data:image/png;base64,'
        . $data{png} =~ tr{+/}{-_}r =~ s/=+\z//r), 'image/png', 'png'],
    ['an image_url that is a string', { type => 'image_url',
        image_url => "data:image/png;base64,$data{png}" }, 'image/png',
        'png'],
    ['an input_image', { type => 'input_image',
        image_url => "data:image/png;base64,$data{png}" }, 'image/png',
        'png'],
    ['a WAV', sound($data{wav}, 'wav'), 'audio/wav', 'wav'],
    ['an MP3', sound($data{raw}, 'mp3'), qr{\Aaudio/(mp3|mpeg)\z}, 'raw'],
    ['audio as a data URI', sound("data:audio/ogg;base64,$data{raw}", 'ogg'),
        'audio/ogg', 'raw'],
    (map { ["audio of $_", sound($data{raw}, $_), "audio/$_", 'raw'] }
        qw(aac flac aiff ogg m4a)),
    ['a PDF', file(file_data => "data:application/pdf;base64,$data{pdf}",
        filename => 'a.pdf'), 'application/pdf', 'pdf'],
    ['a PDF without its type', file(file_data => $data{pdf},
        filename => 'a.PDF'), 'application/pdf', 'pdf'],
    ['a text', file(file_data => $data{raw}, filename => 'notes.txt'),
        'text/plain', 'raw'],
    ['a table', file(file_data => "data:text/csv;base64,$data{raw}"),
        'text/csv', 'raw'],
    ['JSON', file(file_data => "data:application/json;base64,$data{raw}"),
        'text/plain', 'raw'],
    ['a program', file(file_data => $data{raw}, filename => 'a.py'),
        'text/x-python', 'raw'],
    ['a film', { type => 'video_url', video_url => {
        url => "data:video/mp4;base64,$data{raw}" } }, 'video/mp4', 'raw'],
    ['an input_file', { type => 'input_file', filename => 'a.pdf',
        file_data => $data{pdf} }, 'application/pdf', 'pdf'],
) {
    my ($what, $part, $type, $bytes) = @$case;

    for my $model (@families) {
        my $r = ask([user([text('see'), $part])], model => $model);
        my $parts = shown($r);

        is($r->{status}, 200, "$what, $model") or diag($r->{error}{message});
        next unless ref $parts eq 'ARRAY';

        my $inline = $parts->[1]{inlineData} || {};
        like($inline->{mimeType}, ref $type ? $type : qr/\A\Q$type\E\z/,
            "$what: of its type");
        is(($inline->{data} // '') =~ tr{-_}{+/}r =~ s/[\s=]//gr,
            $data{$bytes} =~ s/=//gr, "$what: byte for byte");
        is($parts->[0]{text}, 'see', "$what: in its place");
    }
}

my $r = ask([user([image("data:image/svg+xml,%3Csvg%3E")])]);
is($r->{status}, 400, 'an SVG is refused');
$r = ask([user([file(file_data => 'data:text/plain,a%20b%ff')])]);
is("$r->{status} " . (ref shown($r) eq 'ARRAY'
    ? shown($r)->[0]{inlineData}{data} : ''), '200 ' . base64("a b\xff"),
    'a data URI in percents is made base64');

my $large = "\x89PNG\r\n\x1a\n" . 'x' x 3_000_000;
$r = ask([user([image('data:image/png;base64,' . base64($large))])]);
is($r->{status}, 200, 'an image of megabytes');
cmp_ok($r->{asked}{length}, '>', 4_000_000, 'goes through');

# ---- addresses

for my $case (
    ['an image', image('https://example.com/a.png?size=1'),
        'https://example.com/a.png?size=1', 'image/png'],
    ['an image without a type', image('https://example.com/image'),
        'https://example.com/image', undef],
    ['a document', file(file_url => 'https://example.com/a.pdf'),
        'https://example.com/a.pdf', 'application/pdf'],
    ['a film', { type => 'video_url', video_url => {
        url => 'https://example.com/a.mp4' } }, 'https://example.com/a.mp4',
        'video/mp4'],
    ['YouTube', { type => 'video_url', video_url => {
        url => 'https://www.youtube.com/watch?v=abc' } },
        'https://www.youtube.com/watch?v=abc', undef],
    ['YouTube in short', { type => 'video_url', video_url => {
        url => 'https://youtu.be/abc' } }, 'https://youtu.be/abc', undef],
    ['a file at Google', file(file_id => 'files/abc-123'), undef, undef],
    ['a file at Google by its address', file(file_id =>
        'https://generativelanguage.googleapis.com/v1beta/files/abc-123'),
        undef, undef],
) {
    my ($what, $part, $uri, $type) = @$case;

    for my $model (@families) {
        $r = ask([user([$part])], model => $model);
        is($r->{status}, 200, "the address of $what, $model")
            or diag($r->{error}{message});

        my $file = ref shown($r) eq 'ARRAY' ? shown($r)->[0]{fileData} : {};

        if (defined $uri) {
            is($file->{fileUri}, $uri, "$what: is handed to Google");
            is($file->{mimeType}, $type, "$what: with its type, if known");

        } else {
            like($file->{fileUri}, qr{files/abc-123\z},
                "$what: is handed to Google");
        }
    }
}

# ---- what is refused

my $at = 'messages[0].content[1]';

for my $case (
    ['a GIF', image("data:image/gif;base64,$data{gif}")],
    ['a GIF that is said to be a PNG',
        image("data:image/png;base64,$data{gif}")],
    ['a BMP', image('data:image/bmp;base64,' . base64("BM$tail"))],
    ['an SVG', image('data:image/svg+xml;base64,' . base64('<svg/>'))],
    ['data that is no base64', image('data:image/png;base64,?*!')],
    ['data that is not there', image('data:image/png;base64,')],
    ['a data URI without data', image('data:image/png;base64')],
    ['an address without TLS', image('http://example.com/a.png')],
    ['an address of this machine', image('file:///etc/passwd')],
    ['an address of a bucket', image('gs://bucket/a.png')],
    ['no address', image('')],
    ['an image without a URL', { type => 'image_url' }],
    ['a sound of an unknown format', sound($data{raw}, 'midi')],
    ['a sound without data', { type => 'input_audio', input_audio => {
        format => 'wav' } }],
    ['a file at OpenAI', file(file_id => 'file-abc123')],
    ['a file that is not there', file(filename => 'a.pdf')],
    ['a file of an unknown type', file(filename => 'a.exe',
        file_data => $data{raw})],
    ['a part of an unknown type', { type => 'hologram' }],
    ['a part without a type', { text => 'x' }],
    ['a part that is none', 7],
) {
    my ($what, $part) = @$case;

    $r = ask([user([text('see'), $part])]);
    is("$r->{status} " . ($r->{error}{type} // ''),
        '400 invalid_request_error', "$what: refused");
    like($r->{error}{param}, qr/\A\Q$at\E/, "$what: by its place");
    ok(length($r->{error}{message} // '') > 10, "$what: in words");
    ok(!$r->{asked}, "$what: before upstream is asked");
}

$r = ask([{ role => 'system', content => [text('a'),
    image("data:image/png;base64,$data{png}")] }, user('b')]);
is("$r->{status} $r->{error}{type}", '400 invalid_request_error',
    'instructions are words');

# ---- many at once

$r = ask([user([text('a'), image("data:image/png;base64,$data{png}"),
    text(''), image('https://example.com/b.png'), sound($data{wav}, 'wav'),
    text('c')])]);
is(join(' ', map { join ',', keys %$_ } @{ shown($r) }),
    'text inlineData fileData inlineData text',
    'parts of every kind keep their order');
is(ask([user([image("data:image/png;base64,$data{png}")])],
    model => $_)->{status}, 200, "an image without words, $_") for @families;
is(ask([user([])], model => 'gemini-2.5-flash')->{status} =~ /\A(200|400)\z/,
    1, 'no parts at all are no failure');

# ---- the assistant's words come back

for my $model (@families) {
    for my $case (
        ['words in parts', { content => [text('one'), text('two')] },
            ['one', 'two']],
        ['a refusal', { content => undef, refusal => 'I will not' },
            ['I will not']],
        ['a refusal in parts', { content => [{ type => 'refusal',
            refusal => 'I will not' }] }, ['I will not']],
        ['output_text', { content => [{ type => 'output_text',
            text => 'one' }] }, ['one']],
        ['a spoken answer', { content => undef, audio => { id => 'audio_1' } },
            undef],
        ['annotations', { content => 'one', refusal => undef, annotations => [
            { type => 'url_citation', url_citation => { start_index => 0,
            end_index => 1, url => 'https://a', title => 'a' } }] }, ['one']],
        ['thoughts', { content => 'one', reasoning_content => 'two',
            reasoning => 'three', reasoning_details => [{ type =>
            'reasoning.text', text => 'four' }] }, ['one']],
        ['images', { content => 'one', images => [{ type => 'image_url',
            image_url => { url => "data:image/png;base64,$data{png}" } }] },
            ['one']],
        ['no calls', { content => 'one', tool_calls => [],
            function_call => undef, audio => undef }, ['one']],
        ['no words', { content => '' }, undef],
        ['null', { content => undef }, undef],
    ) {
        my ($what, $message, $texts) = @$case;

        $r = ask([user('a'), { role => 'assistant', %$message }, user('b')],
            model => $model);
        is($r->{status}, 200, "$what may come back, $model")
            or diag($r->{error}{message});

        my @model = grep { $_->{role} eq 'model' }
            @{ $r->{asked}{contents} || [] };
        is_deeply([map { $_->{text} } map { @{ $_->{parts} } } @model],
            $texts || [], "$what: what is the answer is sent on");
    }
}

# ---- images in the results of functions

my @called = (user('draw'), { role => 'assistant', tool_calls => [{ id => 'c',
    type => 'function', function => { name => 'draw', arguments => '{}' } }] },
    { role => 'tool', tool_call_id => 'c', content => [text('done'),
        image("data:image/png;base64,$data{png}")] });

for my $model (@families) {
    $r = ask(\@called, model => $model, tools => [{ type => 'function',
        function => { name => 'draw' } }]);
    is($r->{status}, 200, "an image as a result, $model");

    my ($response, $beside) = @{ $r->{asked}{contents}[-1]{parts} };
    my $inline = $model =~ /2\.5/ ? $beside->{inlineData}
        : $response->{functionResponse}{parts}[0]{inlineData};
    is($inline->{data}, $data{png}, 'is shown to the model');
    is_deeply($response->{functionResponse}{response}, { output => 'done' },
        'beside the words');
}

$t->done;
