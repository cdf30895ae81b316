# Several targets in one location: each credential's tries go where its API and
# its place are, under that host's name, certificate and connections.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Account;

my $t = GeminiTest->new(has => ['http_ssl_module']);
my $dir = $t->dir;
my $sim = $t->simulator;
my %key = map { $_ => "targets-key-$_-17320508075688" } qw(main moving);

$t->secrets(values %key);

# What Google's hosts answer, by the path.
my $up = $t->upstream(sub {
    my ($request) = @_;

    return error(429, 'RESOURCE_EXHAUSTED', retry => '30s')
        if $request->{uri} =~ m{/models/first-fails}
        && $request->{uri} !~ m{/locations/};
    return error(503, 'UNAVAILABLE')
        if $request->{uri} =~ m{/locations/.*/models/second-fails};
    return reply(['hel', 'lo'])
        if $request->{uri} =~ /:stream/;
    return reply('hello');
});

# ---- the hosts, each behind nginx's own ssl server with its certificate

my %host = (
    key => 'generativelanguage.googleapis.com',
    global => 'aiplatform.googleapis.com',
    eu => 'aiplatform.eu.rep.googleapis.com',
    oslo => 'europe-north1-aiplatform.googleapis.com',
    false => 'us-east1-aiplatform.googleapis.com',
);
my @names = sort keys %host;
my %port = map { $names[$_] => '_' . ($_ + 1) } 0 .. $#names;

sub openssl {
    my @command = ('openssl', @_);

    system("@command >>$dir/openssl.log 2>&1") == 0
        or die "@command: see " . $t->_slurp('openssl.log');

    return;
}

openssl('req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=root',
    '-addext basicConstraints=critical,CA:true',
    "-keyout $dir/root.key -out $dir/root.crt");

for my $name (@names) {
    # One of them shows a certificate of another's name.
    my $host = $host{ $name eq 'false' ? 'global' : $name };

    $t->write_file("$name.ext", "subjectAltName=DNS:$host\n");
    openssl("req -newkey rsa:2048 -nodes -subj /CN=$name",
        "-keyout $dir/$name.key -out $dir/$name.csr");
    openssl("x509 -req -in $dir/$name.csr -CA $dir/root.crt -days 3",
        "-CAkey $dir/root.key -CAcreateserial -extfile $dir/$name.ext",
        "-out $dir/$name.crt");
}

my $hosts = join '', map { <<"EOC" } @names;
    upstream $host{$_} { server %%PORT$port{$_}%%; keepalive 4; }
    server {
        listen %%PORT$port{$_}%% ssl;
        ssl_certificate %%DIR%%/$_.crt;
        ssl_certificate_key %%DIR%%/$_.key;
        keepalive_requests 1000;
        access_log %%DIR%%/hosts.log hosts;
        location / { proxy_pass http://%%$up%%; proxy_buffering off; }
    }
EOC

my %account = map {
    $_ => GeminiTest::Account->new($t, $sim, name => $_)
} qw(global eu oslo moving false dead alive);

sub of {
    my ($name, $location) = @_;

    return 'service_account ' . $account{$name}->path
        . " name=$name api=vertex location=$location;";
}

$t->start(my $conf = <<"EOC", workers => 1);
    log_format hosts '\$server_port \$connection \$ssl_server_name '
        '\$http_host \$request_uri';
    gemini_keys main {
        key $key{main} name=key; @{[ of('global', 'global') ]}
        @{[ of('eu', 'eu') ]} @{[ of('oslo', 'europe-north1') ]}
        balance round_robin; tries 4;
    }
    gemini_keys moving {
        key $key{moving} name=key weight=1000;
        @{[ of('moving', 'europe-north1') ]} balance round_robin;
    }
    gemini_keys false { @{[ of('false', 'us-east1') ]} }
    gemini_keys dead {
        @{[ of('dead', 'us-west1') ]} @{[ of('alive', 'eu') ]}
        balance round_robin;
    }
    upstream us-west1-aiplatform.googleapis.com { server %%PORT_9%%; }
$hosts
    gemini_auth off;
    gemini_ssl_trusted_certificate %%DIR%%/root.crt;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /moving/v1/ { gemini_pass moving; }
        location /false/v1/ { gemini_pass false; }
        location /dead/v1/ { gemini_pass dead; }
        location /given/v1/ {
            gemini_pass main; gemini_upstream http://%%$up%%;
        }
        location = /false.json { gemini_status false json; }
    }
EOC

sub ask {
    my ($at, $model, %o) = @_;

    return $t->post("$at/v1/chat/completions", { model => $model,
        messages => [{ role => 'user', content => 'hi' }],
        $o{stream} ? (stream => JSON::PP::true) : () });
}

my $read = 0;

# Lines of the hosts' log since the last time, as hashes.
sub hosts_asked {
    my ($many) = @_;

    $t->wait_for(sub {
        (() = substr($t->_slurp('hosts.log'), $read) =~ /\n/g) >= $many
    });

    my $new = substr $t->_slurp('hosts.log'), $read;
    $read += length $new;
    my %by_port = map { $t->port($port{$_}) => $_ } @names;

    return map {
        my ($port, $connection, $sni, $host, $uri) = split / /;
        { name => $by_port{$port}, connection => $connection, sni => $sni,
            host => $host, uri => $uri };
    } split /\n/, $new;
}

$_->wait_exchanges(1) for values %account;

# ---- each goes to its own

my @statuses = map { ask('', 'm')->{status} } 1 .. 40;
is(join(' ', @statuses), join(' ', (200) x 40), 'keys and accounts serve');

my @asked = hosts_asked(40);
my %count;
$count{ $_->{name} }++ for @asked;
is(join(' ', map { "$_ $count{$_}" } sort keys %count),
    'eu 10 global 10 key 10 oslo 10', 'each at its host');
is_deeply([grep { $_->{sni} ne $host{ $_->{name} } } @asked], [],
    'whose name is that of SNI');
is_deeply([grep { $_->{host} ne $host{ $_->{name} } } @asked], [],
    'and of the field Host');

my %location = (global => 'global', eu => 'eu', oslo => 'europe-north1');

for my $name (sort keys %location) {
    is_deeply([grep { $_->{name} eq $name && $_->{uri} ne "/v1/projects/"
        . "project-$name/locations/$location{$name}/publishers/google/models"
        . '/m:generateContent' } @asked], [], "$name: in its place");
}

my %connections;
$connections{ $_->{name} }{ $_->{connection} } = 1 for @asked;
is(join(' ', map { scalar keys %{ $connections{$_} } } sort keys %count),
    '1 1 1 1', 'each over one connection that is kept');

# ---- moving on between them

for my $stream (0, 1) {
    my $kind = $stream ? 'a stream' : 'a request';
    my $r = ask('/moving', "first-fails-$stream", stream => $stream);

    is($r->{status}, 200, "$kind moves from a key to an account");
    @asked = hosts_asked(2);
    is(join(' ', map { $_->{name} } @asked), 'key oslo',
        "$kind: from host to host");
    is($asked[1]{sni}, $host{oslo}, "$kind: under the other's name");
    like($asked[1]{uri}, qr{\A/v1/projects/project-moving/locations/},
        "$kind: with a path of the other API");
    is($asked[1]{host}, $host{oslo}, "$kind: and its Host");
}

# A model that fails on Vertex only: whoever is chosen first.
for my $try (1 .. 4) {
    is(ask('', 'second-fails')->{status}, 200,
        "request $try ends where it is served");
}

@asked = hosts_asked(4);
ok(!grep({ $_->{name} ne 'key' && $_->{uri} !~ m{/locations/} } @asked),
    'no host is asked in the words of another');
ok(!grep({ $_->{sni} ne $_->{host} } @asked), 'nor under its name');

# ---- certificates are those of the host that is asked

my $r = ask('/false', 'm');
is($r->{status}, 502, "another host's certificate is refused");
like($t->error_log, qr/certificate does not match "\Q$host{false}\E"/,
    'and the log says whose');
is_deeply([grep { $_->{name} eq 'false' } hosts_asked(0)], [],
    'nothing is sent there');
is_deeply($t->get('/false.json')->{json}{keys}[0]{cooldowns}, [],
    'and no account is blamed');

# ---- a host that nobody reaches

is(ask('/dead', 'm', stream => $_ % 2)->{status}, 200,
    "request $_ goes where a host is alive") for 1 .. 4;
@asked = hosts_asked(4);
is_deeply([grep { $_->{name} ne 'eu' || $_->{sni} ne $host{eu}
    || $_->{host} ne $host{eu} || $_->{uri} !~ m{/locations/eu/} } @asked],
    [], 'under its name, in its place');
is(scalar @asked, 4, 'and but once');

# ---- an upstream that is given is everybody's

my $before = () = $up->seen;
is(ask('/given', 'm')->{status}, 200, 'with gemini_upstream') for 1 .. 8;
is(scalar(() = $up->seen) - $before, 8, 'all goes there');
is(scalar(hosts_asked(0)), 0, 'and nothing elsewhere');
is(scalar(grep { $_->{uri} =~ m{/locations/} } ($up->seen)[-8 .. -1]), 6,
    'each in its own words');

# ---- reload

ok($t->reload($conf), 'a reload');
is(ask('', 'm')->{status}, 200, 'after which all go on') for 1 .. 4;
my %after = map { $_->{name} => 1 } hosts_asked(4);
is(join(' ', sort keys %after), 'eu global key oslo', 'each to its host');

$t->done;
