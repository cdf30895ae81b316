# When no key is usable: the answer at once, a wait for one that comes back, the
# one whose rest ends soonest, another model.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my @pools = qw(fail wait wait_try soonest brief models mid limited sole);
my %secret = map { $_ => "exhausted-$_-0123456789abcdef" } @pools;
my $restricted = 'token-of-a-restricted-client-0123';
my $simulator = $t->simulator(keys => {});

$t->secrets(values %secret, $restricted);
$simulator->set_key($_, { key => $secret{$_} }) for @pools;

$t->start(<<"EOC");
    gemini_keys fail { key $secret{fail} name=fail; }
    gemini_keys wait { key $secret{wait} name=wait; exhausted wait=30s; }
    gemini_keys wait_try {
        key $secret{wait_try} name=wait_try; exhausted wait=30s; tries 2;
    }
    gemini_keys soonest {
        key $secret{soonest} name=soonest; exhausted soonest;
    }
    gemini_keys brief { key $secret{brief} name=brief; exhausted wait=2s; }
    gemini_keys models { key $secret{models} name=models; }
    gemini_keys mid { key $secret{mid} name=mid; tries 3; }
    gemini_keys limited {
        key $secret{limited} name=limited;
        limit gemini-2.5-flash rpm=1;
        exhausted soonest;
    }
    gemini_keys sole {
        key $secret{sole} name=sole models=gemini-2.5-flash;
    }
    gemini_clients some {
        token $restricted name=some models=gemini-2.5-flash;
    }
    gemini_upstream http://%%$simulator%%;
    gemini_auth off;

    server {
        listen %%PORT%%;
        location /fail/ { gemini_pass fail; }
        location /wait/ { gemini_pass wait; }
        location /wait_try/ { gemini_pass wait_try; }
        location /soonest/ { gemini_pass soonest; }
        location /brief/ { gemini_pass brief; }
        location /limited/ { gemini_pass limited; }
        location /sole/ {
            gemini_pass sole;
            gemini_fallback gemini-2.5-flash;
        }
        location /models/ {
            gemini_pass models;
            gemini_fallback gemini-2.5-flash-lite gemini-3.8-flash;
        }
        location /mid/ {
            gemini_pass mid;
            gemini_fallback gemini-2.5-flash-lite;
        }
        location /restricted/ {
            gemini_pass models;
            gemini_auth some;
            gemini_fallback gemini-2.5-flash-lite;
        }
    }
EOC

sub chat {
    my ($pool, %o) = @_;

    return $t->post("/$pool/v1/chat/completions", {
        model => $o{model} || 'gemini-2.5-flash',
        messages => [{ role => 'user', content => '#echo hello' }],
        $o{stream} ? (stream => JSON::PP::true()) : (),
    }, deadline => 40, %o);
}

sub text { return $_[0]{json}{choices}[0]{message}{content} // '' }
sub calls { return scalar $simulator->seen($secret{ $_[0] }) }

sub limit_for {
    my ($pool, $retry, %o) = @_;

    return $simulator->set_key($pool, { key => $secret{$pool}, behaviours => [
        { do => 'rate_limit', retry => $retry, times => 1, limit => 1000,
            %o } ] });
}

# ---- at once

limit_for('fail', '40s');
chat('fail');
my $r = chat('fail');

is($r->{status}, 429, 'without a usable key the client is told at once');
like($r->{headers}{'retry-after'}, qr/\A(?:3\d|40)\z/,
    'and when to come back');
is(calls('fail'), 1, 'upstream is not asked in vain');

# ---- waiting

limit_for('wait', '2s');
my $first = chat('wait');

is($first->{status}, 200,
    'a request whose key has just failed is held until it is back')
    or diag($first->{body});
is(text($first), 'hello', 'and answered');
is(calls('wait'), 2, 'with one more call');

limit_for('wait', '2s');
my $tail = $t->stream('POST', '/wait/v1/chat/completions', {
    model => 'gemini-2.5-flash', stream => JSON::PP::true(),
    messages => [{ role => 'user', content => '#echo streamed' }] },
    deadline => 40);
ok($t->wait_for(sub { calls('wait') == 3 }), 'a first request uses up the key');
my $second = chat('wait');

is($second->{status}, 200,
    'one that comes while the key rests is held, too');
is(text($second), 'hello', 'and answered when it is back');
like(join('', map { $_->{json}{choices}[0]{delta}{content} // '' }
        grep { $_->{json} } $tail->events), qr/streamed/,
    'so is a stream');

limit_for('wait', '3s');
my $before = calls('wait');
my $leaver = $t->stream('POST', '/wait/v1/chat/completions', {
    model => 'gemini-2.5-flash',
    messages => [{ role => 'user', content => '#echo gone' }] });
ok($t->wait_for(sub { calls('wait') > $before }), 'a call is under way');
my $held = $t->stream('POST', '/wait/v1/chat/completions', {
    model => 'gemini-2.5-flash',
    messages => [{ role => 'user', content => '#echo gone too' }] });
$leaver->abort;
$held->abort;
$r = chat('wait');
is($r->{status}, 200, 'clients that leave while held do no harm')
    or diag($r->{raw});

limit_for('wait_try', '2s', times => 9);
$r = chat('wait_try');

is($r->{status}, 429, 'waiting does not raise the number of tries');
is(calls('wait_try'), 2, 'which is two here');

limit_for('brief', '40s');
chat('brief');
$r = chat('brief');

is($r->{status}, 429,
    'when nothing will be back in time the client is told at once');
is(calls('brief'), 1, 'without another call');

# ---- the soonest

limit_for('soonest', '40s');
is(chat('soonest')->{status}, 429, 'the only key fails');
$r = chat('soonest');

is($r->{status}, 200, 'and is used in spite of its rest');
is(calls('soonest'), 2, 'by the next request');

is(chat('limited')->{status}, 200, 'the first request of a minute');
$r = chat('limited');
is($r->{status}, 429, 'a known quota is kept, soonest or not');
is(calls('limited'), 1, 'without a call');

# ---- another model

limit_for('models', '40s', models => 'gemini-2.5-flash');
chat('models', model => 'gemini-2.5-flash');
$r = chat('models', model => 'gemini-2.5-flash');

is($r->{status}, 200, 'another model serves when no key is usable');
is($r->{json}{model}, 'gemini-2.5-flash-lite',
    'and the answer says which one');
ok($t->wait_log(qr/no key is usable for "gemini-2.5-flash", "gemini-2.5-flash-lite" serves/),
    'so does the log');

my @events = $t->stream('POST', '/models/v1/chat/completions', {
    model => 'gemini-2.5-flash', stream => JSON::PP::true(),
    messages => [{ role => 'user', content => '#echo hello' }] })->events;
is($events[0]{json}{model}, 'gemini-2.5-flash-lite',
    'chunks of a stream say it, too');

is(chat('models', model => 'gemini-2.5-pro')->{json}{model}, 'gemini-2.5-pro',
    'a model that is there serves itself');

$r = chat('restricted', model => 'gemini-2.5-flash', token => $restricted);
is($r->{status}, 429, 'a model the client may not use is no substitute');

$simulator->set_key('mid', { key => $secret{mid}, behaviours => [
    { do => 'rate_limit', retry => '40s', models => 'gemini-2.5-flash' } ] });
$r = chat('mid', model => 'gemini-2.5-flash');

is($r->{status}, 200, 'a request that has just failed turns to it, too');
is($r->{json}{model}, 'gemini-2.5-flash-lite', 'and says so');
is(join(' ', map { $_->{path} =~ m{models/([^:]+)} ? $1 : '?' }
        $simulator->seen($secret{mid})),
    'gemini-2.5-flash gemini-2.5-flash-lite', 'in this order');

$r = chat('sole', model => 'gemini-2.5-pro');
is($r->{status}, 200, 'a model that no key may use has a substitute, too');
is($r->{json}{model}, 'gemini-2.5-flash', 'which is named');

is(chat('mid', model => 'gemini-9-nonsense')->{status}, 404,
    'an unknown model is the request\'s fault, and no reason for another');

$t->done;
