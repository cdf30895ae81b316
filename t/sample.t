# The configurations that come with the module are ones that nginx accepts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new(plan => 2);

my %env = (GEMINI_API_KEYS => 'sample-key-1,sample-key-2',
    CLIENT_TOKEN => 'sample-token', ADMIN_TOKEN => 'sample-admin-token');

# a test may have no name server to ask for Google's address
my $nowhere = "gemini_upstream http://127.0.0.1:9;\n";

my ($said, $code) = $t->conf_error($nowhere . 'include ' . $t->root
    . '/conf/gemini.conf;', env => \%env);

is($code, 0, 'conf/gemini.conf is accepted') or diag($said);

# Every directive that is only shown there, switched on.
open my $file, '<', $t->root . '/conf/gemini.conf' or die "gemini.conf: $!\n";
my $shown = join '', map { s/^(\s*)#(?=\w+ .*;$)/$1/r } <$file>;

my $number = 1;
$shown =~ s/AIzaSy\.\.\./'AIzaSy-sample-' . $number++/ge;
$shown =~ s/sha256:\.\.\./'sha256:' . 'a' x 64/e;
$shown =~ s{/etc/nginx/gemini/(keys|clients|secret)}{$t->dir . "/$1"}ge;
$shown =~ s{/var/lib/nginx/}{$t->dir . '/'}ge;
$t->write_file(secret => "a-secret-of-some-length\n");
$t->write_file(keys => "file-key-1 name=one\n");
$t->write_file(clients => "file-token-1 name=carol\n");

# how the module is loaded, and http {} itself, are shown in words
$shown =~ s/^.*(?:load_module|include gemini).*\n//mg;

($said, $code) = $t->conf_error($nowhere . $shown, env => \%env);

is($code, 0, 'and so is all that it shows') or diag("$said\n$shown");
