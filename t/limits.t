# How much a client, and an address, may ask for: exact over all workers,
# kept over a reload, and told with a time to come back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my $up = $t->upstream(sub {
    my ($request) = @_;
    my $text = $request->{json}{contents}[0]{parts}[0]{text} // '';

    return error(400, 'INVALID_ARGUMENT', message => 'scripted')
        if $text eq 'fail';
    return reply(['a', 'b'], usage => {
        promptTokenCount => 30, candidatesTokenCount => 50,
        thoughtsTokenCount => 20, totalTokenCount => 100,
    });
});

my $clients = join "\n", map { "token sk-limit-$_->[0] $_->[1];" }
    ['rpm', 'rpm=5'], ['rpd', 'rpd=4'], ['tpm', 'tpm=150'],
    ['tpd', 'tpd=150'], ['stream', 'tpm=150'], ['both', 'rpm=2 rpd=9'],
    ['free', ''], ['many', 'rpm=7'], ['kept', 'rpm=3'], ['kill', 'rpm=3'],
    ['refused', 'rpm=2 models=gemini-2.5-flash'], ['bad', 'rpm=2'];

$t->secrets(map { "sk-limit-$_" } qw(rpm rpd tpm tpd stream both free many
    kept refused));

# A minute is counted in slots; the oldest leaves as a whole.
my $minute = 65;

# The address of the client can be chosen, to be many at once.
my $conf = sub {
    my ($clients, $keys) = @_;

    $keys //= 'key k1;';

    return <<"EOC";
    gemini_keys main { $keys }
    gemini_clients apps { $clients }
    gemini_upstream http://%%$up%%;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Test-Address;
    server {
        listen %%PORT%%;
        gemini_auth apps;
        location /v1/ { gemini_pass main; }
        location /ip/ {
            gemini_pass main; gemini_auth off;
            gemini_client_ip_limit rpm=4;
        }
        location /ip-too/ {
            gemini_pass main; gemini_auth off;
            gemini_client_ip_limit rpm=4;
        }
        location /day/ {
            gemini_pass main; gemini_auth off;
            gemini_client_ip_limit rpd=3;
        }
        location /both/ {
            gemini_pass main; gemini_client_ip_limit rpm=3;
        }
    }
EOC
};

$t->start($conf->($clients));

sub ask {
    my ($path, %o) = @_;

    return $t->post("$path/chat/completions", {
        model => $o{model} // 'gemini-2.5-flash',
        $o{stream} ? (stream => \1) : (),
        messages => [{ role => 'user', content => $o{text} // 'hi' }],
    }, map { defined $o{$_} ? ($_ => $o{$_}) : () } qw(token headers));
}

sub from { return headers => { 'X-Test-Address' => $_[0] } }

# The statuses of so many requests in a row.
sub statuses {
    my ($count, @with) = @_;

    return join ' ', map { ask(@with)->{status} } 1 .. $count;
}

# So many requests at once, all connections open before the first is sent.
sub at_once {
    my ($count, $path, %o) = @_;

    my $body = { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => 'hi' }] };
    my @connections = map { $t->connect } 1 .. $count;

    $_->send_request('POST', "$path/chat/completions", $body, %o)
        for @connections;

    my %count;
    $count{ $_->finish->{status} }++ for @connections;

    return join ' ', map { "$_:$count{$_}" } sort keys %count;
}

# A 429 as OpenAI's, with a time within the given bounds.
sub limited {
    my ($name, $r, $least, $most) = @_;

    my $error = $r->{json}{error} || {};
    my $after = $r->{headers}{'retry-after'} // '';

    is("$r->{status} $error->{type} $error->{code}",
        '429 rate_limit_error rate_limit_exceeded', $name);
    ok($after =~ /\A\d+\z/ && $after >= $least && $after <= $most,
        "... Retry-After is $least to $most seconds") or diag($after);
    is($r->{headers}{'x-should-retry'} // '-', $after =~ /\A\d+\z/
        && $after > 120 ? 'false' : '-', '... and says if a retry is any use');
    ok($r->{headers}{'x-request-id'}, '... with an id');

    return;
}

# ---- clients

is(statuses(6, '/v1', token => 'sk-limit-rpm'), '200 200 200 200 200 429',
    'rpm=5 lets five pass');
limited('the sixth', ask('/v1', token => 'sk-limit-rpm'), 1, $minute);
is(scalar(my @passed = $up->seen), 5, 'what is refused is not sent upstream');

is(statuses(5, '/v1', token => 'sk-limit-rpd'), '200 200 200 200 429',
    'rpd=4 lets four pass');
limited('the fifth of the day', ask('/v1', token => 'sk-limit-rpd'), 1,
    90000);

is(statuses(3, '/v1', token => 'sk-limit-tpm'), '200 200 429',
    'tpm=150 is used up by two answers of 100 tokens');
limited('the next', ask('/v1', token => 'sk-limit-tpm'), 1, $minute);

is(statuses(3, '/v1', token => 'sk-limit-tpd'), '200 200 429',
    'tpd=150 as well');
limited('the next of the day', ask('/v1', token => 'sk-limit-tpd'), 1,
    90000);

is(statuses(3, '/v1', token => 'sk-limit-stream', stream => 1),
    '200 200 429', 'tokens of streams count');
is(statuses(3, '/v1', token => 'sk-limit-both'), '200 200 429',
    'the tighter one of two limits decides');
is(statuses(20, '/v1', token => 'sk-limit-free'),
    join(' ', ('200') x 20), 'no limit, no bound');

is(statuses(3, '/v1', token => 'sk-limit-bad', text => 'fail'),
    '400 400 429', 'a request that upstream refuses counts');
is(ask('/v1', token => 'sk-limit-wrong')->{status}, 401,
    'an unknown token is a 401, whatever others have used up');

# Listing costs a request, too: whoever polls it is held.
is(join(' ', map { $t->get('/v1/models', token => 'sk-limit-rpm')->{status} }
    1 .. 2), '429 429', 'GET models counts as a request');

is(at_once(30, '/v1', token => 'sk-limit-many'), '200:7 429:23',
    'of 30 at once over all workers exactly rpm=7 pass');

my $preflight = $t->request('OPTIONS', '/v1/chat/completions', undef,
    headers => { Origin => 'http://a', 'Access-Control-Request-Method' =>
        'POST' });
is($preflight->{status}, 204, 'a preflight is free');

# ---- addresses

is(statuses(5, '/ip', from('192.0.2.1')), '200 200 200 200 429',
    'gemini_client_ip_limit rpm=4 lets four pass');
limited('the fifth', ask('/ip', from('192.0.2.1')), 1, $minute);
is(ask('/ip', from('192.0.2.2'))->{status}, 200, 'another address is free');
is(ask('/ip', from('2001:db8::1'))->{status}, 200, 'IPv6 is another, too');
is(ask('/ip-too', from('192.0.2.1'))->{status}, 429,
    'the count is shared by the locations of a pool');
is(at_once(20, '/ip', from('192.0.2.3')), '200:4 429:16',
    'of 20 at once exactly four pass');
is(statuses(4, '/day', from('192.0.2.4')), '200 200 200 429',
    'rpd=3 lets three pass');
limited('the fourth of the day', ask('/day', from('192.0.2.4')), 1, 90000);
is(statuses(4, '/both', token => 'sk-limit-free', from('192.0.2.5')),
    '200 200 200 429', 'an address is held beside a client');
is(ask('/both', token => 'sk-limit-free', from('192.0.2.6'))->{status}, 200,
    'elsewhere the same client goes on');
is(ask('/v1', token => 'sk-limit-free', from('192.0.2.1'))->{status}, 200,
    'a location without the limit is free');

# ---- a reload, a killed worker, another limit

is(statuses(2, '/v1', token => 'sk-limit-kept'), '200 200', 'two of three');
ok($t->reload, 'a reload');
is(statuses(2, '/v1', token => 'sk-limit-kept'), '200 429',
    'the count goes on after it');
is(ask('/v1', token => 'sk-limit-rpd')->{status}, 429,
    'a used up day stays used up');
is(ask('/ip', from('192.0.2.1'))->{status}, 429, 'and so does an address');

is(statuses(2, '/v1', token => 'sk-limit-kill'), '200 200', 'two of three');
$t->kill_worker;
is(statuses(2, '/v1', token => 'sk-limit-kill'), '200 429',
    'the count goes on when a worker is killed');

(my $raised = $clients) =~ s/kept rpm=3/kept rpm=5/;

ok($t->reload($conf->($raised)), 'a reload with a higher limit');
is(statuses(3, '/v1', token => 'sk-limit-kept'), '200 200 429',
    'it holds, with what was used before');

# A reload with so many more clients that the zone must grow.
my $more = join "\n", $raised, map { "token sk-more-$_;" } 1 .. 500;

ok($t->reload($conf->($more)), 'a reload with 500 more clients');
is(ask('/v1', token => 'sk-more-500')->{status}, 200, 'they may call');
is(ask('/v1', token => 'sk-limit-rpd')->{status}, 429,
    'and the counts of the others are kept');

my $keys = join ' ', map { "key more-keys-$_;" } 1 .. 2000;

ok($t->reload($conf->($more, $keys)), 'a reload with 2000 more keys');
is(ask('/day', from('192.0.2.4'))->{status}, 429,
    'and the counts of the addresses are kept');

$t->done;
