# The admin API's events: what happens to keys is told as it happens, whoever
# did it, on whichever worker; nothing of it holds anybody up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my %secret = (
    one => 'AIzaSyAdminEventsTestAAAAAAAAAAAAAAAAAA',
    two => 'admin-events-test-two-27182818284590',
    late => 'admin-events-test-late-31415926535897',
);
my $admin = 'sk-admin-events-root-0001';
my $model = 'gemini-2.5-flash';

$t->secrets(values %secret, $admin);

my %failure = (
    invalid => error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID'),
    limited => error(429, 'RESOURCE_EXHAUSTED', retry => '40s', quota => [{
        quotaValue => '5000', quotaDimensions => { model => $model },
        quotaId => 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
        quotaMetric => 'generativelanguage.googleapis.com/'
            . 'generate_content_free_tier_requests' }]),
    busy => error(503, 'UNAVAILABLE'),
);

# "NAMES FAILURE": so the keys of these names fail, the others answer.
my $up = $t->upstream(sub {
    my ($request) = @_;

    my ($names, $how) = split / /,
        $request->{json}{contents}[0]{parts}[0]{text};

    return grep({ $request->{key} eq ($secret{$_} // '') } split /,/, $names)
        ? $failure{$how} : reply('hello');
});

# A rest of a second, so that keys wake.
sub conf {
    return <<"EOC";
    gemini_keys main {
        key $secret{one} name=one;
        key $secret{two} name=two project=alpha;
        balance round_robin;
        cooldown unavailable 1s;
    }
    gemini_keys little { key $secret{one} name=little; zone 640k; }
    gemini_clients admins { token $admin name=root role=admin; }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%% reuseport;
        location /v1/ { gemini_pass main; gemini_auth off; }
        location /gemini/ { gemini_admin main; gemini_auth admins;
            add_header X-Worker \$pid always; }
        location /little/ { gemini_admin little; gemini_auth admins; }
    }
EOC
}

$t->start(conf());

sub admin {
    my ($method, $path, $body, %o) = @_;

    return $t->request($method, "/gemini/api/$path", $body, token => $admin,
        %o);
}

sub ask {
    my ($text) = @_;

    return $t->post('/v1/chat/completions', { model => $model,
        messages => [{ role => 'user', content => $text }] })->{status};
}

# A stream of events, of a worker if one is named, open already.
sub listen_on {
    my ($worker, %o) = @_;

    for (1 .. 500) {
        my $s = $t->stream('GET', ($o{at} // '/gemini') . '/api/events', undef,
            token => $admin, deadline => 30, %o);

        $s->status;

        if (!$worker || $s->headers->{'x-worker'} == $worker) {
            my $first = $s->next_event(10);

            die "the stream did not begin\n"
                unless $first && defined $first->{comment};
            return $s;
        }

        $s->abort;
    }

    die "no stream of worker $worker\n";
}

# The next event of that name, those before it left out.
sub event_of {
    my ($s, $name) = @_;

    while (my $event = $s->next_event(10)) {
        return $event if ($event->{event} // '') eq $name;
    }

    return;
}

# Some members of an event in one line.
sub told {
    my ($event, @members) = @_;

    return 'nothing' unless $event;
    return join ' ', $event->{event}, map {
        $event->{json}{$_} // 'null' } @members;
}

# ---- the stream

my @workers = $t->workers;
my @s = map { listen_on($_) } @workers;

is($s[0]->headers->{'content-type'} =~ m{\Atext/event-stream\b} ? 1 : 0, 1,
    'it is a stream of events');
like($s[0]->headers->{'cache-control'}, qr/no-(?:store|cache)/,
    'that nobody keeps');
is($s[0]->headers->{'x-accel-buffering'}, 'no', 'or holds up');

# ---- what happens, on both workers' streams

sub told_both {
    my ($name, $wanted, $what, @members) = @_;

    my @events = map { event_of($_, $name) } @s;

    is(join(' | ', map { told($_, @members) } @events),
        "$wanted | $wanted", $what);
    is($events[0]{id} // 'none', $events[1]{id} // '', 'by one number');

    return $events[0];
}

is(admin('POST', 'keys', { key => $secret{late}, name => 'late' })
    ->{status}, 201, 'a key is added');
my $added = told_both('key_added', 'key_added late null null',
    'and that is told', qw(key model reason));

like($added->{id}, qr/\A\d+\z/, 'an event has a number');
like($added->{json}{id}, qr/\A[0-9a-f]{16}\z/, "and the key's id");
ok(!$added->{json}{remote}, 'it happened here');
cmp_ok(abs($added->{json}{time} - time), '<', 60, 'now');

admin('PATCH', 'keys/late', { enabled => \0 });
told_both('key_changed', 'key_changed late', 'a change is told', 'key');
admin('PATCH', 'keys/late', { name => 'renamed' });
told_both('key_changed', 'key_changed renamed', 'with the name of then',
    'key');
admin('DELETE', 'keys/renamed');
told_both('key_removed', 'key_removed ' . $added->{json}{id},
    'that it is gone', 'id');

is(ask('one busy'), 200, 'a key fails') for 1 .. 2;
my $rested = told_both('rested', "rested one $model unavailable",
    'that it rests', qw(key model reason));
ok($rested->{json}{until} > 0 && defined $rested->{json}{seconds_left},
    'until when');

$t->wait_for(sub {
    ask('hello');
    my ($one) = grep { $_->{name} eq 'one' }
        @{ admin('GET', 'status')->{json}{keys} };
    return $one->{state} eq 'ok' && !@{ $one->{cooldowns} };
});
ask('hello') for 1 .. 4;
told_both('woke', "woke one $model", 'that it is back', qw(key model));

ask('two limited') for 1 .. 2;

my @after = map { [$_->next_event(10), $_->next_event(10)] } @s;
my %kinds = map { $_->{event} => $_ } @{ $after[0] };

is(told($kinds{limit_learned}, qw(model quantity limit)),
    "limit_learned $model rpm 5000", 'that a limit was learned');
is(told($kinds{rested}, qw(project model reason)),
    "rested alpha $model rate_limit", 'that a project rests');
is(join(' ', map { $_->{id} } @{ $after[0] }),
    join(' ', map { $_->{id} } @{ $after[1] }), 'to both');

admin('POST', 'keys/two/reset');
told_both('reset', 'reset null', 'that its rest was ended', 'reason');

is(ask('one invalid'), 200, 'a key is refused') for 1 .. 2;
told_both('rested', 'rested one null invalid null',
    'that it rests for ever', qw(key model reason until));
admin('POST', 'keys/one/reset');
told_both('reset', 'reset one', 'and that it does no more', 'key');

# ---- from where one left off

$_->abort for @s;

admin('PATCH', 'keys/one', { weight => 2 });
admin('PATCH', 'keys/one', { weight => 3 });
admin('PATCH', 'keys/two', { weight => 2 });

my $s = listen_on(undef, headers => { 'Last-Event-ID' => $added->{id} });
my @missed;

while (my $event = $s->next_event(10)) {
    push @missed, $event;
    last if told($event, 'key') eq 'key_changed two';
}

is($missed[0]{id}, $added->{id} + 1, 'a reader goes on after the last id');
is(join(' ', map { $_->{id} } @missed),
    join(' ', $added->{id} + 1 .. $added->{id} + @missed),
    'and misses nothing');
is(scalar(grep { $_->{event} eq 'key_changed' } @missed), 5,
    'of what has happened');
$s->abort;

my $last = $missed[-1]{id};

$s = listen_on(undef, headers => { 'Last-Event-ID' => $last });
admin('PATCH', 'keys/two', { weight => 4 });
is($s->next_event(10)->{id}, $last + 1, 'with nothing missed it waits');
$s->abort;

for my $id ('none', '-1', '99999999999999999999999', '') {
    $s = listen_on(undef, headers => { 'Last-Event-ID' => $id });
    admin('PATCH', 'keys/two', { weight => ++$last % 900 + 1 });
    is(told($s->next_event(10), 'key'), 'key_changed two',
        "an id that is none (\"$id\") is left out");
    $s->abort;
}

$s = listen_on(undef, headers => { 'Last-Event-ID' => 1_000_000_000 });
is(told($s->next_event(10)), 'lost', 'one that never was means to look anew');
admin('PATCH', 'keys/two', { weight => 901 });
is(told($s->next_event(10), 'key'), 'key_changed two', 'and to go on');
$s->abort;

# ---- more than is kept

sub weigh {
    my ($weight) = @_;

    return $t->request('PATCH', '/little/api/keys/little',
        { weight => $weight }, token => $admin)->{status};
}

$s = listen_on(undef, at => '/little');
weigh(1);
my $old = $s->next_event(10)->{id};
$s->abort;

weigh($_) for 2 .. 400;

$s = listen_on(undef, at => '/little', headers => { 'Last-Event-ID' => $old });
my @events = map { $s->next_event(10) } 1 .. 2;
is(told($events[0]), 'lost', 'what is kept no more is told to be lost');
is(told($events[1], 'key'), 'key_changed little', 'and the rest follows');
cmp_ok($events[1]{id}, '>', $old + 1, 'with its number');
$s->abort;

# ---- clients that leave, and that do not read

sub connections {
    my ($worker) = @_;

    return scalar grep { (readlink // '') =~ /\Asocket:/ }
        glob "/proc/$worker/fd/*";
}

my ($worker) = $t->workers;

@s = map { listen_on($worker) } 1 .. 5;

my $open = connections($worker);

$s[$_]->abort(rst => $_ % 2) for 0 .. 4;
ok($t->wait_for(sub { connections($worker) <= $open - 5 }),
    'clients that leave are noticed');

my $lazy = listen_on(undef, receive_buffer => 1024);
my $eager = listen_on();

admin('PATCH', 'keys/two', { weight => 903 });
is(told($eager->next_event(10), 'key'), 'key_changed two',
    'who does not read holds up nobody');
is(told($lazy->next_event(10), 'key'), 'key_changed two',
    'and finds it later');

# ---- reload and stop

my %old = map { $_ => 1 } $t->workers;

ok($t->reload(conf()), 'a reload');
ok($eager->complete, 'ends the stream, whole');
ok($lazy->complete, 'of everybody');
ok($t->wait_for(sub {
    !grep { -d "/proc/$_" } keys %old;
}, 15), 'so that the old workers go');

$s = listen_on(undef, headers => { 'Last-Event-ID' => $added->{id} });
is($s->next_event(10)->{id}, $added->{id} + 1,
    'the new ones go on with the numbers');
$s->abort;

@s = map { listen_on($_) } $t->workers;
$t->kill_worker(($t->workers)[0]);
$s[0]->complete;
admin('PATCH', 'keys/two', { weight => 904 });
is(told($s[1]->next_event(10), 'key'), 'key_changed two',
    'the death of a worker ends no stream of another');

is($t->stop, 0, 'nginx stops with a stream open');
ok($s[1]->complete, 'which it ends');

$t->done;
