# Caches, files and batches of Google's own package for Python.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Clients;

my $json = JSON::PP->new->utf8;
my $t = GeminiTest->new;

install_clients($t, 'python');

my $simulator = serve($t, native => 1);

run_client($t, $t->root . '/build/clients/venv/bin/python',
    "$FindBin::Bin/google_python_files.py");

my @seen = map { $json->encode($_) } $simulator->seen;

ok(scalar @seen, 'the upstream was asked');
is(scalar(grep { !/simulated-key-/ } @seen), 0, "with the pool's keys");
is(scalar(grep { /\Q$GeminiTest::Clients::token/ } @seen), 0,
    "and never with the client's token");

$t->done;
