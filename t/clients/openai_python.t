# OpenAI's own Python client against the module.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'python');
my $simulator = serve($t);
my $python = $t->root . '/build/clients/venv/bin/python';

run_client($t, $python, "$FindBin::Bin/openai_python.py");

$simulator->forget;
run_client($t, $python, "$FindBin::Bin/openai_python_tools.py");
check_conversations($simulator);

run_client($t, $python, "$FindBin::Bin/openai_python_embeddings.py");

$t->done;
