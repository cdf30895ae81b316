# What README.md, src/README.md and CHANGELOG.md name is there, and what an
# operator can write is in README.md.

use strict;
use warnings;

use FindBin;
use Test::More;

my $root = "$FindBin::Bin/..";

sub text_of {
    my ($path) = @_;

    open my $file, '<', "$root/$path" or die "$path: $!\n";
    local $/;

    return scalar <$file>;
}

# All that the pattern captures, in order.
sub all {
    my ($text, $pattern) = @_;

    return [$text =~ /$pattern/g];
}

sub missing_from {
    my ($wanted, $there) = @_;
    my %there = map { $_ => 1 } @$there;

    return grep { !$there{$_} } @$wanted;
}

# A part of README.md, from its heading to the next one as high.
sub section {
    my ($text, $heading) = @_;
    my ($level) = $heading =~ /\A(#+)/;
    my $end = '#{1,' . length($level) . '} ';
    my ($found) = $text =~ /^\Q$heading\E\n(.*?)(?=^$end|\z)/ms
        or die "no section \"$heading\"\n";

    return $found;
}

my $readme = text_of('README.md');
my $reference = section($readme, '## Directives');

# ---- directives

my $table = text_of('src/nginx/directives.cpp');
my $rows = all($table, qr/\{ ngx_string\("(gemini_\w+)"\)/);
my $described = all($reference, qr/^### (\w+)$/m);

cmp_ok(scalar @$rows, '>', 10, 'the table of directives is read');
is_deeply($described, $rows,
    'README.md has each directive of the table, in its order');

my %name_of = (NGX_HTTP_MAIN_CONF => 'http', NGX_HTTP_SRV_CONF => 'server',
    NGX_HTTP_LOC_CONF => 'location');

for my $name (@$rows) {
    my ($flags) = $table =~ /ngx_string\("$name"\),\s*(\S+),/;
    $flags =~ s/anywhere/join '|', sort keys %name_of/e;

    my @contexts = sort map { $name_of{$_} // () } split /\|/, $flags;
    my ($default, $given) = section($reference, "### $name")
        =~ /\A\n```\nSyntax:   $name .+\nDefault:  (.+)\nContext:  (.+)\n```\n/;

    is_deeply([sort split /, /, $given // ''], \@contexts,
        "README.md has syntax and contexts of $name");
    like($default // '', qr/\A(?:-|$name .+;)\z/, 'and its default');
}

# ---- the lines of a block

for my $block ([gemini_keys => 'conf_keys'],
    [gemini_clients => 'conf_clients'])
{
    my ($name, $source) = @$block;
    my ($lines) = text_of("src/nginx/$source.cpp")
        =~ /BlockLine lines\[\] = \{(.*?)\};/s;
    my $wanted = all($lines // '', qr/\{"(\w+)", \d+, \d+/);
    my $part = section($reference, "### $name");

    cmp_ok(scalar @$wanted, '>', 1, "the table of $name is read");
    is_deeply(all($part, qr/^#### (\w+)$/m), $wanted,
        "README.md has each line of $name, in the table's order");

    for my $line (@$wanted) {
        like(section($part, "#### $line"),
            qr/\A\n```\nSyntax:   $line .*\nContext:  $name\n```\n/s,
            "and $line with its syntax");
    }
}

# ---- variables

my $variables = all(text_of('src/nginx/variables.cpp'),
    qr/\{ ngx_string\("(gemini_\w+)"\)/);

cmp_ok(scalar @$variables, '>', 10, 'the table of variables is read');
is_deeply(all(section($readme, '## Variables'), qr/^\| `\$(gemini_\w+)` \|/m),
    $variables, 'README.md has each variable of the table, in its order');

# ---- metrics

my %in_source = map { $_ => 1 }
    @{ all(text_of('src/core/view/metrics.cpp'), qr/"(gemini_\w+)"/) };

cmp_ok(scalar keys %in_source, '>', 10, 'the metrics are read');
is_deeply([missing_from([sort keys %in_source],
    all(section($readme, '## Metrics'), qr/`(gemini_\w+)`/))], [],
    'README.md has each metric');

# ---- failure classes

my ($enum) = text_of('src/core/gemini/error.hpp')
    =~ /enum class FailureClass[^{]*\{(.*?)\}/s;
my $classes = [grep { $_ ne 'none' } @{ all($enum, qr/^\s+(\w+)/m) }];

is_deeply(all(section($readme, '## How keys rest'), qr/^\| `(\w+)` \|/m),
    $classes, 'README.md has each failure class');

# ---- errors

my %by_code;

for (text_of('src/core/openai/error.cpp')
    =~ /(\{ErrorKind::\w+,\s*\d+,\s*[\w"]+,\s*"\w+"\})/g)
{
    my ($status, $code) = /,\s*(\d+),.*"(\w+)"\}/s;
    $by_code{$code}{$status} = 1;
}

my $answers = all(section($readme, '## When it says no'),
    qr/^\| (\d{3} `\w+`)/m);

cmp_ok(scalar @$answers, '>', 10, 'the table of answers is read');
is_deeply([grep { /(\d+) `(\w+)`/ && !$by_code{$2}{$1} } @$answers], [],
    'each answer in README.md is one that is given');

# ---- fields of a request

# OpenAI's that Gemini has nothing for: README.md says that they are ignored.
my @ignored = qw(logit_bias metadata moderation prediction
    prompt_cache_key prompt_cache_options prompt_cache_retention
    safety_identifier store user verbosity);

# Both spellings of a name are one.
sub snake { return $_[0] =~ s/([A-Z])/_\l$1/gr }

sub sorted {
    my %unique = map { snake($_) => 1 } @_;

    return [sort keys %unique];
}

# The names of a table of fields; a row that is a constant has its own.
sub parsed_names {
    my ($source, $table) = @_;
    my ($rows) = $source =~ /^constexpr Field ${table}\[\] = \{(.*?)^\};/ms
        or die "no table $table\n";

    $rows =~ s{//.*}{}g;

    for my $constant ($rows =~ /^\s+(\w+),?$/mg) {
        $source =~ /^constexpr Field $constant = .*?"(\w+)"/ms
            or die "no row $constant\n";
        $rows .= qq("$1");
    }

    return sorted($rows =~ /"(\w+)"/g);
}

# The names in the first column of the tables below a heading.
sub listed_names {
    my ($heading, $column, $only) = @_;
    my ($table) = section($readme, $heading)
        =~ /^(\| \Q$column\E \|.*?)(?=^[^|]|\z)/ms
        or die "no table of $column\n";
    my @names;

    for (split /\n/, $table) {
        my ($names, $rest) = /^\| (`.*?) \| (.*)/ or next;
        push @names, $names =~ /`(\w+)`/g if !$only || $rest =~ $only;
    }

    return sorted(@names);
}

my $chat_request = text_of('src/core/openai/chat_request.cpp');
my $chat_message = text_of('src/core/openai/chat_message.cpp');
my $common = parsed_names($chat_request, 'common_fields');
my $fields = sorted(@$common, @{ parsed_names($chat_request,
    'request_fields') });

cmp_ok(scalar @$fields, '>', 30, 'the table of a request is read');
is_deeply(listed_names('### Fields of a request', 'field'),
    sorted(@$fields, @ignored),
    'README.md has each field of a request that is read or ignored');
is_deeply(listed_names('### Fields of a request', 'field', qr/\Aignored\b/),
    sorted(@ignored), 'and says so of those that are ignored');
is_deeply([grep { my $name = $_; grep { $_ eq $name } @$fields } @ignored], [],
    'which are really not read');
is_deeply(listed_names('### Messages', 'field of a message'),
    parsed_names($chat_message, 'message_fields'),
    'README.md has each field of a message');

my ($kinds) = text_of('src/core/translate/content.cpp')
    =~ /^constexpr Kind kinds\[\] = \{(.*?)^\};/ms;

is_deeply(listed_names('### Messages', 'part'),
    sorted($kinds =~ /\{"(\w+)"/g), 'each kind of part');
is_deeply(listed_names("### Gemini's own", 'field of `google`'),
    parsed_names($chat_request, 'google_fields'),
    'and each of google');

is_deeply(listed_names('## Embeddings', 'field'), sorted('user',
    @{ parsed_names(text_of('src/core/openai/embeddings.cpp'),
        'request_fields') }), 'and each of a request for embeddings');
# ---- text completions

my $completion_request = text_of('src/core/openai/completion_request.cpp');
my $completions = section($readme, '### Text completions');

is_deeply(listed_names('### Text completions', 'field of a completion'),
    parsed_names($completion_request, 'completion_fields'),
    'README.md has each field of a text completion');
is_deeply([missing_from([grep { !/_config\z|\Asafety_|\Acached_/ } @$common],
    all($completions, qr/`(\w+)`/))], [],
    'and each that is the same as in a chat');

# ---- finish reasons

my ($reasons) = text_of('src/core/translate/finish.cpp')
    =~ /constexpr Row rows\[\] = \{(.*?)^\};/ms;
my $comes_back = section($readme, '## What comes back');

# Those of images are named together.
is_deeply([missing_from([grep { !/^IMAGE_(?!OTHER)|UNSPECIFIED/ }
    $reasons =~ /\{"(\w+)"/g], all($comes_back, qr/\b([A-Z_]{3,})\b/))], [],
    "README.md has each of Google's finish reasons");

# ---- words that look like ours

my %known = map { $_ => 1 } @$rows, @$variables, keys %in_source;
my $coming = section($readme, '## What is coming');
my $words = all($readme =~ s/\Q$coming\E//r, qr/\b(gemini_[a-z_]*[a-z])\b/);

is_deeply([grep { !$known{$_} } @$words], [],
    'README.md names no directive that is not there');
is_deeply([grep { $known{$_} && $_ ne 'gemini_pass' }
    @{ all($coming, qr/\b(gemini_[a-z_]+)\b/) }], [],
    'and what is there is not promised');

# ---- make

my $targets = all(text_of('Makefile'), qr/^([a-z-]+):/m);

is_deeply([missing_from(all($readme, qr/\bmake ([a-z-]+)\b(?=[`\n;]| +#)/),
    $targets)], [], 'every target of make in README.md is there');

# ---- links and files

sub anchor {
    my ($heading) = @_;

    $heading = lc $heading;
    $heading =~ s/[^\w\- ]//g;

    return $heading =~ s/ /-/gr;
}

for my $path (qw(README.md src/README.md CHANGELOG.md)) {
    my $text = text_of($path);
    my ($folder) = $path =~ m{\A(.*/)?};
    my %anchors = map { anchor($_) => 1 }
        $text =~ s/^```.*?^```$//gmsr =~ /^#+ (.*)$/gm;
    my @broken;

    for my $link ($text =~ /\]\(([^)]+)\)/g) {
        next if $link =~ m{\A[a-z]+://};

        my ($file, $fragment) = $link =~ /\A([^#]*)(?:#(.*))?\z/;

        push @broken, $link
            if ($file ne '' && !-e "$root/" . ($folder // '') . $file)
            || ($file eq '' && !$anchors{ $fragment // '' });
    }

    is_deeply(\@broken, [], "every link of $path leads somewhere");
}

my $map = text_of('src/README.md');
my @folders = ('', map { "$_/" } 'src', 'src/core', 'src/nginx',
    map { s{\A\Q$root\E/}{}r } grep { -d } glob "$root/src/core/*");

sub is_there {
    my ($name) = @_;

    return grep { -e || -e "$_.hpp" || -e "$_.cpp" }
        map { "$root/$_$name" } @folders;
}

my $files = all($map, qr{(?<![\w/.])((?:\w+/)*\w+\.(?:cpp|hpp|t|md))\b});
my $parts = all($map, qr{(?<![\w/.<`])((?:base|json|sse|openai|gemini|translate
    |keys|view|front|core)/\w+)(?![\w/])}x);

cmp_ok(@$files + @$parts, '>', 50, 'the names in src/README.md are read');
is_deeply([grep { !is_there($_) } @$files, @$parts], [],
    'every file that src/README.md names is there');

my %mapped = map { $_ => 1 } @$files;
my @unmapped = grep { !$mapped{$_} && !$mapped{ s/\.cpp\z/.hpp/r } }
    map { m{([^/]+)\z} } glob "$root/src/nginx/*.cpp";

is_deeply(\@unmapped, [], 'src/README.md names every source of src/nginx');

done_testing();
