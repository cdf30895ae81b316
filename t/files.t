# Files through the pool: uploads in every form, to whatever prefix, with the
# data step allowed by the upload itself; what becomes of them; downloads.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(decode_base64);
use Test::More;

use GeminiTest;
use GeminiTest::Resources;

my $t = GeminiTest->new;
my $simulator = two_projects($t, options => { upload_granularity => 1000 });
my $generate = "models/$model:generateContent";
my $denied = qr/You do not have permission to access the File/;
my $data = join '', map { chr($_ % 256) } 1 .. 2560;

$t->start(resources_conf($simulator, pool => 'balance round_robin;',
    locations => <<'EOC') . <<"EOC");
        location /x/y/ { gemini_pass main native; }
        location /small/ {
            gemini_pass main native; client_max_body_size 1k;
        }
EOC
    server {
        listen %%PORT_2%%;
        gemini_auth apps;
        location /v1beta/ { gemini_pass main native; }
        location /upload/ { gemini_pass main native; }
    }
EOC

sub options { return $simulator->control('PUT', '/options', {@_}) }
sub hash_of { return decode_base64($_[0]{sha256Hash} // '') }

sub fine {
    my ($r, $sent, $what) = @_;

    is($r->{status}, 200, "$what: taken") or diag($r->{body});
    is(hash_of($r->{json}{file}), sha256_hex($sent), "$what: all of it");

    return $r->{json}{file} || {};
}

# ---- a start and its data, under each prefix

for my $case (
    ['/', '/upload/v1beta/files', {}],
    ['/, v1alpha', '/upload/v1alpha/files', {}],
    ['/, v1', '/upload/v1/files', {}],
    ['/v1beta/ and /upload/', '/upload/v1beta/files', { port => '_2' }],
    ['/x/y/', '/x/y/upload/v1beta/files', {}],
    ["Google's own address", '/x/y/upload/v1beta/files', {}, 'google'],
) {
    my ($what, $path, $port, $host) = @$case;

    options(upload_host => $host // 'own');
    $simulator->forget;

    my ($target, $r) = begin_upload($t, length $data, path => $path, %$port,
        host => 'gemini.test:8080', file => { displayName => 'a.txt' });
    my $url = $r->{headers}{'x-goog-upload-url'} // '';

    is($r->{status}, 200, "$what: an upload starts") or diag($r->{body});
    like($url, qr{\Ahttp://gemini\.test:8080\Q$path\E\?upload_id=[\w-]+},
        "$what: its address is here, under the client's own path");
    like($url, qr/upload_protocol=resumable/, "$what: with the whole query");
    is($r->{headers}{'x-goog-upload-status'}, 'active',
        "$what: with its status");
    is($r->{headers}{'x-goog-upload-chunk-granularity'}, 1000,
        "$what: and granularity");
    unlike($r->{raw}, qr/googleapis|127\.0\.0\.1/,
        "$what: nothing names the address behind");

    $r = send_upload($t, $target, 'upload, finalize', $data, 0, %$port);
    my $file = fine($r, $data, "$what: the data, without a credential");

    is($r->{headers}{'x-goog-upload-status'}, 'final', "$what: it is final");
    is($file->{displayName}, 'a.txt', "$what: with its name");
    is($file->{mimeType}, 'text/plain', "$what: and its type");

    my ($start, $sent) = $simulator->seen;
    is($sent->{path}, $start->{path}, "$what: upstream got it at one path");
    is($start->{body}{file}{displayName}, 'a.txt',
        "$what: the metadata went up");
    is($sent->{body}{length}, length $data, "$what: and the data");
    is(call($t, 'GET', $file->{name}, undef, %$port)->{json}{name},
        $file->{name}, "$what: and it is there");
}
options(upload_host => 'own');

my ($target, $r) = begin_upload($t, 3, as => '',
    path => "/upload/v1beta/files?key=$token{alice}");
is($r->{status}, 200, 'a token in the query is one too') or diag($r->{body});
like($target, qr/upload_id=/, 'and the address works without it');
is(($simulator->seen)[-1]{query}{key}, undef, 'upstream is not shown it');
fine(send_upload($t, $target, 'upload, finalize', 'abc'), 'abc', 'its data');

# ---- who may go on

for my $case (['an unknown upload_id',
        '/upload/v1beta/files?upload_id=AAAAbbbbCCCCdddd'],
    ['no upload_id', '/upload/v1beta/files'])
{
    $simulator->forget;
    $r = send_upload($t, $case->[1], 'upload, finalize', $data);
    like($r->{status}, qr/\A40[134]\z/, "$case->[0] is refused");
    ok($r->{json}{error}{message}, "$case->[0]: in Google's form");
    is(scalar $simulator->seen, 0, "$case->[0]: upstream is not asked");
}
($target) = begin_upload($t, 3);
$r = call($t, 'GET', $target, undef, as => '');
like($r->{status}, qr/\A40[0-5]\z/, 'an upload_id allows no other method');
(my $other = $target) =~ s{/upload/v1beta/files}{/v1beta/files};
is(call($t, 'GET', $other, undef, as => '')->{status}, 401,
    'nor another path');
$simulator->control('DELETE', '/resources/uploads/'
    . ($target =~ /upload_id=([\w-]+)/)[0]);
$r = send_upload($t, $target, 'upload, finalize', 'abc');
is($r->{status}, 404, "one that upstream has dropped gets upstream's word");

# ---- chunk by chunk

($target) = begin_upload($t, length $data, path => '/x/y/upload/v1beta/files');
$r = send_upload($t, $target, 'upload', substr($data, 0, 1000));
is("$r->{status} $r->{headers}{'x-goog-upload-status'}", '200 active',
    'a first chunk');
$r = send_upload($t, $target, 'query');
is($r->{headers}{'x-goog-upload-size-received'}, 1000,
    'how far it is can be asked');
$r = send_upload($t, $target, 'upload', substr($data, 0, 1000), 0);
is("$r->{status} $r->{headers}{'x-goog-upload-status'}", '400 active',
    "a wrong offset gets upstream's refusal, headers and all");
ok($t->reload, 'nginx is reloaded between two chunks');
$r = call($t, 'PUT', $target, substr($data, 1000, 1000), as => '',
    headers => { 'X-Goog-Upload-Command' => 'upload',
        'X-Goog-Upload-Offset' => 1000 });
is($r->{status}, 200, 'a second one, by PUT') or diag($r->{body});
$r = send_upload($t, $target, 'upload, finalize', substr($data, 2000), 2000,
    chunked => 100);
fine($r, $data, 'the last one, without a length');
$r = send_upload($t, $target, 'upload, finalize', 'x', 2560);
is("$r->{status} $r->{headers}{'x-goog-upload-status'}", '400 final',
    'after that it is over');

($target) = begin_upload($t, 0);
fine(send_upload($t, $target, 'finalize'), '', 'an empty file');
($target) = begin_upload($t, 3);
is(send_upload($t, $target, 'cancel')->{headers}{'x-goog-upload-status'},
    'cancelled', 'an upload is cancelled');

my ($head, $tail) = ("--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b"
    . "\r\nContent-Type: image/png\r\n\r\n", "\r\n--b--\r\n");
for my $case (['?uploadType=multipart'],
    ['', 'X-Goog-Upload-Protocol' => 'multipart'])
{
    my ($query, %headers) = @$case;

    $r = call($t, 'POST', "/upload/v1beta/files$query", "$head$data$tail",
        headers => { %headers,
            'Content-Type' => 'multipart/related; boundary=b' });
    fine($r, $data, 'in one body' . (%headers ? ' by header' : ''));
    is(call($t, 'GET', $r->{json}{file}{name})->{status}, 200, 'and there');
}

($target) = begin_upload($t, 2000, path => '/small/upload/v1beta/files');
$r = send_upload($t, $target, 'upload, finalize', substr $data, 0, 2000);
is($r->{status}, 413, 'client_max_body_size holds');

# ---- what becomes of it

my $file = upload($t, $data);
my $owner = made_by($simulator, $file->{name});
my $use = sub { my ($file, %o) = @_;
    call($t, 'POST', $generate, { contents => [{ role => 'user',
        parts => [{ text => '#echo seen' }, { fileData => {
            fileUri => $file->{uri}, mimeType => 'text/plain' } }] }] }, %o) };

for (1 .. 6) {
    is($use->($file)->{status}, 200, "it is used, time $_");
}
$r = call($t, 'POST', '/v1/chat/completions', { model => $model,
    messages => [{ role => 'user', content => [
        { type => 'text', text => '#echo seen' },
        { type => 'file', file => { file_id => $file->{name} } }] }] });
is($r->{json}{choices}[0]{message}{content}, 'seen', "by OpenAI's clients too")
    or diag($r->{body});

google_error($use->($file, as => 'bob'), 403, $denied, "another client's use");
for my $verb (qw(GET DELETE)) {
    google_error(call($t, $verb, $file->{name}, undef, as => 'bob'), 403,
        $denied, "another client's $verb");
}
google_error(call($t, 'GET', 'files/nobody-has-it'), 403, $denied,
    'an unknown one');
google_error(call($t, 'GET', "$file->{name}:download?alt=media"), 400,
    qr/generated/, 'a download of what was uploaded');

options(file_gets => 1);
my $slow = upload($t, 'slow');
google_error($use->($slow), 400, qr/not in an ACTIVE state/,
    'a file not ready yet');
call($t, 'GET', $slow->{name});
is($use->($slow)->{status}, 200, 'until it is');
options(file_gets => 0);
is(rests($t), '', 'no key rests for any of this');

$r = call($t, 'POST', 'files', { file => { name => 'files/metadata-only' } });
is($r->{json}{file}{name}, 'files/metadata-only', 'metadata alone is taken');
is(call($t, 'DELETE', $file->{name})->{body}, "{}\n", 'a file is deleted');
is(resource($simulator, $file->{name}), undef, 'upstream too');

# ---- a client that leaves in the middle, and comes back

($target) = begin_upload($t, 3000);
$simulator->forget;

my $client = $t->connect;
$client->send_bytes("POST $target HTTP/1.1\r\nHost: x\r\n"
    . "X-Goog-Upload-Command: upload, finalize\r\nX-Goog-Upload-Offset: 0\r\n"
    . "Content-Length: 3000\r\n\r\n" . 'x' x 1200);
ok($t->wait_for(sub { my ($s) = $simulator->seen;
    $s && ($s->{body}{length} // 0) == 1200 }),
    'upstream has a part before the client has sent the rest');
is(join(' ', glob $t->dir . '/temp/client_body/*'), '',
    'nothing of it is on disk');
$client->abort(rst => 1);
ok($t->wait_for(sub { ($simulator->seen)[0]{outcome} // '' eq 'client_gone' }),
    'and is told that the client left');
$r = send_upload($t, $target, 'query');
is($r->{headers}{'x-goog-upload-size-received'}, 1200,
    'the client may ask how far it came');
$r = send_upload($t, $target, 'upload, finalize', 'x' x 1800, 1200);
fine($r, 'x' x 3000, 'and send the rest');
is(rests($t), '', 'no key rests for it');

# ---- a project whose keys are at their limit

my $first = made_by($simulator, upload($t, 'x')->{name});
my @own = grep { ($_ eq 'two' ? 'two' : 'one') eq $first } sort keys %secret;
$simulator->set_key($_, { key => $secret{$_}, project => $first,
    behaviours => [{ do => 'rate_limit', methods => 'upload.start' }] })
    for @own;
($target, $r) = begin_upload($t, 3);
is($r->{status}, 200, 'a start moves on to another project')
    or diag($r->{body});
$file = fine(send_upload($t, $target, 'upload, finalize', 'abc'), 'abc',
    'and its data follow there');
isnt(made_by($simulator, $file->{name}), $first, 'indeed');

$t->done;
