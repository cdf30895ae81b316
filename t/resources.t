# What projects own, behind one pool: what one client makes stays together,
# what is named decides where a request goes, lists cover all projects and
# show a client its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;
use GeminiTest::Resources;

my $t = GeminiTest->new;
my $simulator = two_projects($t);
my $generate = "models/$model:generateContent";
my %project = ('one-a' => 'one', 'one-b' => 'one', two => 'two');

sub conf {
    return resources_conf($simulator, pool => 'balance round_robin;',
        locations => <<'EOC', @_) . <<"EOC";
        location /open/ { gemini_pass main native; gemini_auth off; }
        location /alone/ { gemini_pass alone native; gemini_auth off; }
EOC
    gemini_keys alone { key $secret{two} name=alone project=two; }
EOC
}

$t->start(conf());

sub use_file {
    return { fileData => { fileUri => $_[0], mimeType => 'text/plain' } };
}

sub asks {
    my ($parts, %o) = @_;

    return call($t, 'POST', delete $o{path} // $generate, {
        %{ delete $o{more} || {} }, contents => [{ role => 'user',
            parts => [{ text => '#echo hello' }, @$parts] }] }, %o);
}

sub projects_seen {
    my %seen = map { ($project{$_} // $_) => 1 } keys_seen($simulator);

    return join ' ', sort keys %seen;
}

# The keys of a project do as told: a rule, or nothing more.
sub behave {
    my ($project, @rules) = @_;

    $simulator->set_key($_, { key => $secret{$_}, project => $project,
        behaviours => [@rules] }) for grep { $project{$_} eq $project }
        sort keys %project;

    return;
}

my %busy = (do => 'overloaded', methods => ['cachedContents.create',
    'upload.start', 'batchGenerateContent']);

sub names { return map { $_->{name} } @{ $_[0] || [] } }

# Every page of a list: the names, and how many pages there were.
sub pages {
    my ($kind, $size, %o) = @_;

    my ($token, $pages, @names) = ('', 0);
    my $path = delete $o{path} // $kind;

    while (defined $token && $pages < 50) {
        my $r = call($t, 'GET', "$path?pageSize=$size"
            . (length $token ? "&pageToken=$token" : ''), undef, %o);
        my $found = $r->{json}{ $kind eq 'batches' ? 'operations' : $kind };

        is($r->{status}, 200, "$kind: page " . ++$pages) or diag($r->{body});
        cmp_ok(scalar @{ $found || [] }, '<=', $size, 'no larger than asked');
        push @names, names($found);
        $token = $r->{json}{nextPageToken};
    }

    return ($pages, @names);
}

# ---- what one client makes stays together

my @made = map { cache($t)->{json}{name} } 1 .. 6;
push @made, map { upload($t, "file $_")->{name} } 1 .. 3;
push @made, call($t, 'POST', "models/$model:batchGenerateContent", { batch => {
    displayName => 'b', inputConfig => { requests => {
        requests => [{ request => said('x') }] } } } })->{json}{name};

my %owner = map { made_by($simulator, $_) => 1 } @made;
is(scalar keys %owner, 1, 'caches, files, batches of a client: one project');
my ($first) = keys %owner;
my ($other) = grep { $_ ne $first } qw(one two);
is(asks([use_file($made[6])], more => { cachedContent => $made[0] })->{status},
    200, 'so that they can be used together');

# Another project takes over when that one cannot.
behave($first, \%busy);
my $cache = cache($t)->{json}{name};
my $file = upload($t, 'elsewhere');
behave($first);
$t->wait_for(sub { rests($t) eq '' }, 20);
is(made_by($simulator, $cache), $other, 'a busy project is passed over');
is(made_by($simulator, $file->{name}), $other, 'by uploads too');

# ---- what is named decides

my $here = "https://generativelanguage.googleapis.com/v1beta/$made[6]";
for my $case (
    ['a file', [use_file($here)], $first],
    ['a file of the other project', [use_file($file->{uri})], $other],
    ['its name alone', [use_file($file->{name})], $other],
    ['another address', [use_file('https://example.org/files/x')], undef],
) {
    my ($what, $parts, $wanted) = @$case;

    for my $path ($generate, "models/$model:streamGenerateContent?alt=sse") {
        $simulator->forget;
        is(asks($parts, path => $path)->{status}, 200, "$what: $path")
            for 1 .. 4;
        is(projects_seen(), $wanted // 'one two', "$what: where it must go");
    }
}

$simulator->forget;
my $r = asks([use_file($here)], more => { cachedContent => $cache });
google_error($r, 400, qr/project/, 'a cache and a file of two projects');
is(scalar $simulator->seen, 0, 'upstream is not asked');
$r = asks([use_file($here), use_file($file->{uri})]);
google_error($r, 400, qr/project/, 'two files of two projects');

$r = call($t, 'POST', 'cachedContents', { model => "models/$model",
    contents => [{ role => 'user', parts => [use_file($file->{uri})] }] });
is($r->{status}, 200, 'a cache of a file') or diag($r->{body});
is(made_by($simulator, $r->{json}{name}), $other,
    "is made in the file's project");

# A text that only looks like it names something.
$r = call($t, 'POST', $generate,
    said('#echo {"cachedContent": "cachedContents/x", "fileUri": "files/y"}'));
is($r->{status}, 200, 'a text about resources is a text');

# ---- lists

cache($t);
my @known = grep { m{\AcachedContents/} } map { $_->{name} }
    @{ $simulator->control('GET', '/resources') };
my ($pages, @found) = pages('cachedContents', 3);
is_deeply([sort @found], [sort @known], 'a list has both projects');
cmp_ok($pages, '>=', 3, 'page after page');
($pages, @found) = pages('files', 100);
is_deeply([sort @found], [sort @made[6 .. 8], $file->{name}], 'files too');
($pages, @found) = pages('batches', 100);
is_deeply([sort @found], [$made[9]], 'and batches');

$r = call($t, 'GET', 'cachedContents?pageSize=1');
my $token = $r->{json}{nextPageToken};
unlike($token, qr/resource-key|project/, 'the token tells nothing');
is(call($t, 'GET', "cachedContents?pageSize=1&pageToken=$token", undef,
    as => 'bob')->{json}{cachedContents}, undef,
    "a client's token shows another client nothing");
$r = call($t, 'GET', 'cachedContents?pageToken=nonsense');
is($r->{status}, 400, 'a token of nobody is refused');
$r = call($t, 'GET', 'cachedContents?pageSize=many');
is($r->{status}, 400, 'a size that is none is refused');

# Many of other clients, and only then one's own.
upload($t, "of bob $_", as => 'bob') for 1 .. 12;
my $late = upload($t, 'of alice');
($pages, @found) = pages('files', 2);
is_deeply([sort @found],
    [sort @made[6 .. 8], $file->{name}, $late->{name}],
    'a client sees its own among many');
($pages, @found) = pages('files', 5, as => 'bob');
is(scalar @found, 12, 'and another its own');

($pages, @found) = pages('files', 4, path => '/open/files', as => '');
my @all = grep { m{\Afiles/} } map { $_->{name} }
    @{ $simulator->control('GET', '/resources') };
is_deeply([sort @found], [sort @all], 'without gemini_auth all are shown');
same_bytes($simulator, call($t, 'GET', '/alone/files?pageSize=2', undef,
    as => ''), 'two', 'files?pageSize=2', 'a pool of one project');

# ---- deleted

is(call($t, 'DELETE', $made[0])->{status}, 200, 'one is deleted');
($pages, @found) = pages('cachedContents', 100);
is(scalar(grep { $_ eq $made[0] } @found), 0, 'and in no list');

# ---- everyone is one client without gemini_auth

my $open = call($t, 'POST', '/open/v1beta/cachedContents', { model =>
    "models/$model", %{ said('x') } }, as => '')->{json}{name};
is(call($t, 'GET', "/open/$open", undef, as => '')->{status}, 200,
    'what nobody in particular made, anybody may see');

# ---- projects that rest

$simulator->set_key($_, { key => $secret{$_}, project => $other,
    behaviours => [{ do => 'rate_limit', retry => '66s' }] })
    for grep { $project{$_} eq $other } sort keys %project;
asks([use_file($file->{uri})]) for 1 .. 3;
$simulator->forget;
$r = asks([use_file($file->{uri})]);
is($r->{status}, 429, 'its project rests') or diag($r->{body});
like($r->{json}{error}{message}, qr/\Q$file->{name}\E/, 'which names it');
cmp_ok($r->{headers}{'retry-after'} // 0, '>', 0, 'and says how long');
is(scalar $simulator->seen, 0, 'no other is asked');
is(asks([use_file($here)])->{status}, 200, "the other's serve");
is(call($t, 'GET', $file->{name})->{status}, 200,
    'a quota of a model is none of looking at a file');
behave($other);

# ---- keys that are gone

my ($of_two) = grep { made_by($simulator, $_) eq 'two' } $cache, @made[1 .. 5];
my ($of_one) = grep { made_by($simulator, $_) eq 'one' } $cache, @made[1 .. 5];

ok($t->reload(conf(keys => [qw(one-a one-b)])),
    'the keys of a project are taken out');
$simulator->forget;
google_error(call($t, 'GET', $of_two), 404, qr/\Q$of_two\E|project/,
    'what it has is out of reach');
$r = call($t, 'POST', $generate, { %{ said('x') }, cachedContent => $of_two });
google_error($r, 404, qr/\Q$of_two\E|project/, 'for use, too');
$r = call($t, 'POST', '/v1/chat/completions', { model => $model,
    google => { cached_content => $of_two },
    messages => [{ role => 'user', content => 'x' }] });
is($r->{status}, 404, "for OpenAI's clients");
ok($r->{json}{error}{message} && !exists $r->{json}{error}{status},
    'in their form');
is(scalar $simulator->seen, 0, 'upstream is not asked');
is(call($t, 'GET', $of_one)->{status}, 200, 'the other project goes on');

ok($t->reload(conf(keys => [qw(one-b two)])), 'some come back');
is(call($t, 'GET', $of_two)->{status}, 200, 'and what it has with them');
is(call($t, 'GET', $of_one)->{status}, 200,
    'one key of a project is as good as another');
is(call($t, 'GET', $of_two, undef, as => 'bob')->{status}, 403,
    'whose it is outlives reloads');

$t->done;
