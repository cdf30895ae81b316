# The core's unit tests, one check each, so that prove shows them.

use strict;
use warnings;

use FindBin;
use Test::More;

my $objects = $ENV{TEST_OBJECTS} || "$FindBin::Bin/../build/obj/g++";
my $binary = "$objects/unit";

plan(skip_all => "no unit tests: run make unit") unless -x $binary;

open my $pipe, '-|', "'$binary' --gtest_color=no 2>&1" or die "$binary: $!\n";

my @said;

while (my $line = <$pipe>) {
    push @said, $line;

    if ($line =~ /\A\[ RUN      \]/) {
        @said = ($line);

    } elsif ($line =~ /\A\[       OK \] (\S+)/) {
        pass($1);

    } elsif ($line =~ /\A\[  SKIPPED \] (\S+) \(/) {
        my $name = $1;
        my ($reason) = grep { !/\A\[|: Skipped$/ } @said;
        chomp($reason //= '');

        SKIP: { skip("$name: $reason", 1) }

    } elsif ($line =~ /\A\[  FAILED  \] (\S+?),? .*\(\d+ ms\)/) {
        fail($1);
        diag(@said[0 .. $#said - 1]);
    }
}

my $ended = close $pipe;
my $failed = grep { !$_ } Test::More->builder->summary;

# It ends with 1 when tests failed, which was told already; a crash or a
# sanitizer's report ends it otherwise.
ok($ended || ($? >> 8 == 1 && $failed), 'the binary ran to its end')
    or diag("status $?\n", @said > 60 ? @said[-60 .. -1] : @said);

done_testing();
