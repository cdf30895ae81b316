# OpenAI's own Python client against the module.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'python');
serve($t);

my $root = $t->root;
run_client($t, "$root/build/clients/venv/bin/python",
    "$FindBin::Bin/openai_python.py");

$t->done;
