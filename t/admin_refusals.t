# What the admin API does not take: pages of other sites, forms, bodies that
# are none or too large. And what it never tells: a whole key, wherever it
# stood.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    google => 'AIzaSyAdminRefusalsAAAAAAAAAAAAAAAAAAAA',
    opaque => 'admin-refusals-opaque-27182818284590',
    late => 'admin-refusals-late-31415926535897932',
);
my $admin = 'sk-admin-refusals-root-0001';
my $alice = 'sk-admin-refusals-alice-0001';
my $json = 'application/json';

$t->secrets(values %secret, $admin, $alice);

my $simulator = $t->simulator;

$t->start(<<"EOC");
    gemini_keys main {
        key $secret{google} name=google;
        key $secret{opaque} name=opaque;
    }
    gemini_clients apps {
        token $admin name=root role=admin;
        token $alice name=alice;
    }
    gemini_upstream http://%%$simulator%%;
    log_format uris '\$request | \$request_uri | \$uri';
    server {
        listen %%PORT%% reuseport;
        access_log %%DIR%%/access.log uris;
        location /gemini/ { gemini_admin main; gemini_auth apps;
            client_max_body_size 6m;
            add_header X-Worker \$pid always; }
        location /small/ { gemini_admin main; gemini_auth apps;
            client_max_body_size 1k; }
    }
EOC

sub admin {
    my ($method, $path, $body, %o) = @_;

    return $t->request($method, ($o{at} // '/gemini') . "/api/$path", $body,
        token => $admin, %o);
}

sub said {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{json}{error}{code} // '-';
}

sub names {
    return join ' ', sort map { $_->{name} }
        @{ admin('GET', 'status')->{json}{keys} };
}

my $encode = JSON::PP->new->utf8->canonical;
my $new = $encode->encode({ key => $secret{late}, name => 'late' });

# The call that adds a key, with these headers.
sub add_with {
    my ($headers, %o) = @_;

    return admin('POST', 'keys', $new,
        headers => { 'Content-Type' => $json, %$headers }, %o);
}

# ---- pages of other sites

my $here = 'gemini.example:8080';

for my $case (
    [{ 'Sec-Fetch-Site' => 'cross-site' }, 'a page of another site'],
    [{ 'Sec-Fetch-Site' => 'same-site' }, 'one of another host of the site'],
    [{ 'Sec-Fetch-Site' => 'Cross-Site' }, 'in any case'],
    [{ Origin => 'https://evil.example' }, 'another origin'],
    [{ Origin => 'null' }, 'an origin that is hidden'],
    [{ Origin => 'http://gemini.example' }, 'another port'],
    [{ Origin => "http://$here.evil.example" }, 'a host that begins alike'],
    [{ Origin => "https://evil.example/http://$here" }, 'one that ends alike'],
    [{ Origin => "ftp://$here" }, 'another scheme'],
    [{ Origin => "http://$here", 'Sec-Fetch-Site' => 'cross-site' },
        'who says both'],
) {
    my ($headers, $who) = @$case;

    is(said(add_with($headers, host => $here)), '403 cross_site',
        "$who may add nothing");
}

my %foreign = (headers => { Origin => 'https://evil.example' });

is(said(admin('DELETE', 'keys/google', undef, %foreign)), '403 cross_site',
    'nor remove');
is(said(admin('POST', 'keys/google/reset', undef, %foreign)),
    '403 cross_site', 'nor reset');
is(said(admin('PATCH', 'keys/google', '{"enabled":false}', headers => {
    'Content-Type' => $json, %{ $foreign{headers} } })), '403 cross_site',
    'nor change');
is(said(admin('POST', 'keys/import', $secret{late}, %foreign)),
    '403 cross_site', 'nor import');
is(admin('GET', 'status', undef, %foreign)->{status}, 200,
    'reading is what the browser guards');
is(names(), 'google opaque', 'nothing has changed');

for my $case (
    [{ Origin => "http://$here" }, 'the same origin'],
    [{ Origin => "https://$here" }, 'behind somebody who does TLS'],
    [{ Origin => 'http://GEMINI.example:8080' }, 'in any case'],
    [{ 'Sec-Fetch-Site' => 'same-origin' }, 'a page of ours'],
    [{ 'Sec-Fetch-Site' => 'none' }, 'the user himself'],
) {
    my ($headers, $who) = @$case;

    is(add_with($headers, host => $here)->{status}, 201, "$who may add");
    is(admin('DELETE', 'keys/late')->{status}, 204, 'and so may no page');
}

is(add_with({ Origin => 'http://gemini.example' },
    host => 'gemini.example:80')->{status}, 201, 'a default port is none');
admin('DELETE', 'keys/late');

# ---- content types

for my $type ('text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x', 'application/jsonp', '')
{
    is(said(admin('POST', 'keys', $new,
        headers => { 'Content-Type' => $type })), '415 unsupported_media_type',
        "\"$type\" is no JSON");
}

is(said(admin('POST', 'keys', $new)), '415 unsupported_media_type',
    'no type is none either');
is(said(admin('PATCH', 'keys/google', '{"enabled":false}',
    headers => { 'Content-Type' => 'text/plain' })),
    '415 unsupported_media_type', 'nor for a change');
is(said(admin('POST', 'keys/google/reset', 'a=b', headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' })),
    '415 unsupported_media_type', 'nor for a reset');
is(said(admin('POST', 'keys/import', $secret{late}, headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' })),
    '415 unsupported_media_type', 'an import is no form');
is(said(admin('POST', 'keys/import', $secret{late}, headers => {
    'Content-Type' => 'Multipart/Form-Data; boundary=x' })),
    '415 unsupported_media_type', 'of neither kind');
is(names(), 'google opaque', 'nothing has changed');

my $r = admin('POST', 'keys', $new,
    headers => { 'Content-Type' => 'Application/JSON; charset=utf-8' });
is($r->{status}, 201, 'JSON with a charset is JSON');
admin('DELETE', 'keys/late');

# ---- bodies

my $deep = ('[' x 5000) . (']' x 5000);

for my $case (
    ['', 'nothing'], ['{', 'half an object'], ['[]', 'a list'],
    ['null', 'null'], ["$new$new", 'two objects'], ["\xff\xfe", 'noise'],
    ["{\"key\":\"\xc3\x28\"}", 'broken UTF-8'],
    ["{\"key\":$deep}", 'a very deep value'],
    ['{"key":"' . $secret{late}, 'a key cut off'],
) {
    my ($body, $what) = @$case;

    for my $o ([], [chunked => 7]) {
        is(admin('POST', 'keys', $body, headers => { 'Content-Type' => $json },
            @$o)->{status}, 400, "$what is a bad request"
            . (@$o ? ', in pieces too' : ''));
    }
}

$r = admin('POST', 'keys', $new, headers => { 'Content-Type' => $json },
    chunked => 5);
is($r->{status}, 201, 'a body in pieces is taken');
admin('DELETE', 'keys/late');

my $huge = $encode->encode({ key => 'x' x 70_000 });

for my $o ([], [chunked => 4096]) {
    my $how = @$o ? ', in pieces too' : '';

    is(said(admin('POST', 'keys', $huge,
        headers => { 'Content-Type' => $json }, @$o)),
        '413 request_too_large', "JSON over 64k is too large$how");
    is(admin('POST', 'keys/import', "# $secret{late}\n" x 110_000, @$o)
        ->{status}, 413, "an import over 4m is$how");
    is(admin('POST', 'keys/import', "# comment\n" x 400, @$o,
        at => '/small')->{status}, 413,
        "and what client_max_body_size does not allow$how");
}

$r = admin('POST', 'keys/import', join '', map { "key-$_\n" } 1 .. 20_001);
is($r->{status}, 413, 'so are too many keys');
is(names(), 'google opaque', 'nothing has changed');

$r = admin('POST', 'keys/import', ("# comment\n" x 150_000)
    . "$secret{late} name=late\n");
is("$r->{status} $r->{json}{added}", '200 1',
    'a body larger than a buffer is taken');
is(names(), 'google late opaque', 'to its last line');

my $half = $t->stream('POST', '/gemini/api/keys', undef, token => $admin,
    headers => { 'Content-Type' => $json, 'Content-Length' => 100 });
$half->send_bytes('{"key":"half');
$half->abort;
is(admin('GET', 'status')->{status}, 200, 'a client that leaves is no harm');

# ---- keys in the path

sub logged {
    my ($before) = @_;

    $t->wait_for(sub { length $t->access_log > length $before });

    return substr $t->access_log, length $before;
}

for my $name (qw(google opaque late)) {
    my $secret = $secret{$name};

    $r = admin('POST', "keys/$secret/reset");
    is("$r->{status} $r->{json}{name}", "200 $name",
        "the whole key of $name is one of its names");
    is(admin('GET', "keys/$secret")->{status}, 405,
        'a wrong method with it');
    is(admin('GET', "keys/$secret/more")->{status}, 404, 'a wrong path');
    is($t->request('POST', "/gemini/api/keys/$secret/reset")->{status}, 401,
        'no token');
    is($t->request('POST', "/gemini/api/keys/$secret/reset", undef,
        token => $alice)->{status}, 403, "one that is no admin's");
    is(admin('POST', "keys/$secret/reset", undef, %foreign)->{status}, 403,
        'a page of another site');
    is(admin('PATCH', "keys/$secret", '{}',
        headers => { 'Content-Type' => 'text/plain' })->{status}, 415,
        'a wrong type');
    is(admin('PATCH', "keys/$secret", { weight => 'x' })->{status}, 400,
        'a wrong body');
}

is(said(admin('POST', 'keys', { key => 'refusals-plain-key-1',
    name => $secret{opaque} })), '400 invalid_value',
    "another's key is no name");
is(said(admin('POST', 'keys', { key => 'refusals-plain-key-2',
    project => "p-$secret{opaque}" })), '400 invalid_value', 'no project');
is(said(admin('PATCH', 'keys/google', { name => $secret{opaque} })),
    '400 invalid_value', 'nor a new name');

# Each worker has to know of a key that another has just added.
for my $round (1 .. 20) {
    my $fresh = "admin-refusals-fresh-$round-577215664901532";

    $t->secrets($fresh);
    admin('POST', 'keys', { key => $fresh });
    is(admin('POST', "keys/$fresh/reset")->{status}, 200,
        'a key is found right after it was added');
    is(admin('DELETE', "keys/$fresh")->{status}, 204, 'and removed');
    is(admin('DELETE', "keys/$fresh")->{status}, 404, 'once');
}

like($t->access_log, qr{keys/(?:\[redacted\]|\*\*\*)/reset},
    'the log has something in their place');

# ---- as many keys as there is room for

$r = admin('POST', 'keys/import', join '', map { "overflow-key-$_\n" }
    1 .. 5000);
is($r->{status}, 200, 'more keys than there is room for');
cmp_ok($r->{json}{added}, '<', 5000, 'are not all taken');
is($r->{json}{added} + @{ $r->{json}{refused} }, 5000,
    'and each that is not is told');
is($r->{json}{refused}[0]{line}, $r->{json}{added} + 1, 'by its line');
is(admin('POST', 'keys', { key => 'one-too-many-key' })->{json}{error}{code},
    'no_room', 'one more has no room');
is(admin('DELETE', 'keys/overflow-key-1')->{status}, 204, 'one less');
is(admin('POST', 'keys', { key => 'one-too-many-key' })->{status}, 201,
    'makes room');

$t->done;
