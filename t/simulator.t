# The simulator's own tests: what the other tests stand on must itself refuse
# what Google refuses.

use strict;
use warnings;

use FindBin;
use Test::More;

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $version = `$python -c 'import sys; print(sys.version_info >= (3, 9))' 2>&1`;

plan(skip_all => "no Python 3.9 or newer") unless $version =~ /True/;
plan(tests => 2);

chdir "$FindBin::Bin/simulator" or die "simulator: $!\n";
my $said = `PYTHONDONTWRITEBYTECODE=1 $python -m unittest 2>&1 < /dev/null`;

is($?, 0, 'the simulator passes its tests') or diag($said);
like($said, qr/^Ran [1-9]\d* tests/m, 'of which there are some');
