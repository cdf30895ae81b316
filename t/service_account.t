# Service accounts: their tokens are exchanged once for all workers, in time,
# kept over reloads and restarts, renewed after a refusal; they serve beside
# keys, with quotas of their own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Account;
use GeminiTest::Load;

my $t = GeminiTest->new;
my $sim = $t->simulator(args => ['--strict-keys']);
my $model = 'gemini-2.5-flash';
my $token = 'sk-service-account-test-0001';
my $admin = 'sk-service-account-admin-0001';
my %key = map { $_ => "account-test-key-$_-16180339887498" }
    qw(mixed held cells);

$t->secrets($token, $admin, values %key);
$sim->set_key($_, { key => $key{$_} }) for keys %key;

my %account = map {
    my ($name, @more) = @$_;
    $name => GeminiTest::Account->new($t, $sim, name => $name, @more)
} ['sole'], ['mixed'], ['first', project => 'project-of-both'],
    ['second', project => 'project-of-both'],
    ['explicit', projects => ['billed-project']],
    ['short', expires_in => 302], ['brief', expires_in => 6],
    ['held', exchange => ['hold']], ['waits', exchange => ['hold']],
    ['refused'], ['kept'], ['busy'];

sub of { return 'service_account ' . $account{ $_[0] }->path . " name=$_[0]" }

mkdir $t->dir . '/state';
$t->write_file('secret', 'what an operator keeps to himself');

sub conf {
    my ($more) = @_;

    my @pools = qw(sole mixed cells explicit short brief held waits refused
        kept busy);
    my $locations = join '', map {
        "        location /$_/v1/ { gemini_pass $_; }\n"
        . "        location /$_/ { gemini_pass $_ native; }\n"
        . "        location /$_/admin/ { gemini_admin $_; "
        . "gemini_auth admins; }\n"
    } @pools;

    return <<"EOC";
    @{[ $more // '' ]}
    gemini_keys sole { @{[ of('sole') ]}; }
    gemini_keys mixed {
        @{[ of('mixed') ]} weight=1; key $key{mixed} name=key;
        balance round_robin;
    }
    gemini_keys cells {
        @{[ of('first') ]}; @{[ of('second') ]}; key $key{cells} name=key;
        balance round_robin;
    }
    gemini_keys explicit { @{[ of('explicit') ]} project=billed-project; }
    gemini_keys short { @{[ of('short') ]}; }
    gemini_keys brief { @{[ of('brief') ]}; }
    gemini_keys held { @{[ of('held') ]}; key $key{held} name=key; }
    gemini_keys waits { @{[ of('waits') ]}; }
    gemini_keys refused { @{[ of('refused') ]}; }
    gemini_keys kept { @{[ of('kept') ]}; state %%DIR%%/state/kept; }
    gemini_keys busy { @{[ of('busy') ]}; }
    gemini_clients apps { token $token name=app; }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_auth apps;
    gemini_upstream http://%%$sim%%;
    server {
        listen %%PORT%%;
$locations
    }
EOC
}

sub said {
    return { model => $model,
        messages => [{ role => 'user', content => $_[0] // '#echo hi' }] };
}

sub chat {
    my ($pool, %o) = @_;

    return $t->post("/$pool/v1/chat/completions", said(), token => $token, %o);
}

sub native {
    my ($pool) = @_;

    return $t->post("/$pool/v1beta/models/$model:generateContent",
        { contents => [{ parts => [{ text => '#echo hi' }] }] },
        token => $token);
}

sub key_of {
    my ($pool, $name) = @_;

    my $r = $t->get("/$pool/admin/api/status", token => $admin);

    return (grep { $_->{name} eq $name } @{ $r->{json}{keys} })[0];
}

# ---- at the start

$t->start(conf());

ok($account{sole}->wait_exchanges(1),
    'a token is exchanged at the start, before anybody asks');

my ($exchange) = grep { ($_->{account} // '') eq $account{sole}->email }
    grep { $_->{path} eq '/token' } $sim->seen;
$exchange ||= {};

is($exchange->{status}, 200, 'by a request that a strict endpoint takes');
is(join(' ', sort keys %{ $exchange->{body} }), 'assertion grant_type',
    'with the form of RFC 7523');

is(chat('sole')->{status}, 200, 'the account serves the OpenAI form');
is(native('sole')->{status}, 200, "and Gemini's own");

for my $request ($account{sole}->seen) {
    is($request->{credential}, 'bearer', 'upstream sees its token');
    is($request->{headers}{'x-goog-user-project'}, $account{sole}->project,
        'and the project of the file');
}

is(native('explicit')->{status}, 200, 'a project may be given');
is((($account{explicit}->seen)[0] || {})->{headers}{'x-goog-user-project'},
    'billed-project', 'and is the one that is billed');

# ---- one for all workers

my $load = GeminiTest::Load->start($t, 4, sub {
    my ($turn) = @_;
    my $status = ($turn % 2 ? chat('busy') : native('busy'))->{status};

    return $status == 200 ? '' : "status $status";
});

$t->wait_for(sub { $account{busy}->seen >= 100 }, 30);
my ($good, @bad) = $load->finish;

is(join(', ', @bad), '', 'under load all is well');
cmp_ok($good, '>=', 90, 'for many requests');
is($account{busy}->exchanges, 1, 'with one exchange over all workers');

# ---- reload, and a killed worker

ok($t->reload, 'a reload');
is(chat('busy')->{status}, 200, 'the account serves');
$t->kill_worker;
is(chat('busy')->{status}, 200, 'also after a worker was killed')
    for 1 .. 4;
is($account{busy}->exchanges, 1, 'by the token that was there');

# ---- renewed in time

ok($account{short}->wait_exchanges(2),
    'a token is renewed 300 seconds before it expires');
ok($account{brief}->wait_exchanges(3),
    'one that does not live so long in the middle of its life');
is(chat('brief')->{status}, 200, 'and serves');
is(scalar(grep { $_->{status} == 401 }
    map { $account{$_}->seen } qw(short brief)), 0,
    'upstream was never shown one that had expired');

# ---- a token that upstream refuses

$account{sole}->revoke;
$sim->forget;
is(chat('sole')->{status}, 200, 'a refused token is no error for a client');
is(join(' ', map { $_->{status} } $account{sole}->seen), '401 200',
    'the request is tried once more');
is($account{sole}->exchanges, 2, 'with one new token');
is(chat('sole')->{status}, 200, 'which serves on');
is($account{sole}->exchanges, 2, 'without another exchange');

$account{refused}->wait_exchanges(1);
$account{refused}->behave('unauthenticated');
my $r = chat('refused');
is($r->{status}, 503, 'a new token that is refused as well ends in a 503');
is(scalar($account{refused}->seen), 2, 'after two tries');
is($account{refused}->exchanges, 2, 'and one more exchange');
is(key_of('refused', 'refused')->{state}, 'invalid', 'the account is out');
is(chat('refused')->{status}, 503, 'and stays so');
is(scalar($account{refused}->seen), 2, 'without asking upstream');

# ---- beside keys

$sim->forget;
chat('mixed') for 1 .. 6;
is(scalar($account{mixed}->seen), 3, 'accounts and keys take turns');
is(scalar($sim->seen($key{mixed})), 3, 'each with what is its own');
is(scalar(grep { $_->{headers}{'x-goog-user-project'} }
    $sim->seen($key{mixed})), 0, 'a key names no project');

$account{mixed}->revoke;
is(join(' ', map { chat('mixed')->{status} } 1 .. 4), '200 200 200 200',
    'beside a key a refused token is no error either');

# ---- a quota of its own

$account{first}->wait_exchanges(1);
$account{second}->wait_exchanges(1);
$account{first}->behave({ do => 'rate_limit', retry => '60s' });
$sim->forget;
is(join(' ', map { chat('cells')->{status} } 1 .. 7),
    '200 200 200 200 200 200 200', 'one account at its limit leaves others');
is(scalar($account{first}->seen), 1, 'it rests');
cmp_ok(scalar($account{second}->seen), '>=', 2,
    'one of the same project does not');
cmp_ok(scalar($sim->seen($key{cells})), '>=', 2, 'nor does the key');
is(key_of('cells', 'first')->{cooldowns}[0]{reason}, 'rate_limit',
    'as the status says');

# ---- while a token is under way

ok($account{held}->wait_exchanges(1), 'an exchange is under way');
is(chat('held')->{status}, 200, 'meanwhile a key serves')
    for 1 .. 3;
is(scalar($account{held}->seen), 0, 'and the account is passed over');

my $waiting = $t->stream('POST', '/waits/v1/chat/completions', said(),
    token => $token);
ok($account{waits}->wait_exchanges(1), 'where there is nothing else');
is(scalar($account{waits}->seen), 0, 'a request');
$account{waits}->release;
is($waiting->status, 200, 'waits for the token');
is($account{waits}->exchanges, 1, 'of the one exchange');

my $leaves = $t->stream('POST', '/waits/v1/chat/completions', said(),
    token => $token);
$leaves->abort(rst => 1);
is(chat('waits')->{status}, 200, 'a client that leaves harms nobody');

$account{held}->release;
ok($t->wait_for(sub { chat('held'); $account{held}->seen > 0 }),
    'an account serves when its token has come');

# ---- the status

my $status = $t->get('/sole/admin/api/status', token => $admin);
like($status->{body}, qr/\Q@{[ $account{sole}->email ]}\E/,
    'the status names the account');
ok(!grep({ index($status->{body}, $_) >= 0 } $account{sole}->tokens),
    'and shows no token');

# ---- kept over a restart

is(chat('kept')->{status}, 200, 'an account of a pool with a state file');
$account{$_}->state for keys %account;       # the tokens are secrets
$t->wait_for(sub { -s $t->dir . '/state/kept' });
is($t->stop, 0, 'nginx stops');

my $file = $t->dir . '/state/kept';
is((stat $file)[2] & 07777, 0600, 'the state file is for its owner alone');

$t->start(conf());
is(chat('kept')->{status}, 200, 'after a restart');
is($account{kept}->exchanges, 1, 'the token is still good');
$account{$_}->state for keys %account;

is($t->stop, 0, 'nginx stops');
unlink $file;
$t->start(conf('gemini_secret %%DIR%%/secret;'));
is(chat('kept')->{status}, 200, 'with a gemini_secret');
is($account{kept}->exchanges, 2, 'and no state a token is exchanged');
$account{$_}->state for keys %account;
is($t->stop, 0, 'nginx stops');

open my $state, '<', $file or die "$file: $!\n";
my $content = do { local $/; <$state> };
ok(!grep({ index($content, $_) >= 0 } $account{kept}->tokens),
    'then no token stands in the file as it is');
$t->start(conf('gemini_secret %%DIR%%/secret;'));
is(chat('kept')->{status}, 200, 'and after a restart');
is($account{kept}->exchanges, 2, 'it is still good');

$account{$_}->state for keys %account;
$t->done;
