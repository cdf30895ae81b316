# Google's own package for JavaScript, told that it speaks to Vertex, through
# gemini_pass native.

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

install_clients($t, 'node');

my ($simulator, @accounts) = serve($t, native => 1, vertex => 1);

run_client($t, 'node', "$FindBin::Bin/google_node_vertex.mjs");

# What the client asks for itself, to compare with, has another User-Agent.
my @seen = grep { $_->{path} ne '/token'
    && ($_->{headers}{'user-agent'} // '') eq 'nginx-gemini' }
    $simulator->seen;

ok(scalar @seen, 'the upstream was asked');
is(scalar(grep { ($_->{credential} // '') ne 'bearer' } @seen), 0,
    "with the accounts' access tokens");
is(scalar(grep { $json->encode($_) =~ /a-client-s-own/ } @seen), 0,
    "in the accounts' own projects");
is(scalar(grep { $json->encode($_) =~ /\Q$GeminiTest::Clients::token/ }
    @seen), 0, "and never with the client's token");
is(join(' ', map { $_->exchanges } @accounts), '1 1',
    'each account was exchanged for one token');

$t->done;
