# LangChain for JavaScript, through its class for OpenAI.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'node');

my $simulator = serve($t);

run_client($t, 'node', "$FindBin::Bin/langchain_node.mjs");
check_conversations($simulator);

run_client($t, 'node', "$FindBin::Bin/langchain_node_embeddings.mjs");

$t->done;
