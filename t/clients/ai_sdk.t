# Vercel's AI SDK, through its provider for APIs like OpenAI's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use GeminiTest;
use GeminiTest::Clients;

my $t = GeminiTest->new;

install_clients($t, 'node');

my $simulator = serve($t);

run_client($t, 'node', "$FindBin::Bin/ai_sdk.mjs");
check_conversations($simulator);

$t->done;
