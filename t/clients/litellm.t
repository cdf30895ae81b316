# litellm, as the library that programs call models through.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'python');

my $simulator = serve($t);

run_client($t, $t->root . '/build/clients/venv/bin/python',
    "$FindBin::Bin/litellm_client.py");
check_conversations($simulator);

$t->done;
