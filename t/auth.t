# Who may call: the four places of a token, what each client may do, and that
# a token is neither forwarded nor written down anywhere.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(encode_base64);
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %token = (
    alice => 'sk-auth-test-alice-0001', bob => 'sk-auth-test-bob-0002',
    carol => 'sk-auth-test-carol-0003', dave => 'sk-auth-test-dave-0004',
    odd => 'sk+auth/test=odd~0005', wrong => 'sk-auth-test-wrong-0006',
);
my $upstream_key = 'AIzaSyAuthTestUpstreamKey0123456789abcd';

(my $escaped = $token{odd}) =~ s/([^\w~-])/sprintf '%%%02X', ord $1/ge;

$t->secrets(values %token, $escaped, $upstream_key);

# One that is sent where no token belongs, and so is logged there.
my $misplaced = 'sk-auth-test-frank-0007';

my $up = $t->upstream(sub {
    my ($request) = @_;

    return $request->{method} eq 'POST' ? reply('hello') : json_reply({
        models => [{ name => 'models/gemini-2.5-pro',
            supportedGenerationMethods => ['generateContent'] }],
    });
});

my $file = $t->write_file('clients', <<"EOF");
# from a file
$token{dave} name=dave   # with a comment
EOF

my $conf = <<"EOC";
    log_format ours '\$gemini_client \$status \$request_uri \$args';
    access_log %%DIR%%/access.log combined;
    access_log %%DIR%%/ours.log ours;

    limit_req_zone \$host zone=one:64k rate=1r/m;
    gemini_keys main { key $upstream_key; }
    gemini_clients apps {
        token $token{alice} name=alice;
        token sha256:@{[sha256_hex($token{bob})]} name=bob;
        token env:CAROL name=carol models=gemini-2.5-*,gpt-4o;
        token $token{odd} name=odd role=admin;
        token $misplaced name=frank;
        file $file;
    }
    gemini_clients others { token $token{carol} name=carol2; }
    gemini_upstream http://%%$up%%;
    gemini_model gpt-4o gemini-2.0-flash;
    gemini_model cheap gemini-2.5-flash-lite;

    server {
        listen %%PORT%%;
        gemini_auth apps;
        location /v1/ { gemini_pass main; }
        location /open/ { gemini_pass main; gemini_auth off; }
        location /others/ { gemini_pass main; gemini_auth others; }
        location /either/ {
            gemini_pass main;
            satisfy any;
            deny all;
        }
        location /small/ { gemini_pass main; client_max_body_size 10; }
        location /limited/ { gemini_pass main; limit_req zone=one; }
        location /both/ {
            gemini_pass main;
            satisfy all;
            deny all;
        }
        location /door/ {
            gemini_pass main;
            gemini_auth off;
            satisfy any;
            deny all;
        }
        location /basic/ {
            gemini_pass main;
            satisfy any;
            auth_basic "x";
            auth_basic_user_file %%DIR%%/passwords;
        }
        location /local/ {
            gemini_pass main;
            satisfy any;
            allow 127.0.0.1;
            deny all;
        }
    }
EOC

$t->write_file('passwords', "user:{PLAIN}word\n");
$t->start($conf, env => { CAROL => $token{carol} });

my $chat = '/v1/chat/completions';
my $sent = 0;               # requests that should have gone upstream

sub body { return { model => $_[0] // 'gemini-2.5-flash',
    messages => [{ role => 'user', content => 'hi' }] } }

sub ask {
    my ($path, %o) = @_;

    return $t->post($path, body($o{model}), %o);
}

sub passes {
    my ($name, $r) = @_;

    $sent++ if is($r->{status}, 200, $name);

    return;
}

# In OpenAI's form, and nothing went upstream.
sub refused {
    my ($name, $r, $status, $code) = @_;

    my $error = $r->{json}{error} || {};

    is("$r->{status} $error->{type} " . ($error->{code} // 'null'),
        "$status invalid_request_error $code", $name);
    ok($error->{message} && exists $error->{param}
        && $r->{headers}{'x-request-id'}, '... with all four fields and an id');

    return;
}

# ---- where a token is

passes('Authorization: Bearer', ask($chat, token => $token{alice}));
passes('the scheme in any case', ask($chat,
    headers => { Authorization => "bEARER   $token{alice}" }));
passes('x-api-key', ask($chat, headers => { 'x-api-key' => $token{alice} }));
passes('x-goog-api-key', ask($chat,
    headers => { 'X-Goog-Api-Key' => $token{alice} }));
passes('?key=', ask("$chat?key=$token{alice}"));
passes('?key= among others', ask("$chat?a=b&key=$token{alice}&c=d"));
passes('?key=, escaped', ask("$chat?key=$escaped"));
passes('?KEY=, as nginx takes an argument', ask("$chat?KEY=$token{alice}"));
passes('a header with odd characters', ask($chat, token => $token{odd}));
passes('a token known by its sha256', ask($chat, token => $token{bob}));
passes('a token of the environment', ask($chat, token => $token{carol}));
passes('a token of a file', ask($chat, token => $token{dave}));
passes('the other clients, where they may call',
    ask('/others/chat/completions', token => $token{carol}));
is($t->get('/v1/models', token => $token{alice})->{status}, 200,
    'GET models with a token');

refused('no token at all', ask($chat), 401, 'invalid_api_key');
refused('a wrong one', ask($chat, token => $token{wrong}), 401,
    'invalid_api_key');
refused("$_->[0]", ask($chat, headers => $_->[1]), 401, 'invalid_api_key')
    for (
    ['a wrong x-api-key', { 'x-api-key' => $token{wrong} }],
    ['an empty Bearer', { Authorization => 'Bearer ' }],
    ['another scheme', { Authorization => "Basic $token{alice}" }],
    ['a token without a scheme', { Authorization => $token{alice} }],
    ['the beginning of a token',
        { 'x-api-key' => substr $token{alice}, 0, -1 }],
    ['a token and more', { 'x-api-key' => "$token{alice}x" }],
    ['the digest in place of the token',
        { 'x-api-key' => sha256_hex($token{bob}) }],
    ['the sha256: form of the configuration',
        { 'x-api-key' => 'sha256:' . sha256_hex($token{bob}) }],
    ['an upstream key', { 'x-goog-api-key' => $upstream_key }],
);
refused('a wrong ?key=', ask("$chat?key=$token{wrong}"), 401,
    'invalid_api_key');
refused('another argument that ends in key',
    ask("$chat?mykey=$misplaced"), 401, 'invalid_api_key');
refused('a client of another block',
    ask('/others/chat/completions', token => $token{alice}), 401,
    'invalid_api_key');
refused('no token for the models', $t->get('/v1/models'), 401,
    'invalid_api_key');
refused('no token, no such path', $t->get('/v1/nothing'), 401,
    'invalid_api_key');

my $r = ask($chat);

is($r->{headers}{'www-authenticate'}, 'Bearer', 'a 401 says what is wanted');

# An unknown caller learns nothing of the body's faults.
$r = $t->post($chat, 'not json');
is($r->{status}, 401, 'who is it comes before what is asked');

# ---- models= of a client

passes('a model the client may use', ask($chat, token => $token{carol},
    model => 'gemini-2.5-pro'));
passes('an alias named in models=', ask($chat, token => $token{carol},
    model => 'gpt-4o'));
passes('an alias of a model in models=', ask($chat, token => $token{carol},
    model => 'cheap'));
refused('a model outside models=', ask($chat, token => $token{carol},
    model => 'gemini-3-pro'), 403, 'permission_denied');
refused('the model behind an alias is not the alias', ask($chat,
    token => $token{carol}, model => 'gemini-2.0-flash'), 403,
    'permission_denied');
refused('a prefix does not open it', ask($chat, token => $token{carol},
    model => 'models/gemini-3-pro'), 403, 'permission_denied');
refused('nor capitals', ask($chat, token => $token{carol},
    model => 'GEMINI-3-PRO'), 403, 'permission_denied');
passes('a client without models= may use all', ask($chat,
    token => $token{alice}, model => 'gemini-3-pro'));

$r = $t->get('/v1/models', token => $token{carol});
is($r->{status}, 200, 'a client with models= may list');

# ---- roles and off

passes('role=admin may chat too', ask($chat, token => $token{odd}));
passes('gemini_auth off asks for nothing', ask('/open/chat/completions'));
passes('... and ignores what comes', ask('/open/chat/completions',
    token => $token{wrong}));
passes('... even in ?key=', ask("/open/chat/completions?key=$token{wrong}"));

# ---- beside nginx's own access modules

passes('satisfy any: a token opens what `deny` closes',
    ask('/either/chat/completions', token => $token{alice}));
$r = ask('/either/chat/completions');
like($r->{status}, qr/\A40[13]\z/, 'satisfy any: neither, no entry');
ok($r->{json}{error}{message}, '... in OpenAI form');
$r = ask('/both/chat/completions', token => $token{alice});
is($r->{status}, 403, 'satisfy all: `deny` holds');
is($r->{json}{error}{type}, 'invalid_request_error', '... in OpenAI form');
$r = ask('/door/chat/completions');
is($r->{status}, 403, 'satisfy any: our open door is no permission');
passes('satisfy any: an allowed address needs no token',
    ask('/local/chat/completions'));
passes('satisfy any: a password', ask('/basic/chat/completions', headers =>
    { Authorization => 'Basic ' . encode_base64('user:word', '') }));
passes('satisfy any: or a token', ask('/basic/chat/completions', headers =>
    { Authorization => "Bearer $token{alice}" }));
is(ask('/basic/chat/completions')->{status}, 401,
    'satisfy any: neither of them');

# ---- never forwarded

my @seen = grep { $_->{method} eq 'POST' } $up->seen;
my $models = grep { $_->{method} eq 'GET' } $up->seen;

is(@seen, $sent, 'what was refused did not go upstream');
cmp_ok($models, '<=', 1, 'and the list was asked for once at most');

my @forwarded = grep {
    my $text = join "\n", $_->{uri}, $_->{body},
        map { "@$_" } @{ $_->{header_lines} };

    grep { index($text, $_) >= 0 } values %token, $escaped;
} $up->seen;

is(scalar @forwarded, 0, 'no token goes upstream');
is(scalar(grep { $_->{headers}{'x-goog-api-key'} ne $upstream_key
    || $_->{headers}{authorization} || $_->{headers}{'x-api-key'} }
    $up->seen), 0, 'but one credential, the pool\'s');
is(scalar(grep { $_->{uri} =~ /key=/ } $up->seen), 0,
    'and that not in the URL');

# ---- refused by nginx before anybody is asked for a token

my $path = "chat/completions?key=$token{alice}";

is(ask("/small/$path")->{status}, 413, 'a 413 to a URL with a token');
passes('limit_req lets one pass', ask("/limited/$path"));
is(ask("/limited/$path")->{status}, 503, 'and refuses a URL with a token');
is($t->request('OPTIONS', "/v1/$path")->{status}, 204, 'a preflight of one');
is($t->request('POST', "/v1/$path", 'x' x 2_000_000)->{status}, 413,
    'a large body to one');

# ---- never written down, not even in ?key= (secrets() looks at the rest)

# a refused body is logged only when the client is gone
ok($t->wait_log(qr/ 413 .* 413 /s, file => 'ours.log'), 'all is logged');

open my $ours, '<', $t->dir . '/ours.log' or die "ours.log: $!\n";
my @lines = <$ours>;
my $ours_text = join '', @lines;

is(join('', grep {
    my $line = $_;
    grep { index($line, $_) >= 0 } values %token, $escaped;
} @lines), '', 'a log with $request_uri and $args has no token');
like($ours_text, qr/^alice 200 \S+\?a=b&key=\*+&c=d a=b&key=\*+&c=d$/m,
    'only the value of key is hidden');
like($t->access_log, qr{"POST /v1/chat/completions\?key=\*+ HTTP/1.1" 401},
    'the combined log hides a wrong one too');

# ---- a reload takes a token away, and brings another

(my $changed = $conf) =~ s/$token{alice} name=alice/$token{wrong} name=eve/;

ok($t->reload($changed, env => { CAROL => $token{carol} }), 'a reload');
is(ask($chat, token => $token{alice})->{status}, 401,
    'a token that is gone is refused');
passes('and a new one is accepted', ask($chat, token => $token{wrong}));

$t->done;
