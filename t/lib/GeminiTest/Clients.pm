package GeminiTest::Clients;

# Runs a real client's script against the module with the simulator behind it.
# The script prints a line per check, "ok NAME" or "not ok NAME: why", and a
# last line "end"; each becomes a check here.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use GeminiTest::Account;

our @EXPORT = qw(install_clients serve run_client check_conversations);

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
# native => 1: for clients that speak Gemini's own API.  vertex => 1: with two
# accounts that speak Vertex in place of the keys; then ($simulator, accounts).
sub serve {
    my ($t, %o) = @_;

    my $simulator = $t->simulator;
    my @accounts = $o{vertex} ? map { GeminiTest::Account->new($t, $simulator,
        name => $_) } qw(simulated-one simulated-two) : ();
    my $credentials = $o{vertex}
        ? join ' ', map { 'service_account ' . $_->path . ' api=vertex;' }
            @accounts
        : "key $keys[0]; key $keys[1];";
    my $location = $o{native}
        ? 'location / { gemini_pass main native; gemini_auth apps; }'
        : 'location /v1/ { gemini_pass main; gemini_auth apps; }';

    $t->secrets($token, @keys);
    $t->start(<<"EOC");
    gemini_keys main { $credentials }
    gemini_clients apps { token $token name=tests; }
    gemini_upstream http://%%$simulator%%;
    client_max_body_size 32m;
    server {
        listen %%PORT%%;
        $location
    }
EOC

    # For what a client compares with.
    $ENV{SIMULATOR_URL} = 'http://' . $simulator->address;
    $ENV{SIMULATOR_KEY} = $keys[0];

    return $o{vertex} ? ($simulator, @accounts) : $simulator;
}

sub run_client {
    my ($t, @command) = @_;

    local %ENV = (%ENV, OPENAI_API_KEY => $token,
        PYTHONDONTWRITEBYTECODE => 1,
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

# What the upstream was shown of conversations with the functions weather and
# clock: nothing it refused, every call with its own result and, in the
# families that insist on it, with the signature it was given out with.
sub check_conversations {
    my ($simulator) = @_;

    my (@refused, @unsigned, @unpaired, $turns);

    for my $request (grep { $_->{method} eq 'POST' } $simulator->seen) {
        my $name = "$request->{model}, request $request->{number}";
        my @contents = @{ $request->{body}{contents} };

        push @refused, "$name: $request->{outcome} "
            . ($request->{error}{message} // '')
            if $request->{outcome} ne 'answered';

        for my $i (0 .. $#contents) {
            my @parts = grep { $_->{functionCall} } @{ $contents[$i]{parts} };
            next unless @parts;

            my @results = grep { $_ } map { $_->{functionResponse} }
                @{ ($contents[$i + 1] || {})->{parts} || [] };
            my ($calls, $answers) = map {
                join ' ', map { join ':', @$_ } @$_
            } [map { [$_->{name}, $_->{args}{days} // '-'] }
                map { $_->{functionCall} } @parts],
                [map { [$_->{name}, $_->{response}{days} // '-'] } @results];
            my $signature = $parts[0]{thoughtSignature} // 'none';

            $turns++;
            push @unpaired, "$name: $calls, but $answers"
                if $calls ne $answers;
            push @unsigned, "$name: $signature"
                if $request->{model} !~ /-2\.5-/
                    && $signature =~ /\A(?:none|skip_.*|context_.*|)\z/;
        }
    }

    ok($turns, 'the upstream was shown calls of functions');
    is_deeply(\@refused, [], 'the upstream refused nothing');
    is_deeply(\@unpaired, [], 'every call was sent with its own result');
    is_deeply(\@unsigned, [], 'no signature was lost');

    return;
}

1;
