package GeminiTest::Load;

# Clients in processes of their own that ask again and again, while the test
# does something else to the server.
#
#   my $load = GeminiTest::Load->start($t, 4, sub { ask once; why not, or '' });
#   ...
#   my ($good, @bad) = $load->finish;      # how many went well, and the others

use strict;
use warnings;

use JSON::PP ();
use POSIX ();

my $json = JSON::PP->new->utf8;
my $number = 0;

# once(TURN) runs in the client: it returns '' when all was well, else what was
# not.
sub start {
    my ($class, $t, $clients, $once) = @_;

    my $name = $t->dir . '/load-' . ++$number;
    my $self = bless { stop => "$name.stop", pids => {} }, $class;

    for my $client (1 .. $clients) {
        my $result = "$name.$client";
        my $pid = fork;
        die "fork: $!\n" unless defined $pid;

        if (!$pid) {
            my ($good, @bad) = (0);

            for (my $turn = $client; !-e $self->{stop}; ++$turn) {
                my $wrong = eval { $once->($turn) } // $@;
                $wrong eq '' ? ++$good : push @bad, $wrong;
            }

            open my $file, '>', $result or POSIX::_exit(1);
            print {$file} $json->encode([$good, @bad]);
            close $file;
            POSIX::_exit(0);
        }

        $self->{pids}{$pid} = $result;
    }

    return $self;
}

sub finish {
    my ($self) = @_;

    open my $file, '>', $self->{stop} or die "$self->{stop}: $!\n";
    close $file;

    my ($good, @bad) = (0);

    for my $pid (sort { $a <=> $b } keys %{ $self->{pids} }) {
        waitpid $pid, 0;

        my $result;
        open my $said, '<', $self->{pids}{$pid}
            or die "client $pid has said nothing\n";
        ($result, my @wrong) = @{ $json->decode(do { local $/; <$said> }) };
        $good += $result;
        push @bad, @wrong;
    }

    return ($good, @bad);
}

1;
