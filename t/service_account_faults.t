# What can be wrong with a service account: its file, its key, the token
# endpoint, its rights.  A clear word for the operator, once, and the pool goes
# on without it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Account;

my $t = GeminiTest->new;
my $sim = $t->simulator(args => ['--strict-keys']);
my $model = 'gemini-2.5-flash';
my $admin = 'sk-account-faults-admin-0001';
my $key = 'account-faults-key-1618033988749';
my $json = JSON::PP->new->utf8;

$t->secrets($admin, $key);
$sim->set_key('key', { key => $key });

sub account {
    my ($name, %o) = @_;

    return GeminiTest::Account->new($t, $sim, name => $name, %o);
}

# ---- files that are no use

my $other = account('file');

sub refused {
    my ($what, $field, $options, %o) = @_;

    $other->write_file(%o) if %o;
    $o{names} ||= $other->path;
    my ($said, $code) = $t->conf_error(<<"EOC");
    gemini_keys main { service_account @{[ $other->path ]} $options; }
    gemini_upstream http://%%$sim%%;
    gemini_auth off;
    server { listen %%PORT%%; location /v1/ { gemini_pass main; } }
EOC

    is($code, 1, "$what: nginx -t fails");
    like($said, qr/\[emerg\].*$field/, "$what: and says of what");
    like($said, qr/\[emerg\].*\Q$o{names}\E/, "$what: and names the file");
    unlike($said, qr/PRIVATE KEY|MII[A-Za-z0-9]/, "$what: without the key");
}

my ($curve) = GeminiTest::Account::key_pair('curve', '-algorithm', 'EC',
    '-pkeyopt', 'ec_paramgen_curve:P-256');
my ($small) = GeminiTest::Account::key_pair('small', '-algorithm', 'RSA',
    '-pkeyopt', 'rsa_keygen_bits:1024');

refused("no $_", $_, '', file => { $_ => undef })
    for qw(type client_email private_key token_uri);
refused('another type', 'type', '', file => { type => 'authorized_user' });
refused('a key that is none', 'private_key', '',
    file => { private_key => 'secret' });
refused('a key of another kind', 'private_key', '',
    file => { private_key => $curve });
refused('a short key', 'private_key', '', file => { private_key => $small });
refused('a token_uri in the clear', 'token_uri', '',
    token_uri => 'http://oauth2.googleapis.com/token');
refused('no project for Vertex', 'project', 'api=vertex',
    file => { project_id => undef });

for my $case (['no JSON', "nonsense\n"], ['no object', "[1]\n"],
    ['an empty file', ''])
{
    my ($what, $text) = @$case;

    open my $file, '>', $other->path or die "file: $!\n";
    print {$file} $text;
    close $file;
    refused($what, 'file\.json', '');
}

unlink $other->path;
refused('no file', 'file\.json.*No such file', '');
refused('no such api', 'api=palm', 'api=palm', names => 'nginx.conf');

# ---- what the exchange shows

# Pool by pool: what is wrong, and what the log says of it.
my %fault = (
    rotated => [qr/Invalid JWT Signature/, signs_with => 'another'],
    disabled => [qr/Account disabled/, exchange => ['disabled']],
    deleted => [qr/account not found/, exchange => ['deleted']],
    scope => [qr/scope/, exchange => ['invalid_scope']],
    unauthorized => [qr/unauthori[sz]ed/i, exchange => ['unauthorized']],
    slow => [qr/clock/, exchange => [{ do => 'skew', seconds => -4000 }]],
    fast => [qr/clock/, exchange => [{ do => 'skew', seconds => 4000 }]],
    garbage => [qr/token|answer/, exchange => ['garbage']],
    nothing => [qr/token|answer/, exchange => ['nothing']],
    empty => [qr/token|answer/, exchange => ['empty_token']],
    huge => [qr/token|answer/, exchange => ['huge_token']],
    down => [qr/503/, exchange => ['error']],
    closed => [qr/refused|unreachable/i, token_uri => 'http://127.0.0.1:1/'],
);
my %account = map {
    my (undef, @how) = @{ $fault{$_} };
    $_ => account($_, @how)
} keys %fault;

my %more = map { $_ => account($_) } qw(alone checked api quota);
$more{stalls} = account('stalls', exchange => ['stall']);
$more{alone}->exchange('disabled');
$more{recovers} = account('recovers', exchange =>
    [{ do => 'error', times => 2 }]);

my @pools = (sort(keys %fault), 'stalls');
my $pools = join '', map { <<"EOC" } @pools;
    gemini_keys $_ {
        service_account @{[ ($account{$_} || $more{$_})->path ]} name=$_;
        key $key name=key;
        balance round_robin;
    }
EOC
my $single = join '', map { <<"EOC" } qw(alone recovers checked api quota);
    gemini_keys $_ { service_account @{[ $more{$_}->path ]} name=$_; }
EOC
my $locations = join '', map { <<"EOC" } @pools,
        location /$_/v1/ { gemini_pass $_; }
        location /$_/admin/ { gemini_admin $_; gemini_auth admins; }
EOC
    qw(alone recovers checked api quota);

$t->start(<<"EOC");
$pools$single
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_auth off;
    gemini_upstream http://%%$sim%%;
    server {
        listen %%PORT%%;
$locations
    }
EOC

sub chat {
    my ($pool) = @_;

    return $t->post("/$pool/v1/chat/completions", { model => $model,
        messages => [{ role => 'user', content => '#echo hi' }] });
}

sub state_of {
    my ($pool) = @_;

    my $r = $t->get("/$pool/admin/api/status", token => $admin);

    return (grep { $_->{name} eq $pool } @{ $r->{json}{keys} })[0];
}

sub check {
    my ($pool) = @_;

    return $t->post("/$pool/admin/api/keys/$pool/check", undef,
        token => $admin)->{json};
}

# An account's lines in the log, by its name.
sub lines {
    my ($name) = @_;

    return grep { /\[(?:warn|error)\]/ && /"\Q$name\E"|\Q$name\E\@/ }
        split /\n/, $t->error_log;
}

for my $pool (sort keys %fault) {
    my ($pattern) = @{ $fault{$pool} };

    is(join(' ', map { chat($pool)->{status} } 1 .. 3), '200 200 200',
        "$pool: the pool goes on with its key");
    ok($t->wait_for(sub { grep { /$pattern/ } lines($pool) }),
        "$pool: the log says what is wrong");
    is(scalar($sim->seen(($account{$pool})->email)), 0,
        "$pool: upstream is not asked");
    like($json->encode(state_of($pool)), qr/"problem":\s*["{]/,
        "$pool: the status shows it");
}

is(chat('stalls')->{status}, 200,
    'an endpoint that says nothing delays nobody') for 1 .. 3;
ok($more{stalls}->wait_exchanges(1), 'while it is asked');

$account{down}->wait_exchanges(3);
is(scalar(grep { /503/ } lines('down')), 1,
    'a failure that goes on is told once');

my $r = chat('alone');
is($r->{status}, 503, 'an account alone without a token: 503');
like($r->{json}{error}{message}, qr/no access token for/,
    'and the message says what is missing');
unlike($r->{body}, qr/PRIVATE|assertion/, 'and nothing else');
is($more{alone}->exchanges, 1,
    'what somebody has to repair is not asked again for every request');

ok($t->wait_for(sub { chat('recovers')->{status} == 200 }),
    'an endpoint that recovers is asked again soon');
is($more{recovers}->exchanges, 3, 'as often as needed');

# A new key file is read by a reload.
$account{rotated}->write_file;
$sim->forget;
ok($t->reload, 'a reload with the right key');
ok($t->wait_for(sub { chat('rotated'); $account{rotated}->seen > 0 }),
    'brings the account back');

# ---- the diagnosis of a check

sub diagnosis {
    my $problem = check('checked')->{problem} || {};

    return join ' ', map { $_ // '-' } @$problem{qw(kind service permission)};
}

my $google = 'generativelanguage.googleapis.com';

ok($t->wait_for(sub { check('checked')->{ok} }), 'an account is checked');
is(check('checked')->{problem}, undef, 'without a problem');

for my $case (
    ['service_disabled', "api_disabled $google -", 'an API that is off'],
    [{ do => 'permission_missing', permission => 'a.b.c' },
        "permission_missing $google a.b.c", 'a permission that is missing'],
    ['scope_insufficient', "scope_insufficient $google -",
        'a scope that is missing'],
    ['billing', "billing $google -", 'billing'])
{
    my ($rule, $problem, $what) = @$case;

    $more{checked}->behave($rule);
    is(diagnosis(), $problem, "a check tells $what");
    ok(length check('checked')->{problem}{hint}, 'and what to do about it');
}

$more{checked}->behave();
ok(check('checked')->{ok}, 'when all is well the account is back');
is(state_of('checked')->{state}, 'ok', 'as the status says');

my $problem = check('alone');
ok(!$problem->{ok}, 'an account without a token is refused');
is($problem->{problem}{kind}, 'token', 'because of the token');
like($json->encode($problem), qr/Account disabled/,
    "in the endpoint's words");

# ---- a 403 is not for ever

$more{api}->wait_exchanges(1);
$more{api}->behave('service_disabled');
is(chat('api')->{status}, 503, 'an API that is off: the account is out');

my $rest = state_of('api')->{cooldowns}[0];
is($rest->{reason}, 'invalid', 'as invalid');
cmp_ok($rest->{seconds_left} // 9999, '<=', 600,
    'but for ten minutes: rights take some to arrive');

$more{quota}->wait_exchanges(1);
$more{quota}->behave({ do => 'rate_limit', retry => '30s' });
$r = chat('quota');
is($r->{status}, 429, 'an account at its limit: 429');
ok($r->{headers}{'retry-after'}, 'with Retry-After');
is($more{quota}->exchanges, 1, 'which is nothing to its token');

$_->state for values %account, values %more;
$t->done;
