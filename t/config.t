# What an operator may write: every directive where it is allowed, every wrong
# value refused by `nginx -t` with its name and the value, no secret shown.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my $key = 'AIzaSyConfigTestKey0123456789abcdefghij';
my $other = 'AQ.ConfigTestKey.abcdefghijklmnopqrstuvw';
my $token = 'sk-config-test-token-0123456789';
my $secret = 'config-test-secret-of-enough-length';
my @secrets = ($key, $other, $token, $secret);

# A whole configuration around the one thing that a case is about.
sub conf {
    my (%o) = @_;

    my %part = (
        keys => "key $key;", clients => "token $token;", http => '',
        server => '', pass => 'gemini_pass main;', location => '',
        auth => 'gemini_auth off;',
        upstream => 'gemini_upstream http://127.0.0.1:9;', %o,
    );

    return <<"EOC";
    gemini_keys main { $part{keys} }
    gemini_clients apps { $part{clients} }
    $part{http}
    server {
        listen %%PORT%%;
        $part{server}
        location /v1/ {
            $part{pass} $part{auth} $part{upstream} $part{location}
        }
    }
EOC
}

sub shows_secret {
    my ($said) = @_;

    return grep { index($said, $_) >= 0 } @secrets;
}

sub accepted {
    my ($name, $http, %o) = @_;

    my ($said, $code) = $t->conf_error($http, %o);

    ok($code == 0 && !shows_secret($said), "accepted: $name")
        or diag("exit $code: $said");

    return;
}

# Every pattern must be in the message.
sub refused {
    my ($name, $http, $patterns, %o) = @_;

    my ($said, $code) = $t->conf_error($http, %o);
    my @missing = grep { $said !~ $_ } qr/\[emerg\]/,
        ref $patterns eq 'ARRAY' ? @$patterns : $patterns;
    my @shown = shows_secret($said);

    ok($code != 0 && !@missing && !@shown, "refused: $name")
        or diag("exit $code, missing: @missing, shown: @shown\n$said");

    return;
}

sub first_word { return (split ' ', $_[0])[0] }

my $digest = sha256_hex($token);
my %file = (
    keys => <<"EOF",
# the team's keys

$key name=team-a weight=2 # inline
   $other\tmodels=gemini-2*,gemini-3* project=p1
EOF
    clients => "# callers\n$token name=alice rpm=60   # she pays\nsha256:"
        . sha256_hex('another') . " name=bob role=admin\n",
    empty => "# nothing\n\n",
    odd_key => "\n$key wieght=2\n",
    twice => "$key\n$other\n$key\n",
    odd_token => "# x\n$token rpm=many\n",
    secret => "$secret\n",
    short => "short\n",
);

$file{$_} = $t->write_file("file_$_", $file{$_}) for keys %file;

# ---- gemini_keys

accepted("gemini_keys { $_->[0] }", conf(keys => $_->[1])) for (
    ['key, all options',
        "key $key name=a weight=3 models=gemini-2*,gemma-* project=p;"],
    ['several keys', "key $key; key $other;"],
    ['key and file', "key opaque-one; file $file{keys};"],
    ['file, relative to the configuration', 'file ../file_keys;'],
    map({ ["balance $_", "key $key; balance $_;"] }
        qw(headroom round_robin random least_used)),
    map({ ["tries $_", "key $key; tries $_;"] } 1, 3, 10),
    map({ ["cooldown $_ 90s", "key $key; cooldown $_ 90s;"] }
        qw(invalid rate_limit daily_quota no_access unavailable gateway
            server_error)),
    ['cooldown off', "key $key; cooldown rate_limit off;"],
    ['cooldown of several classes',
        "key $key; cooldown invalid 1h; cooldown gateway 100ms;"],
    ['exhausted fail', "key $key; exhausted fail;"],
    map({ ["sticky $_", "key $key; sticky $_;"] } qw(on off)),
    ['zone 8m', "key $key; zone 8m;"],
);

accepted('keys from the environment, a list', conf(keys => 'key env:KEYS;'),
    env => { KEYS => "$key, $other," });
accepted('two pools with the same key', conf(
    http => "gemini_keys second { key $key; }"));

refused("gemini_keys { $_->[0] }", conf(keys => $_->[1]), $_->[2]) for (
    ['nothing', '', qr/no key.*main/],
    ['only an empty file', "file $file{empty};", qr/no key.*main/],
    ['unknown directive', "key $key; keys x;", qr/"keys"/],
    ['key without a value', 'key;', qr/"key"/],
    ['unknown option', "key $key wieght=2;", [qr/"key"/, qr/wieght=2/]],
    map({ my $w = $_; ["weight=$w", "key $key weight=$w;",
            [qr/weight/, qr/"\Q$w\E"/, qr/"key"/]] }
        '0', '-1', 'x', '1x', '99999999999999999999'),
    ['weight without a value', "key $key weight=;", qr/weight/],
    ['name without a value', "key $key name=;", qr/name=/],
    ['models without a value', "key $key models=;", qr/models=/],
    ['a key twice', "key $key; key $key;", qr/already|duplicate/],
    ['a name twice', "key $key name=a; key $other name=a;",
        [qr/"a"/, qr/already|duplicate/]],
    ['a key with a control character', qq{key "bad\tkey-0123456789";},
        qr/"key"/],
    ['a key of 600 characters', 'key ' . 'k' x 600 . ';', qr/"key"/],
    ['an unset variable', 'key env:NO_SUCH_VARIABLE;',
        [qr/NO_SUCH_VARIABLE/, qr/"key"/]],
    ['a file that is not there', 'file /no/such/file;',
        [qr{/no/such/file}, qr/"file"/]],
    ['a directory as file', 'file /;', qr/"file"/],
    ['a wrong line of a file', "file $file{odd_key};",
        [qr/wieght=2/, qr/line 2/, qr/odd_key/]],
    ['a key twice in a file', "file $file{twice};",
        [qr/already|duplicate/, qr/line 3/]],
    ['balance sideways', "key $key; balance sideways;",
        [qr/"balance"/, qr/"sideways"/]],
    map({ my $n = $_; ["tries $n", "key $key; tries $n;",
            [qr/"tries"/, qr/"\Q$n\E"/]] } '0', '-1', 'x', '3x', '9999999'),
    ['cooldown of no class', "key $key; cooldown sometimes 1m;",
        [qr/"cooldown"/, qr/"sometimes"/]],
    map({ my $n = $_; ["cooldown rate_limit $n",
            "key $key; cooldown rate_limit $n;",
            [qr/"cooldown"/, qr/"\Q$n\E"/]] } 'soon', '-1s', '1x', 'on'),
    ['cooldown without a time', "key $key; cooldown rate_limit;",
        qr/"cooldown"/],
    ['exhausted maybe', "key $key; exhausted maybe;",
        [qr/"exhausted"/, qr/"maybe"/]],
    ['sticky perhaps', "key $key; sticky perhaps;",
        [qr/"sticky"/, qr/"perhaps"/]],
    map({ my $n = $_; ["zone $n", "key $key; zone $n;",
            [qr/"zone"/, qr/"\Q$n\E"/]] } 'large', '1k', '-1', '0'),
    map({ my $word = first_word($_); ["$_ twice", "key $other; $_; $_;",
            [qr/"$word/, qr/duplicate/]] }
        'balance random', 'tries 2', 'cooldown invalid 1m', 'exhausted fail',
        'sticky on', 'zone 8m'),
);

refused('an empty variable', conf(keys => 'key env:EMPTY;'),
    [qr/EMPTY/, qr/"key"/], env => { EMPTY => '' });
refused('a variable of commas only', conf(keys => 'key env:COMMAS;'),
    qr/no key|COMMAS/, env => { COMMAS => ' , ,' });
refused('a key twice in a variable', conf(keys => 'key env:KEYS;'),
    qr/already|duplicate/, env => { KEYS => "$key,$key" });
refused('a pool without a name', "gemini_keys { key $key; }",
    qr/"gemini_keys"/);
refused('a pool twice', conf(http => "gemini_keys main { key $other; }"),
    [qr/gemini_keys/, qr/"main"/, qr/duplicate/]);
refused('a pool in a server', conf(server => "gemini_keys x { key $other; }"),
    qr/gemini_keys/);

# ---- gemini_clients

accepted("gemini_clients { $_->[0] }", conf(clients => $_->[1],
    auth => 'gemini_auth apps;')) for (
    ['token, all options', "token $token name=a rpm=1 rpd=2 tpm=3 tpd=4 "
        . 'models=gemini-2*,gpt-* role=admin;'],
    ['sha256', "token sha256:$digest name=a;"],
    ['sha256 in capitals', "token sha256:\U$digest\E;"],
    ['file', "file $file{clients};"],
    ['token and file', "token t-o-k-e-n; file $file{clients};"],
);

accepted('a token from the environment', conf(clients => 'token env:TOKEN;'),
    env => { TOKEN => $token });

refused("gemini_clients { $_->[0] }", conf(clients => $_->[1],
    auth => 'gemini_auth apps;'), $_->[2]) for (
    ['nothing', '', qr/no token.*apps/],
    ['unknown directive', 'tokens x;', qr/"tokens"/],
    ['unknown option', "token $token rps=1;", [qr/"token"/, qr/rps=1/]],
    map({ my ($n, $v) = @$_; ["$n=$v", "token $token $n=$v;",
            [qr/"token"/, qr/\Q$n=$v\E/]] }
        ['rpm', '0'], ['rpd', '-1'], ['tpm', 'x'], ['tpd', '1x'],
        ['rpm', '99999999999999999999'], ['rpm', '']),
    ['role=king', "token $token role=king;", [qr/"token"/, qr/king/]],
    ['models without a value', "token $token models=;", qr/models=/],
    ['a token twice', "token $token; token $token;", qr/already|duplicate/],
    ['a token and its digest', "token $token; token sha256:$digest;",
        qr/already|duplicate/],
    ['a short digest', 'token sha256:abcd;', [qr/sha256/, qr/"token"/]],
    ['a digest that is not hex', 'token sha256:' . 'g' x 64 . ';',
        [qr/sha256/, qr/"token"/]],
    ['an unset variable', 'token env:NO_SUCH_VARIABLE;',
        [qr/NO_SUCH_VARIABLE/, qr/"token"/]],
    ['a file that is not there', 'file /no/such/file;',
        [qr{/no/such/file}, qr/"file"/]],
    ['a wrong line of a file', "file $file{odd_token};",
        [qr/rpm=many/, qr/line 2/, qr/odd_token/]],
    ['a token with a space', 'token "two words";', qr/"token"/],
);

refused('clients twice', conf(http => 'gemini_clients apps { token x; }'),
    [qr/gemini_clients/, qr/"apps"/, qr/duplicate/]);

# ---- gemini_secret

accepted('gemini_secret FILE', conf(http => "gemini_secret $file{secret};"));
accepted('gemini_secret env:', conf(http => 'gemini_secret env:SECRET;'),
    env => { SECRET => $secret });

refused("gemini_secret $_->[0]", conf(http => "gemini_secret $_->[0];"),
    [qr/gemini_secret/, $_->[1]]) for (
    ['env:NO_SUCH_VARIABLE', qr/NO_SUCH_VARIABLE/],
    ['/no/such/file', qr{/no/such/file}],
    [$file{short}, qr/shorter/],
    ["$file{secret}; gemini_secret $file{secret}", qr/duplicate/],
);
refused('gemini_secret in a server',
    conf(server => "gemini_secret $file{secret};"), qr/gemini_secret/);

# ---- gemini_pass and gemini_auth

accepted('gemini_pass POOL openai', conf(pass => 'gemini_pass main openai;'));
accepted('gemini_auth from http',
    conf(http => 'gemini_auth apps;', auth => ''));
accepted('gemini_auth from the server',
    conf(server => 'gemini_auth apps;', auth => ''));
accepted('a location without gemini_pass needs no gemini_auth',
    conf(pass => 'return 204;', auth => ''));
accepted('pools and clients after the server that uses them',
    'server { listen %%PORT%%; location /v1/ { gemini_pass main; '
    . 'gemini_auth apps; gemini_upstream http://127.0.0.1:9; } } '
    . "gemini_keys main { key $key; } gemini_clients apps { token $token; }");

refused($_->[0], conf(@{ $_->[1] }), $_->[2]) for (
    ['gemini_pass without gemini_auth', [auth => ''],
        [qr/gemini_pass/, qr/gemini_auth/]],
    ['gemini_pass to no pool', [pass => 'gemini_pass nowhere;'],
        [qr/gemini_pass/, qr/"nowhere"/]],
    ['gemini_pass in an unknown dialect',
        [pass => 'gemini_pass main klingon;'],
        [qr/gemini_pass/, qr/"klingon"/]],
    ['gemini_pass twice', [location => 'gemini_pass main;'],
        [qr/gemini_pass/, qr/duplicate/]],
    ['gemini_pass in http', [http => 'gemini_pass main;'], qr/gemini_pass/],
    ['gemini_pass in a server', [server => 'gemini_pass main;'],
        qr/gemini_pass/],
    ['gemini_auth of nobody', [auth => 'gemini_auth strangers;'],
        [qr/gemini_auth/, qr/"strangers"/]],
    ['gemini_auth twice', [auth => 'gemini_auth off; gemini_auth apps;'],
        [qr/gemini_auth/, qr/duplicate/]],
);

# ---- what stands in http, server and location alike

my ($certificate) = $t->certificate('config.test');

my @anywhere = (
    'gemini_client_ip_limit rpm=5', 'gemini_client_ip_limit rpm=5 rpd=9',
    'gemini_model gpt-4o gemini-2.5-flash',
    'gemini_model gpt-* gemini-2.5-flash; gemini_model * gemini-2.5-pro',
    map({ "gemini_safety $_" } qw(default off HARASSMENT=BLOCK_NONE),
        'HARM_CATEGORY_HATE_SPEECH=OFF DANGEROUS_CONTENT=OFF'),
    map({ "gemini_thoughts $_" } qw(field inline hide)),
    map({ ("gemini_$_ 5s", "gemini_$_ 1500ms") } qw(connect_timeout
        send_timeout read_timeout tries_timeout head_timeout)),
    'gemini_tries_timeout 0',
    'gemini_ssl_verify on', 'gemini_ssl_verify off',
    "gemini_ssl_trusted_certificate $certificate",
    'gemini_buffer_size 32k', 'gemini_max_response 1m',
);

# Each place overrides the one around it.
accepted("$_, in http, server and location", conf(http => "$_;",
    server => "$_;", location => "$_;")) for @anywhere;

accepted("gemini_upstream $_, in http, server and location", conf(
    http => 'upstream named { server 127.0.0.1:9; keepalive 2; } '
        . "gemini_upstream $_;", server => "gemini_upstream $_;",
    upstream => "gemini_upstream $_;"))
    for qw(http://127.0.0.1:9 http://127.0.0.1:9/base/ https://127.0.0.1:9
        http://[::1]:9 http://named https://named);

accepted('a TLS upstream with a certificate of its own', conf(
    upstream => 'gemini_upstream https://127.0.0.1:9; '
        . "gemini_ssl_trusted_certificate $certificate;"));
refused('a trusted certificate that is not there', conf(
    upstream => 'gemini_upstream https://127.0.0.1:9; '
        . 'gemini_ssl_trusted_certificate /no/such/file;'),
    qr{/no/such/file});

refused("gemini_upstream $_", conf(upstream => "gemini_upstream $_;",
    http => 'upstream named { server 127.0.0.1:9; }'),
    [qr/gemini_upstream/, qr/\Q$_\E/])
    for qw(127.0.0.1:9 ftp://127.0.0.1:9 http:// https://user@127.0.0.1:9
        http://127.0.0.1:99999 http://127.0.0.1:9/?a=b named
        http://no-such-host.invalid:9);

my @wrong = (
    map({ "gemini_client_ip_limit $_" } qw(rpm=0 rpm=x rpd=-1 tpm=5 5 rpm=
        maybe)),
    map({ "gemini_model a $_" } qw(../files gemini-* a/b?c)),
    map({ "gemini_safety $_" } qw(sometimes HARASSMENT=SOMETIMES WEATHER=OFF
        HARASSMENT=), 'HARASSMENT=OFF off',
        'HARASSMENT=OFF harassment=BLOCK_NONE'),
    'gemini_thoughts aloud',
    map({ my $d = $_; map { "gemini_$d $_" } qw(soon -1s 1x) }
        qw(connect_timeout send_timeout read_timeout tries_timeout
            head_timeout)),
    'gemini_ssl_verify maybe',
    map({ my $d = $_; map { "gemini_$d $_" } qw(large -1 0 1) }
        qw(buffer_size max_response)),
);

for my $line (@wrong) {
    my ($word, @values) = split ' ', $line;

    # the last value is the wrong one
    refused($line, conf(location => "$line;"),
        [qr/"$word"/, qr/"\Q$values[-1]\E"/]);
}

refused('gemini_model with one name', conf(location => 'gemini_model a;'),
    qr/gemini_model/);

for my $line (grep { !/gemini_model/ } @anywhere, 'gemini_upstream http://x') {
    my $word = first_word($line);

    refused("$line twice", conf(upstream => "$line; $line;"),
        [qr/$word/, qr/duplicate/]);
}

# ---- gemini_status

accepted("gemini_status main $_->[0] $_->[1]", conf(
    server => "location = /s { gemini_status main $_->[0]; $_->[1] }"))
    for ['health', ''], ['json', 'gemini_auth apps;'],
        ['json', 'gemini_auth off;'];

refused("gemini_status $_->[0] $_->[1]", conf(
    server => "location = /s { gemini_status $_->[0]; $_->[1] }"),
    [qr/gemini_status/, $_->[2]]) for (
    ['main json', '', qr/gemini_auth/],
    ['nowhere health', '', qr/"nowhere"/],
    ['main weather', '', qr/"weather"/],
    ['main', '', qr/arguments/],
    ['main health', 'gemini_status main health;', qr/duplicate/],
    # two handlers: whichever came last would win unseen
    ['main health', 'gemini_pass main; gemini_auth off; '
        . 'gemini_upstream http://127.0.0.1:9;', qr/gemini_pass/],
);

$t->done;
