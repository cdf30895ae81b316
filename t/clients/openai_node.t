# OpenAI's own JavaScript client against the module.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'node');
my $simulator = serve($t);

run_client($t, 'node', "$FindBin::Bin/openai_node.mjs");

$simulator->forget;
run_client($t, 'node', "$FindBin::Bin/openai_node_tools.mjs");
check_conversations($simulator);

run_client($t, 'node', "$FindBin::Bin/openai_node_embeddings.mjs");

$t->done;
