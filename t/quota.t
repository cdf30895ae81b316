# Quotas: known ones, learned ones, what counts against them, and that a key
# over its quota is never called.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my @names = qw(a b c d pa pb l1 l2 t1 t2 h1 h2 f1 u1 s1);
my %secret = map { $_ => "quota-key-$_-0123456789abcdef" } @names;
my $simulator = $t->simulator;

$t->secrets(values %secret);
$t->write_file('limits.json', '{"gemini-2.5-flash": {"rpm": 2, "rpd": null},'
    . ' "gemini-3*": {"rpm": 1, "tpm_input": null, "note": "x"}}');

sub location {
    my ($pool) = @_;

    return "location /$pool/ { gemini_pass $pool; }"
        . " location = /$pool.json { gemini_status $pool json; }\n";
}

my $conf = <<"EOC" . join('', map { location($_) }
    gemini_keys minute { key $secret{a}; key $secret{b}; limit * rpm=3; }
    gemini_keys day { key $secret{c}; limit gemini-2.5-flash rpd=2; }
    gemini_keys project {
        key $secret{pa} project=p; key $secret{pb} project=p;
        limit * rpm=3;
    }
    gemini_keys learned { key $secret{l1}; cooldown rate_limit 1s; }
    gemini_keys tokens { key $secret{t1} name=t1; limit * tpm=2000; }
    gemini_keys stream { key $secret{t2} name=t2; limit * tpm=1000000; }
    gemini_keys headroom {
        key $secret{h1} name=small; key $secret{h2} name=large;
        limit gemini-2.5-flash rpm=4;
    }
    gemini_keys file { key $secret{f1}; limits limits.json; }
    gemini_keys unsent { key $secret{u1} name=u1; limit * rpm=3; }
    gemini_keys burst { key $secret{d}; key $secret{s1}; limit * rpm=5; }
    gemini_auth off;
    gemini_upstream http://%%$simulator%%;

    server {
        listen %%PORT%%;
EOC
    qw(minute day project learned tokens stream headroom file burst))
    . 'location /unsent/ { gemini_pass unsent;'
    . ' gemini_upstream http://127.0.0.1:1; }'
    . ' location = /unsent.json { gemini_status unsent json; } }';

$t->start($conf);

sub chat {
    my ($pool, %o) = @_;

    return $t->post("/$pool/v1/chat/completions", {
        model => $o{model} || 'gemini-2.5-flash',
        messages => [{ role => 'user', content => $o{text} || '#echo hi' }],
    });
}

sub calls {
    return scalar map { $simulator->seen($secret{$_}) } @_;
}

sub use_of {
    my ($pool, $model) = @_;

    my ($use) = map { @{ $_->{usage} || [] } }
        @{ $t->get("/$pool.json")->{json}{keys} };

    return $use || {};
}

# ---- requests in a minute

my @statuses = map { chat('minute')->{status} } 1 .. 8;

is("@statuses", '200 200 200 200 200 200 429 429',
    'two keys of three requests a minute give six');
is(calls('a', 'b'), 6, 'and upstream gets no more');
is(calls('a'), 3, 'half of them with each key');

my $refused = chat('minute');

like($refused->{headers}{'retry-after'}, qr/\A(?:[4-5]\d|6[0-4])\z/,
    'the rest are told when to come back');
is($refused->{json}{error}{code}, 'rate_limit_exceeded', 'as a rate limit');
is(chat('minute', model => 'gemini-2.5-pro')->{status}, 200,
    'another model has its own quota');

# ---- a day

@statuses = map { chat('day')->{status} } 1 .. 3;
is("@statuses", '200 200 429', 'requests of a day are counted');
cmp_ok(chat('day')->{headers}{'retry-after'}, '>', 60,
    'until midnight Pacific time');
is(chat('day', model => 'gemini-2.5-pro')->{status}, 200,
    'only for the models of the limit');

# ---- projects

@statuses = map { chat('project')->{status} } 1 .. 4;
is("@statuses", '200 200 200 429', 'keys of a project share its quota');

# ---- learned

$simulator->set_key('l1', { key => $secret{l1}, behaviours => [
    { do => 'rate_limit', limit => 3, retry => '1s', times => 1 } ] });
is(chat('learned')->{status}, 429, 'a 429 that names its limit');

my $use = use_of('learned');
is($use->{rpm}{limit}, 3, 'teaches it');
ok($use->{rpm}{learned}, 'and says that it is learned');

$t->wait_for(sub { chat('learned')->{status} == 200 });
chat('learned') for 1 .. 5;
is(calls('l1'), 3, 'from then on the key is not called beyond it');

# ---- tokens

my $long = 'word ' x 1500;

is(chat('tokens', text => $long)->{status}, 200,
    'a request within the quota of tokens');
is(chat('tokens', text => $long)->{status}, 429,
    'the next one would pass it');
is(chat('tokens', text => '#echo small')->{status}, 200,
    'a small one has room');

my ($seen) = $simulator->seen($secret{t1});
my $counted = use_of('tokens')->{tpm}{used};

cmp_ok($counted, '>', 1000, 'tokens are counted');

my @events = $t->stream('POST', '/stream/v1/chat/completions', {
    model => 'gemini-2.5-flash', stream => JSON::PP::true(),
    stream_options => { include_usage => JSON::PP::true() },
    messages => [{ role => 'user', content => 'Tell me something.' }],
})->events;
my ($usage) = map { $_->{json}{usage} || () } grep { $_->{json} } @events;

is(use_of('stream')->{tpm}{used}, $usage->{prompt_tokens},
    'what upstream says it cost takes the place of the estimate');

# ---- headroom

chat('headroom') for 1 .. 6;
is(join(' ', map { calls($_) } qw(h1 h2)), '3 3',
    'keys with equal quotas are used equally');

# ---- a file

@statuses = map { chat('file')->{status} } 1 .. 3;
is("@statuses", '200 200 429', 'limits come from a file');
is(join(' ', map { chat('file', model => 'gemini-3.8-flash')->{status} }
        1 .. 2), '200 429', 'by globs, too');

# ---- not sent

is(chat('unsent')->{status}, 502, 'a request that reached nobody')
    for 1 .. 4;
is(use_of('unsent')->{rpm}{used} // 0, 0, 'is not counted');

# ---- at once, from both workers

my @open = map {
    $t->stream('POST', '/burst/v1/chat/completions', {
        model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => '#echo hi' }] })
} 1 .. 60;
my %count;
$count{ $_->finish->{status} }++ for @open;

is_deeply(\%count, { 200 => 10, 429 => 50 },
    'of a burst exactly what the quota allows goes through');
is(calls('d', 's1'), 10, 'to upstream');

# ---- a reload, another limit

(my $other = $conf) =~ s/limit \* rpm=3; \}\n\s+gemini_keys day/limit * rpm=4; }\n gemini_keys day/;
ok($t->reload($other), 'a reload with a higher limit');
@statuses = map { chat('minute')->{status} } 1 .. 3;
is("@statuses", '200 200 429', 'leaves what was counted');

$t->done;
