# TLS to upstream: its certificate is verified unless the operator says not
# to, its name is asked for, and connections are kept.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $key = 'tls-key-26457513110645';
my $t = GeminiTest->new(has => ['http_ssl_module']);
my $dir = $t->dir;

$t->secrets($key);

my $up = $t->upstream(sub { reply('hello') });

# ---- certificates: a root that is trusted, and what it signed, or not

my $openssl = $t->write_file('tls.conf', <<'EOC');
[ca]
default_ca = own
[own]
dir = %%DIR%%
database = %%DIR%%/index
new_certs_dir = %%DIR%%
serial = %%DIR%%/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:true
EOC

$t->write_file(index => '');
$t->write_file(serial => '01');

sub openssl {
    my @command = ('openssl', @_);

    system("@command >>$dir/openssl.log 2>&1") == 0
        or die "@command: see " . $t->_slurp('openssl.log');

    return;
}

sub root {
    my ($name) = @_;

    openssl('req', '-x509', '-newkey rsa:2048 -nodes -days 3',
        "-subj /CN=$name -config $openssl -extensions root",
        "-keyout $dir/$name.key -out $dir/$name.crt");

    return;
}

# Signed by the root, for a name, valid in the given time.
sub signed {
    my ($file, $name, $root, $from, $to) = @_;

    openssl('req', '-newkey rsa:2048 -nodes', "-subj /CN=$name",
        "-addext subjectAltName=DNS:$name -config $openssl",
        "-keyout $dir/$file.key -out $dir/$file.csr");
    openssl("ca -batch -config $openssl -notext -in $dir/$file.csr",
        "-cert $dir/$root.crt -keyfile $dir/$root.key",
        "-startdate $from -enddate $to -out $dir/$file.crt");

    return;
}

my ($past, $future) = ('20200101000000Z', '20491231235959Z');

root($_) for qw(trusted stranger);
signed(good => 'localhost', 'trusted', $past, $future);
signed(other => 'other.example', 'trusted', $past, $future);
signed(block => 'gemini.example', 'trusted', $past, $future);
signed(expired => 'localhost', 'trusted', $past, '20210101000000Z');
signed(early => 'localhost', 'trusted', '20480101000000Z', $future);
signed(unknown => 'localhost', 'stranger', $past, $future);
openssl("req -x509 -newkey rsa:2048 -nodes -days 3 -config $openssl",
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost",
    "-keyout $dir/self.key -out $dir/self.crt");

# ---- upstreams behind nginx's own ssl server, each with a certificate

my %certificate = (
    (map { $_ => $_ } qw(good other block expired early unknown self)),
    system => 'good', own => 'self', twice => 'good',
);
my @fronts = sort keys %certificate;
my %port = map { $fronts[$_] => '_' . ($_ + 1) } 0 .. $#fronts;
my $servers = '';

for my $name (@fronts) {
    $servers .= <<"EOC";
    server {
        listen %%PORT$port{$name}%% ssl;
        ssl_certificate %%DIR%%/$certificate{$name}.crt;
        ssl_certificate_key %%DIR%%/$certificate{$name}.key;
        keepalive_requests 1000;
        access_log %%DIR%%/fronts.log fronts;
        location / { proxy_pass http://%%$up%%; }
    }
EOC
}

# ---- locations: how each trusts its front; lax_ ones do in any case

sub trusts { return "gemini_ssl_trusted_certificate %%DIR%%/$_[0].crt;" }

my %trust = (
    (map { $_ => trusts('trusted') } @fronts),
    (map { ("lax_$_" => 'gemini_ssl_verify off;') } @fronts),
    system => '', own => trusts('self'), twice => trusts('trusted'),
    twice_else => trusts('stranger'),
);
my $locations = '';

for my $name (sort keys %trust) {
    my $front = $name =~ s/\Alax_|_else\z//r;
    my $url = $front eq 'block' ? 'gemini.example'
        : $front eq 'twice' ? 'localhost'
        : 'localhost:' . $t->port($port{$front});

    $locations .= "location /$name/ { gemini_pass main;"
        . " gemini_upstream https://$url; $trust{$name} }\n";
}

$t->start(my $conf = <<"EOC", workers => 1);
    log_format fronts '\$server_port \$connection \$ssl_server_name '
        '\$ssl_protocol \$ssl_session_reused \$http_host \$status';
    gemini_keys main { key $key; }
    gemini_auth off;
    upstream gemini.example { server %%PORT$port{block}%%; keepalive 4; }
    # no keepalive, so that only TLS sessions could be shared
    upstream localhost { server %%PORT$port{twice}%%; }
$servers
    server { listen %%PORT%%; $locations
        location = /main.json { gemini_status main json; } }
EOC

sub ask {
    my ($at, %o) = @_;

    return $t->post("/$at/chat/completions", {
        model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }],
        $o{stream} ? (stream => JSON::PP::true) : (),
    });
}

sub fronts {
    my ($name) = @_;

    my $port = $t->port($port{$name});

    return grep { /^$port / } split /\n/, $t->_slurp('fronts.log');
}

# ---- what is accepted

for my $at (qw(good block own twice)) {
    is(ask($at)->{status}, 200, "$at: it is served");
}

my $r = ask('good', stream => 1);
is($r->{status}, 200, 'and streams are');
is($r->{events}[-1]{data}, '[DONE]', 'to their end');

# ---- what is not

my %reason = (
    other => qr/certificate does not match "localhost"/,
    expired => qr/certificate verify error: \(10:/,
    early => qr/certificate verify error: \(9:/,
    unknown => qr/certificate verify error: \((?:19|20|21):/,
    self => qr/certificate verify error: \((?:18|20):/,
    system => qr/certificate verify error: \((?:19|20|21):/,
);

for my $at (sort keys %reason) {
    my $from = length $t->error_log;
    my $seen = $up->seen;

    $r = ask($at);
    is($r->{status}, 502, "$at: a certificate that is no good is refused");
    is(ref $r->{json}{error}, 'HASH', "$at: with an error of the API");
    like(substr($t->error_log, $from), $reason{$at},
        "$at: and a log line that says why");
    is(scalar($up->seen), $seen, "$at: nothing is sent over it");

    is(ask($at, stream => 1)->{status}, 502, "$at: a stream neither");
}

is_deeply($t->get('/main.json')->{json}{keys}[0]{cooldowns}, [],
    'no key is blamed for a certificate');

# ---- names, sessions, kept connections

like((fronts('good'))[0], qr/^\d+ \d+ localhost TLSv1\.[23] /,
    'the name is asked for by SNI');
like((fronts('block'))[0], qr/^\d+ \d+ gemini\.example .* gemini\.example /,
    'and that of a block');

my $before = fronts('good');
is(ask('good', stream => $_ % 2)->{status}, 200, "request $_ is served")
    for 1 .. 20;
ok($t->wait_for(sub { fronts('good') >= $before + 20 }), 'twenty requests');
my %connections = map { (split / /)[1] => 1 } (fronts('good'))[-20 .. -1];
cmp_ok(scalar keys %connections, '<=', 2, 'go over a kept TLS connection');

# ---- locations of one upstream that trust differently

is(ask("lax_$_")->{status}, 200, "$_: unverified, it is served")
    for @fronts;

for my $at (sort keys %reason) {
    is(ask($at)->{status}, 502,
        "$at: not over a connection that another left unverified");
}

is(ask('twice_else')->{status}, 502,
    'nor with a TLS session that began by another root');
is(ask('twice')->{status}, 200, 'which still counts for its own');

# ---- configuration

my ($said, $code) = $t->conf_error(<<"EOC");
    gemini_keys main { key $key; }
    server { location /v1/ { gemini_pass main; gemini_auth off;
        gemini_upstream https://127.0.0.1:9;
        gemini_ssl_trusted_certificate %%DIR%%/none.crt; } }
EOC
is($code, 1, 'a trusted certificate that is not there is refused');
like($said, qr/none\.crt/, 'by name');

# ---- reload

ok($t->reload($conf), 'a reload');
is(ask('good')->{status}, 200, 'after which TLS goes on');
is(ask('expired')->{status}, 502, 'and is verified');

$t->done;
