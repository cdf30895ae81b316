package GeminiTest::Clients;

# Runs a real client's script against the module with the simulator behind it.
# The script prints a line per check, "ok NAME" or "not ok NAME: why", and a
# last line "end"; each becomes a check here.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw(install_clients serve run_client);

our $token = 'client-token-2718281828';
our @keys = map { "simulated-key-$_-31415926535" } qw(one two);

# Skips the file when npm or PyPI cannot give what it needs.
sub install_clients {
    my ($t, $kind) = @_;

    my $said = `'@{[$t->root]}/scripts/install-clients' $kind 2>&1`;
    return if $? == 0;

    my @lines = split /\n/, $said;
    my ($reason) = (grep({ /reason:|ERROR:|error:/ } @lines), $lines[-1]);

    plan(skip_all => "$kind clients cannot be installed: "
        . substr $reason // '', 0, 200);
}

# nginx, with the module before the simulator and a token to call it with.
sub serve {
    my ($t) = @_;

    my $simulator = $t->simulator;

    $t->secrets($token, @keys);
    $t->start(<<"EOC");
    gemini_keys main { key $keys[0]; key $keys[1]; }
    gemini_clients apps { token $token name=tests; }
    gemini_upstream http://%%$simulator%%;
    client_max_body_size 32m;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth apps; }
    }
EOC

    return $simulator;
}

sub run_client {
    my ($t, @command) = @_;

    local %ENV = (%ENV, OPENAI_API_KEY => $token,
        OPENAI_BASE_URL => 'http://127.0.0.1:' . $t->port . '/v1');
    delete @ENV{qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY
        ALL_PROXY)};

    my $pid = open my $pipe, '-|';
    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!\n";
    }

    my ($ended, @other);

    while (my $line = <$pipe>) {
        chomp $line;

        if (my ($not, $name, $why) =
            $line =~ /\A(not )?ok (.*?)(?:: (.*))?\z/) {
            ok(!$not, $name) or diag(join "\n", $why // '', @other);
            @other = ();

        } elsif ($line eq 'end') {
            $ended = 1;

        } else {
            push @other, $line;
        }
    }

    close $pipe;
    ok($ended && $? == 0, 'the client ran to its end')
        or diag(join "\n", @other);

    return;
}

1;
