# Batches and operations through the pool: started in one project, followed
# there, their files with them.

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
my $absent = qr/permission|not found/i;
my $veo = 'models/veo-3.1-generate-preview';
my %project = ('one-a' => 'one', 'one-b' => 'one', two => 'two');

$t->start(resources_conf($simulator, pool => 'balance round_robin;',
    locations => 'location /x/y/ { gemini_pass main native; }'));

sub batch {
    my ($source, %o) = @_;

    my $method = delete $o{method} // "models/$model:batchGenerateContent";

    return call($t, 'POST', $method, { batch => { displayName => 'a batch',
        inputConfig => $source } }, %o);
}

sub inline { return { requests => { requests => [map { {
    request => said("#echo $_"), metadata => { key => $_ } } } @_] } } }

# Looked at until it is done.
sub done_of {
    my ($name) = @_;

    my $r;
    $t->wait_for(sub { $r = call($t, 'GET', $name); $r->{json}{done} });

    return $r->{json} || {};
}

sub projects_seen {
    my %seen = map { ($project{$_} // $_) => 1 } keys_seen($simulator);

    return join ' ', sort keys %seen;
}

# ---- requests in the call

my $r = batch(inline(qw(first second)));
my $name = $r->{json}{name};
my $owner = made_by($simulator, $name);

is($r->{status}, 200, 'a batch is started') or diag($r->{body});
like($name, qr{\Abatches/}, 'and has a name');
isnt($owner, 'nobody', 'which upstream knows');
is(join(' ', map { $_->{name} }
    @{ call($t, 'GET', 'batches')->{json}{operations} || [] }), $name,
    'the list has it');

$simulator->forget;
my $done = done_of($name);
is(join(' ', map { $_->{response}{candidates}[0]{content}{parts}[0]{text} }
    @{ $done->{response}{inlinedResponses}{inlinedResponses} || [] }),
    'first second', 'it is followed to its answers');
is(call($t, 'GET', "/x/y/v1beta/$name")->{json}{name}, $name,
    'under any prefix');
is(projects_seen(), $owner, 'and only its project was asked');

$r = batch({ requests => { requests => [{ request => {
    outputDimensionality => 8,
    content => { parts => [{ text => 'a' }] } } }] } },
    method => 'models/gemini-embedding-001:asyncBatchEmbedContent');
is($r->{status}, 200, 'one of embeddings is started') or diag($r->{body});
is(scalar @{ done_of($r->{json}{name})->{response}
    {inlinedEmbedContentResponses}{inlinedResponses}[0]{response}{embedding}
    {values} || [] }, 8, 'and followed');

# ---- requests in a file

my $lines = join '', map { $json->encode({ key => $_,
    request => said("#echo $_") }) . "\n" } qw(first second);
my $file = upload($t, $lines);

$simulator->forget;
$r = batch({ fileName => $file->{name} });
is($r->{status}, 200, 'a batch of a file is started') or diag($r->{body});
is(made_by($simulator, $r->{json}{name}), made_by($simulator, $file->{name}),
    "in the file's project");
my $answers = done_of($r->{json}{name})->{response}{responsesFile};
like($answers, qr{\Afiles/batch-}, 'its answers are a file');
$r = call($t, 'GET', "/download/v1beta/$answers:download?alt=media");
is(join(' ', map { $json->decode($_)->{key} } split /\n/, $r->{body}),
    'first second', 'which is downloaded') or diag($r->{body});
is(projects_seen(), made_by($simulator, $file->{name}),
    'all of that in one project');
google_error(batch({ fileName => $file->{name} }, as => 'bob'), 403,
    qr/permission/, "another client's file");
google_error(call($t, 'GET', "/download/v1beta/$answers:download?alt=media",
    undef, as => 'bob'), 403, qr/permission/, "another client's answers");

# ---- cancelled, deleted, another's

my $second = batch(inline('x'))->{json}{name};

for my $case (['GET', $second, undef], ['DELETE', $second, undef],
    ['POST', "$second:cancel", {}])
{
    $simulator->forget;
    $r = call($t, @$case, as => 'bob');
    like($r->{status}, qr/\A40[34]\z/,
        "another client's: $case->[0] $case->[1]");
    like($r->{json}{error}{message}, $absent, 'in words of Google');
    is(scalar $simulator->seen, 0, 'and upstream is not asked');
}
is(call($t, 'POST', "$second:cancel", {})->{status}, 200, 'it is cancelled');
is(call($t, 'GET', $second)->{json}{metadata}{state}, 'BATCH_STATE_CANCELLED',
    'indeed');
is(call($t, 'POST', "/v1beta/$second%3Acancel", '')->{status}, 200,
    'with an escaped colon and no body, too');
is(call($t, 'DELETE', $second)->{body}, "{}\n", 'and deleted');
like(call($t, 'GET', $second)->{status}, qr/\A40[34]\z/, 'then it is gone');

$simulator->forget;
google_error(call($t, 'GET', 'batches/nobody-has-it'), 404, qr/not found/,
    'one that is nowhere');
is(projects_seen(), 'one two', 'each project was asked');
is(rests($t), '', 'no key rests for it');

$r = batch({});
google_error($r, 400, qr/no requests/, 'one with nothing to do');
$r = batch(inline('x'), method => 'models/none:batchGenerateContent');
google_error($r, 404, qr/models\/none/, 'one of an unknown model');

# ---- films

$simulator->forget;
$r = call($t, 'POST', "$veo:predictLongRunning",
    { instances => [{ prompt => 'a heron' }] });
my $operation = $r->{json}{name} // '';
like($operation, qr{\A\Q$veo\E/operations/}, 'a film is begun')
    or diag($r->{body});
$owner = made_by($simulator, $operation);
$done = done_of($operation);
my ($path) = ($done->{response}{generateVideoResponse}{generatedSamples}[0]
    {video}{uri} // '') =~ m{\Ahttps://[^/]+(/.*)\z};
like($path, qr{/files/[\w-]+:download\?alt=media\z}, 'and done');
is(length call($t, 'GET', $path)->{body}, 100000, 'it is downloaded');
is(projects_seen(), $owner, 'all of that in one project');
is(call($t, 'GET', $path, undef, as => 'bob')->{status}, 403,
    'by nobody else');
like(call($t, 'GET', $operation, undef, as => 'bob')->{status},
    qr/\A40[34]\z/, 'nor the operation');

$simulator->control('PUT', '/resources', { name => 'operations/elsewhere',
    project => 'two', model => 'x' });
is(call($t, 'GET', 'operations/elsewhere')->{json}{name},
    'operations/elsewhere', 'an operation without a model is found');

# ---- a busy project

$simulator->set_key($_, { key => $secret{$_}, project => $project{$_},
    behaviours => [{ do => 'rate_limit', retry => '55s' }] })
    for qw(one-a one-b);
$r = batch(inline('x'));
is($r->{status}, 200, 'a batch goes to the project that has quota left')
    or diag($r->{body});
is(made_by($simulator, $r->{json}{name}), 'two', 'indeed');
ok($t->reload, 'nginx is reloaded');
is(done_of($r->{json}{name})->{metadata}{state}, 'BATCH_STATE_SUCCEEDED',
    'it is still followed where it is');

my %operations = map { /\A([\w-]+)\|/ ? ($1 => 1) : () } split /\n/, do {
    open my $file, '<', $t->dir . '/named.log' or die "named.log: $!\n";
    local $/; <$file> };
ok($operations{$_}, "\$gemini_operation $_") for qw(batches operations upload
    download batchGenerateContent asyncBatchEmbedContent predictLongRunning);

$t->done;
