# The list of models: in OpenAI's form, with the aliases, from all of
# upstream's pages, kept for all workers, and served when upstream is down.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my @keys = map { "models-key-$_-28284271" } qw(one two);
my $t = GeminiTest->new;

$t->secrets(@keys);

sub entry {
    my ($id, @methods) = @_;

    return { name => "models/$id", displayName => $id,
        inputTokenLimit => 1048576, outputTokenLimit => 65536,
        supportedGenerationMethods => [@methods ? @methods
            : qw(generateContent countTokens)] };
}

# Three pages, found by their tokens.
my %pages = (
    '' => { models => [map { entry("gemini-a$_") } 1 .. 3],
        nextPageToken => 'second+/=&page' },
    'second+/=&page' => { models => [map { entry("gemini-b$_") } 1 .. 3],
        nextPageToken => 'third' },
    third => { models => [entry('gemini-c1'),
        entry('gemini-embedding-001', 'embedContent')] },
);

sub page {
    my ($request) = @_;

    my ($token) = $request->{query} =~ /(?:\A|&)pageToken=([^&]*)/;
    $token = ($token // '') =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;

    return $pages{$token} ? json_reply($pages{$token})
        : error(400, 'INVALID_ARGUMENT', message => "no page $token");
}

my %dead;

my $up = $t->upstream(sub {
    my ($request) = @_;

    if ($request->{method} eq 'POST') {
        my $word = $request->{json}{contents}[0]{parts}[0]{text};
        $dead{$1} = $2 if $word =~ /\A(\w+) is (\w+)\z/;
        return reply('noted');
    }

    my $state = $dead{ $request->{path} =~ m{\A/(\w+)/v1beta} ? $1 : '' }
        // '';

    return error(503, 'UNAVAILABLE') if $state eq 'down';
    return [['rst']] if $state eq 'cut';
    return error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID')
        if $state eq 'half' && $request->{key} eq $keys[0];
    return error(400, 'INVALID_ARGUMENT', reason => 'API_KEY_INVALID')
        if $state eq 'refused';
    return json_reply({}) if $state eq 'empty';
    return { status => 200, body => '<html>Sorry' } if $state eq 'html';
    return json_reply({ models => [entry('gemini-round')],
        nextPageToken => 'again' }) if $state eq 'endless';

    return page($request);
});

my @places = qw(main down cut half refused empty html endless again one
    shut stale);

sub conf {
    my $conf = '';

    for my $place (@places) {
        my $cache = $place eq 'stale' ? 'gemini_models_cache 0;' : '';

        $conf .= <<"EOC";
        location /$place/ { gemini_pass $place; $cache
            gemini_upstream http://%%$up%%/$place; }
        location = /$place.json { gemini_status $place json; }
EOC
    }

    # Its faults come one after the other, and each is to be met.
    my $restless = join '', map { "cooldown $_ off; " }
        qw(unavailable gateway server_error);

    my $pools = join '', map {
        "gemini_keys $_ { key $keys[0]; key $keys[1]; balance round_robin; "
            . ($_ eq 'stale' ? $restless : '') . "}\n"
    } @places;

    return <<"EOC";
    $pools
    gemini_auth off;
    log_format who '\$pid \$uri \$gemini_tries';
    server {
        listen %%PORT%% reuseport;
        access_log %%DIR%%/who.log who;
        $conf
        location /aliased/ {
            gemini_pass main;
            gemini_upstream http://%%$up%%/main;
            gemini_model gpt-4o gemini-a1;
            gemini_model gemini-a2 gemini-b2;
            gemini_model elsewhere gemini-not-listed;
            gemini_model text-* gemini-embedding-001;
        }
    }
EOC
}

$t->start(conf());

sub say_to_upstream {
    my ($what) = @_;

    return $t->post('/main/chat/completions', { model => 'gemini-a1',
        messages => [{ role => 'user', content => $what }] })->{status};
}

sub ids {
    my ($r) = @_;

    return join ' ', map { $_->{id} } @{ $r->{json}{data} || [] };
}

# Times that a place's list was asked for.
sub asked {
    my ($place) = @_;

    return scalar grep {
        $_->{method} eq 'GET' && $_->{path} =~ m{\A/\Q$place\E/}
    } $up->seen;
}

my $all = 'gemini-a1 gemini-a2 gemini-a3 gemini-b1 gemini-b2 gemini-b3'
    . ' gemini-c1 gemini-embedding-001';

# ---- the list

my $r = $t->get('/main/models');
is($r->{status}, 200, 'the list');
like($r->{headers}{'content-type'}, qr{\Aapplication/json}, 'is JSON');
is($r->{json}{object}, 'list', 'in the form of OpenAI\'s');
is(ids($r), $all, 'of the models of all pages, under bare names');
is(join(' ', grep { $_->{object} ne 'model' || $_->{created} !~ /\A\d+\z/
    || !length $_->{owned_by} } @{ $r->{json}{data} }), '',
    'with all the fields of a model');
is(asked('main'), 3, 'each page was asked for once');

my @seen = grep { $_->{method} eq 'GET' } $up->seen;
is(join(' ', grep { !m{\A/main/v1beta/models\z} } map { $_->{path} } @seen),
    '', 'at the same address');
is(scalar(grep { $_->{headers}{'content-length'} } @seen), 0,
    'without a body');
ok(!(grep { $_->{uri} =~ /key-/ } @seen), 'and no key in it');

# ---- one model

$r = $t->get('/main/models/gemini-b2');
is($r->{status}, 200, 'one model');
is($r->{json}{id}, 'gemini-b2', 'by its name');
is($r->{json}{object}, 'model', 'is a model');
is(asked('main'), 3, 'out of the same list');
is($t->get('/main/models/models/gemini-b2')->{json}{id}, 'gemini-b2',
    'with Google\'s prefix too');
is($t->get('/main/models/models%2Fgemini-b2')->{json}{id}, 'gemini-b2',
    'or encoded');

for my $id (qw(gpt-4o gemini gemini-a11 %22%3Cx%3E)) {
    $r = $t->get("/main/models/$id");
    is($r->{status}, 404, "$id: is not there");
    is($r->{json}{error}{code}, 'model_not_found', "$id: says the code");
    is($r->{json}{error}{type}, 'invalid_request_error', "$id: and type");
}

is($t->get('/one/models/gemini-c1')->{json}{id}, 'gemini-c1',
    'one model of a list that was not there yet');
is($t->get('/one/models/gemini-none')->{status}, 404, 'is looked for in it');
is(asked('one'), 3, 'which is fetched once');
is($t->post('/main/models', {})->{status}, 405, 'a list takes no POST');

# ---- aliases

$r = $t->get('/aliased/models');
is(join(' ', sort split / /, ids($r)), join(' ', sort split(/ /, $all),
    qw(gpt-4o elsewhere)), 'aliases are listed, each once, globs are not');
$r = $t->get('/aliased/models/gpt-4o');
is($r->{json}{id}, 'gpt-4o', 'and found by their names');
is($t->get('/aliased/models/text-x')->{status}, 404, 'globs are not');
is(asked('main'), 3, 'they need no list of their own');

# ---- kept for all workers

ok($t->wait_for(sub {
    $t->get('/main/models');
    my $log = $t->_slurp('who.log');
    return !grep { $log !~ m{^$_ /main/models }m } $t->workers;
}), 'every worker serves the list');
is(asked('main'), 3, 'out of what one has fetched');

ok($t->reload, 'a reload');
is(ids($t->get('/main/models')), $all, 'does not lose it');
is(asked('main'), 3, 'nor fetch it again');

$t->kill_worker;
is(ids($t->get('/main/models')), $all, 'nor does a killed worker');

# ---- upstream misbehaving, no list yet

say_to_upstream("$_ is $_") for qw(down cut half refused empty html endless);

$r = $t->get('/half/models');
is(ids($r), $all, 'a refused key is not noticed');
is(asked('half'), 4, 'it costs one call');

for my $place (qw(down cut refused html)) {
    $r = $t->get("/$place/models");
    ok($r->{status} == 502 || $r->{status} == 503,
        "$place: no list, no answer") or diag($r->{status});
    is(ref $r->{json}{error}, 'HASH', "$place: but an error of the API");
    cmp_ok(asked($place), '<=', 3, "$place: after few tries");
}

$r = $t->get('/empty/models');
is($r->{status} . $r->{body} =~ s/\s//gr, '200{"object":"list","data":[]}',
    'an empty list is one');

$r = $t->get('/endless/models');
is($r->{status}, 200, 'pages without end');
is(ids($r), 'gemini-round', 'are one list');
cmp_ok(asked('endless'), '<=', 200, 'and end');

# nothing broken is kept
say_to_upstream('html is fine');
ok($t->wait_for(sub { ids($t->get('/html/models')) eq $all }),
    'when upstream is well again, the list is there');

# ---- going down after the list was fetched

is(ids($t->get('/shut/models')), $all, 'a list that was fetched');
my $stop = asked('shut');
say_to_upstream('shut is down');
is(ids($t->get('/shut/models')), $all, 'is served while upstream is down');
is(asked('shut'), $stop, 'which is not even asked');
is($t->get('/shut/models/gemini-none')->{status}, 404,
    'and a model that is not in it is not there');

# ---- a list that is never fresh

is(ids($t->get('/stale/models')), $all, 'without a cache the list is fetched');
my $fetched = asked('stale');
is(ids($t->get('/stale/models')), $all, 'and fetched again');
cmp_ok(asked('stale'), '>', $fetched, 'each time');

for my $state (qw(down cut html refused)) {
    say_to_upstream("stale is $state");
    my $before = asked('stale');

    is(ids($t->get('/stale/models')), $all, "$state: the old list is served");
    is($t->get('/stale/models/gemini-b2')->{json}{id}, 'gemini-b2',
        "$state: and a model of it");
    is($t->get('/stale/models/gemini-none')->{status}, 404,
        "$state: and no other");
    cmp_ok(asked('stale'), '>', $before, "$state: after upstream was asked")
        if $state ne 'refused';
}

is(ids($t->get('/stale/models')), $all,
    'with every key refused the old list is served still');
like($t->error_log, qr/\[warn\] .* no list of models, the one of \d+ s ago/,
    'and the log says so');

# ---- clients that leave

my $s = $t->stream('GET', '/again/models');
$s->abort;
ok($t->wait_for(sub { ids($t->get('/again/models')) eq $all }),
    'a client that leaves does not spoil the list');

$t->done;
