# Every fuzzer over its corpus: what was ever found stays found.

use strict;
use warnings;

use FindBin;
use Test::More;

my $here = $FindBin::Bin;
my $objects = $ENV{TEST_OBJECTS} || "$here/../build/obj/g++";
my @names = map { m{([^/]+)\.cpp\z} } sort glob "$here/fuzz/*_fuzz.cpp";

plan(skip_all => 'no fuzzers') unless @names;

for my $name (@names) {
    my $corpus = "$here/fuzz/corpus/$name";

    SKIP: {
        skip("$name: run make fuzz-build", 1) unless -x "$objects/$name";
        skip("$name has no corpus", 1) unless -d $corpus;

        my $said = `'$objects/$name' '$corpus' 2>&1`;
        my $files = () = $said =~ /^\Q$corpus\E/mg;

        is($?, 0, "$name bears its $files inputs") or diag($said);
    }
}

done_testing();
