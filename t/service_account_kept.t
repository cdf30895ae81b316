# What becomes of access tokens when nginx is reloaded or restarted in the
# middle of things, a worker dies, or the state file is no good; and that the
# token endpoint is only trusted when its certificate is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep time);

use GeminiTest;
use GeminiTest::Account;

my $t = GeminiTest->new(has => ['http_ssl_module']);
my $sim = $t->simulator(args => ['--strict-keys']);
my ($cert, $cert_key) = $t->certificate('localhost');
my $tls = $t->simulator(args => ['--strict-keys', '--tls', $cert, $cert_key]);
my ($tls_port) = $tls->address =~ /:(\d+)\z/;
my $model = 'gemini-2.5-flash';

my %account = map {
    my ($name, $simulator, @more) = @$_;
    $name => GeminiTest::Account->new($t, $simulator, name => $name, @more)
} ['margin', $sim, expires_in => 303], ['corrupt', $sim],
    ['over', $sim, exchange => ['hold']],
    ['killed', $sim, exchange => ['hold']],
    ['gone', $sim], ['places', $sim],
    map { [$_, $tls, token_uri => "https://localhost:$tls_port/token"] }
        qw(trusted untrusted);

sub of { return 'service_account ' . $account{ $_[0] }->path . " name=$_[0]" }

mkdir $t->dir . '/state';
sub state_file { return $t->dir . "/state/$_[0]" }

# With the pools named, each below a location of its name.
sub conf {
    my (@pools) = @_;

    my $pools = join '', map { <<"EOC" } @pools;
    gemini_keys $_ { @{[ of($_) ]}; state %%DIR%%/state/$_; }
EOC
    my $locations = join '', map { <<"EOC" } @pools;
        location /$_/v1/ { gemini_pass $_; }
EOC

    return <<"EOC";
    $pools
    gemini_keys places {
        @{[ of('places') ]};
        service_account @{[ $account{places}->path ]} api=vertex;
        service_account @{[ $account{places}->path ]} api=vertex
            location=us-east1;
    }
    gemini_keys trusted { @{[ of('trusted') ]}; }
    gemini_keys untrusted { @{[ of('untrusted') ]}; }
    gemini_auth off;
    gemini_upstream http://%%$sim%%;
    server {
        listen %%PORT%%;
        location /trusted/v1/ {
            gemini_pass trusted;
            gemini_upstream https://localhost:$tls_port;
            gemini_ssl_trusted_certificate $cert;
        }
        location /untrusted/v1/ { gemini_pass untrusted; }
        location /places/v1/ { gemini_pass places; }
$locations
    }
EOC
}

sub chat {
    my ($pool) = @_;

    return $t->post("/$pool/v1/chat/completions", { model => $model,
        messages => [{ role => 'user', content => '#echo hi' }] })->{status};
}

sub restart {
    $account{$_}->state for keys %account;      # the tokens are secrets
    is($t->stop, 0, 'nginx stops');
    $t->start(conf(@_));

    return;
}

# ---- in the middle of an exchange

my @all = qw(margin corrupt over killed gone);

$t->start(conf(@all));
ok($account{over}->wait_exchanges(1), 'an exchange is under way');

my %old = map { $_ => 1 } $t->workers;

kill 'HUP', $t->{pid};
ok($t->wait_for(sub { grep { !$old{$_} } $t->workers }),
    'and there is a reload');
sleep 2;
is($account{over}->exchanges, 1, 'the new workers leave it to the old one');
$account{over}->release;
is(chat('over'), 200, 'whose token they have');
is($account{over}->exchanges, 1, 'without another exchange');

$account{killed}->release;
is(chat('killed'), 200, 'another account has its token too');

$account{killed}->exchange('hold');
$account{killed}->revoke;

# whose token upstream refuses
my $waiting = $t->stream('POST', '/killed/v1/chat/completions',
    { model => $model, messages => [{ role => 'user', content => 'hi' }] });
ok($account{killed}->wait_exchanges(1), 'another one is under way');
$t->wait_for(sub { !grep { $old{$_} } $t->workers }, 30);
$t->kill_worker($_) for $t->workers;

my $killed_at = time;

ok($account{killed}->wait_exchanges(2),
    'that of a worker that was killed is made by another');
cmp_ok(time - $killed_at, '<', 8, 'before its time is over');
$account{killed}->release;
is(chat('killed'), 200, 'and the account serves');

# ---- of whom there is no credential any more

is(chat($_), 200, "$_: a token is there") for qw(gone margin corrupt);
ok($t->wait_for(sub { -s state_file($_) }), "$_: and in the state file")
    for qw(margin corrupt);
ok($t->reload(conf(grep { $_ ne 'gone' } @all)), 'an account is taken out');
ok($t->reload(conf(@all)), 'and comes back');
is(chat('gone'), 200, 'it serves');

# ---- one token for all places of an account

ok($account{places}->wait_exchanges(1), 'an account with several places');
is(chat('places'), 200, 'serves') for 1 .. 3;
is($account{places}->exchanges, 1, 'with one exchange for all of them');

# ---- state files that are not much use

my $margin_from = time;

restart(@all);
is(chat('corrupt'), 200, 'after a restart');
is($account{corrupt}->exchanges, 1, 'a token is still good');
$account{$_}->state for keys %account;
is($t->stop, 0, 'nginx stops');

open my $file, '>', state_file('corrupt') or die "state: $!\n";
print {$file} "gemini-state 1 corrupt\ntoken 0 0 plain:AAAA\nend 00\n";
close $file;

sleep 0.1 while time - $margin_from < 4;
$account{margin}{expires_in} = 3600;
$account{margin}->exchange;
$t->start(conf(@all));
is(chat('corrupt'), 200, 'after a restart with a broken file');
is($account{corrupt}->exchanges, 2, 'a token was exchanged');
like($t->error_log, qr/state file ".*corrupt" is broken/, 'as the log says');
is(chat('margin'), 200, 'with a token that is soon over');
ok($account{margin}->wait_exchanges(1), 'another one is exchanged');
sleep 0.5;
is($account{margin}->exchanges, 1, 'once');

# ---- whom the assertion is sent to

is(chat('trusted'), 200, 'a token endpoint with a certificate that is trusted');
is($account{trusted}->exchanges >= 1, 1, 'is asked');
is(chat('untrusted'), 503, 'one with another');
is($account{untrusted}->exchanges, 0, 'is not');
ok($t->wait_for(sub {
    $t->error_log =~ /"untrusted".*certificate is not accepted/ }),
    'and the log says why');

# ---- what a dump of the configuration shows

open my $dump, '-|', $t->{binary}, '-p', $t->dir . '/', '-c', 'nginx.conf',
    '-e', 'stderr', '-T' or die "nginx -T: $!\n";
my $shown = do { local $/; <$dump> };
close $dump;

like($shown, qr/\Q@{[ $account{gone}->path ]}\E/,
    'nginx -T shows where a key file is');
unlike($shown, qr/PRIVATE KEY|client_email|ya29/, 'and nothing of it');

$waiting->abort;
$account{$_}->state for keys %account;
$t->done;
