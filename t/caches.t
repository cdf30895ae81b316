# cachedContents through the pool: each call goes to the project that has the
# cache, whichever key of it is free, and a client sees its own alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Resources;

my $json = JSON::PP->new->utf8->canonical;
my $t = GeminiTest->new;
my $simulator = two_projects($t);
my $gone = qr/CachedContent not found \(or permission denied\)/;
my $generate = "models/$model:generateContent";

$t->start(resources_conf($simulator,
    pool => 'balance round_robin; cooldown rate_limit 1h;',
    locations => 'location /x/y/ { gemini_pass main native; }'));

sub ask {
    my ($name, %o) = @_;

    return call($t, 'POST', $o{path} // $generate,
        { %{ said('#echo hello') }, cachedContent => $name,
            %{ $o{more} || {} } }, as => $o{as} // 'alice');
}

# ---- from create to delete

my $r = cache($t, body => { ttl => '600s', displayName => 'first' });
my $name = $r->{json}{name};
my $owner = made_by($simulator, $name);

is($r->{status}, 200, 'a cache is made') or diag($r->{body});
like($name, qr{\AcachedContents/[\w-]+\z}, 'and has a name');
isnt($owner, 'nobody', 'which upstream knows');
same_bytes($simulator, $r, $owner eq 'two' ? 'two' : 'one-a', $name,
    'the answer that made it');

for (1 .. 6) {
    $r = call($t, 'GET', $name);
    is($r->{json}{name}, $name, "it is got, time $_, by whichever key");
}
same_bytes($simulator, $r, $owner eq 'two' ? 'two' : 'one-a', $name,
    'what is got of it');

my $before = $r->{json}{expireTime};

$r = call($t, 'PATCH', "$name?updateMask=ttl", '{"ttl" : "9000s"}');
is($r->{status}, 200, 'its life is changed') or diag($r->{body});
cmp_ok($r->{json}{expireTime}, 'gt', $before, 'to a longer one');
my ($patch) = grep { $_->{method} eq 'PATCH' } $simulator->seen;
is($patch->{target}, "/v1beta/$name?updateMask=ttl", 'with its query');
is($patch->{headers}{'content-length'}, 17, 'and its body byte for byte');

$r = call($t, 'GET', 'cachedContents');
is(join(' ', map { $_->{name} } @{ $r->{json}{cachedContents} }), $name,
    'the list has it');

$simulator->forget;

for my $path ($generate, "models/$model:streamGenerateContent?alt=sse",
    "/x/y/$generate", "/x/y/v1/$generate", "/models/$model:generateContent")
{
    $r = ask($name, path => $path);
    is($r->{status}, 200, "$path works with it") or diag($r->{body});
}

for (1 .. 8) {
    $r = ask($name);
}
cmp_ok($r->{json}{usageMetadata}{cachedContentTokenCount}, '>', 0,
    'its tokens are counted');
$r = call($t, 'POST', "models/$model:countTokens", { generateContentRequest => {
    %{ said('x') }, model => "models/$model", cachedContent => $name } });
is($r->{status}, 200, 'countTokens works with it') or diag($r->{body});

my %project = ('one-a' => 'one', 'one-b' => 'one', two => 'two');
my %used = map { ($project{$_} // $_) => 1 } keys_seen($simulator);
is(join(' ', keys %used), $owner, 'no other project was ever asked');

$r = call($t, 'POST', '/v1/chat/completions', { model => $model,
    messages => [{ role => 'user', content => '#echo hello' }],
    google => { cached_content => $name } });
is($r->{json}{choices}[0]{message}{content}, 'hello',
    "OpenAI's clients use it too") or diag($r->{body});
cmp_ok($r->{json}{usage}{prompt_tokens_details}{cached_tokens} // 0, '>', 0,
    'and are told its tokens');

# ---- one client's, not another's

for my $case (['GET', $name, undef], ['DELETE', $name, undef],
    ['PATCH', "$name?updateMask=ttl", { ttl => '1s' }],
    ['POST', $generate, { %{ said('x') }, cachedContent => $name }])
{
    $simulator->forget;
    $r = call($t, @$case, as => 'bob');
    google_error($r, 403, qr/You do not have permission|$gone/,
        "$case->[0] of another client's");
    is($r->{json}{error}{status}, 'PERMISSION_DENIED', 'with its status');
    is(scalar $simulator->seen, 0, 'and upstream is not asked');
}
$r = call($t, 'POST', '/v1/chat/completions', { model => $model,
    messages => [{ role => 'user', content => 'x' }],
    google => { cached_content => $name } }, as => 'bob');
is($r->{status}, 403, "nor can OpenAI's clients use another's");
ok($r->{json}{error}{message} && !exists $r->{json}{error}{status},
    "and are told in OpenAI's form");
is_deeply(call($t, 'GET', 'cachedContents', undef, as => 'bob')->{json}, {},
    'and its list has nothing');

# ---- what Google refuses

$r = ask($name, more => {
    systemInstruction => { parts => [{ text => 'x' }] } });
google_error($r, 400, qr/can not be used with/, 'an instruction beside it');
$r = ask($name, path => 'models/gemini-2.5-flash:generateContent');
google_error($r, 400, qr/has to be the same/, 'a cache of another model');
$r = cache($t, body => { ttl => 'soon' });
google_error($r, 400, qr/Duration/, 'a wrong ttl');
$r = call($t, 'POST', 'cachedContents', '{"model":');
is($r->{status}, 400, 'no JSON is refused');
is(rests($t), '', 'no key rests for any of it');

# ---- unknown ones

$simulator->forget;
$r = ask('cachedContents/nobody-has-this');
google_error($r, 403, $gone, 'one that is nowhere');
%used = map { ($project{$_} // $_) => 1 } keys_seen($simulator);
is(join(' ', sort keys %used), 'one two', 'each project was asked');
is(scalar(keys_seen($simulator)), 2, 'once');
is(rests($t), '', 'and no key rests');

for my $project (qw(one two)) {
    my $elsewhere = "cachedContents/made-elsewhere-$project";

    $simulator->control('PUT', '/resources', { name => $elsewhere,
        project => $project, model => "models/$model" });

    is(ask($elsewhere)->{status}, 200,
        "one made elsewhere, of project $project, is found");
    $simulator->forget;
    is(ask($elsewhere)->{status}, 200, 'again');
    is(join(' ', map { $project{$_} } keys_seen($simulator)), $project,
        'and this time at once');
}

# ---- its project cannot serve

my @own = grep { $project{$_} eq $owner } sort keys %project;

$simulator->set_key($_, { key => $secret{$_}, project => $owner,
    behaviours => [{ do => 'rate_limit', retry => '77s' }] }) for @own;

$r = ask($name);
is($r->{status}, 429, 'a project over its quota is told as such');
$simulator->forget;
$r = ask($name);
is($r->{status}, 429, 'also while its keys rest') or diag($r->{body});
like($r->{json}{error}{message}, qr/\Q$name\E/, 'by an answer that names it');
cmp_ok($r->{headers}{'retry-after'} // 0, '>', 0, 'with Retry-After');
is(scalar(grep { $project{$_} ne $owner } keys_seen($simulator)), 0,
    'and no other project is asked');
is(call($t, 'POST', $generate, said('#echo x'))->{status}, 200,
    'what names nothing goes to the other');

$simulator->set_key($_, { key => $secret{$_}, project => $owner }) for @own;
is(call($t, 'DELETE', $name)->{body}, "{}\n", 'it is deleted');
is(resource($simulator, $name), undef, 'upstream too');
$r = call($t, 'GET', $name);
google_error($r, 403, $gone, 'after that');

# ---- what can go wrong on the way

$simulator->set_key($_, { key => $secret{$_}, project => $project{$_},
    behaviours => [{ do => 'overloaded', times => 1,
        methods => 'cachedContents.*' }] }) for qw(one-a one-b);
$r = cache($t);
is($r->{status}, 200, 'a create that met a busy key is tried elsewhere')
    or diag($r->{body});
is(call($t, 'GET', $r->{json}{name})->{status}, 200, 'and found again');

$simulator->set_key($_, { key => $secret{$_}, project => $project{$_},
    behaviours => [{ do => 'garbage', as => 'json',
        methods => 'cachedContents.create' }] }) for sort keys %secret;
$r = cache($t, as => 'bob');
like($r->{status}, qr{\A(?:200|502)\z},
    'an answer that is no JSON does no harm');
ok($t->reload, 'and a reload goes well after it');

my ($line) = grep { m{PATCH} } split /\n/, do {
    open my $file, '<', $t->dir . '/named.log' or die "named.log: $!\n";
    local $/; <$file> };
like($line, qr/\AcachedContents\|200\|1\|/, '$gemini_operation names it');

$t->done;
