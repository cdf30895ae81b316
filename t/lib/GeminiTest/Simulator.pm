package GeminiTest::Simulator;

# The bundled Gemini simulator as a test's upstream, and its control port.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use GeminiTest::Client;

use overload '""' => sub { $_[0]{name} }, fallback => 1;

my $patience = 20;      # seconds to start
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# start(keys => {NAME => BEHAVIOUR}, args => [...]): see t/simulator/README.md
# for both.  Keys that are not named are accepted, unless --strict-keys is
# among the args.
sub start {
    my ($class, %o) = @_;

    my $program = "$o{root}/t/simulator/gemini-simulator";
    my $ready = "$o{dir}/$o{name}.ready";
    my $self = bless { name => $o{name} }, $class;

    my $pid = fork;
    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        open STDOUT, '>', "$o{dir}/$o{name}.log";
        open STDERR, '>&', \*STDOUT;
        exec $program, '--port', 0, '--control', 0, '--ready-file', $ready,
            '--quiet', '--exit-with-parent',
            $o{keys} ? ('--keys', $json->encode($o{keys})) : (),
            @{ $o{args} || [] } or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    my $deadline = time + $patience;

    until (-s $ready) {
        die "$program did not start, see $o{dir}/$o{name}.log\n"
            if waitpid($pid, POSIX::WNOHANG()) || time > $deadline;
        sleep 0.01;
    }

    open my $file, '<', $ready or die "$ready: $!\n";
    @$self{qw(port control)} = @{ $json->decode(<$file>) }{qw(port control)};

    return $self;
}

sub address { return "127.0.0.1:$_[0]{port}" }
sub control_url { return "http://127.0.0.1:$_[0]{control}" }
sub errors { return () }

# One call of the control port; dies when that refuses it.
sub control {
    my ($self, $method, $path, $body) = @_;

    my $answer = GeminiTest::Client->open(port => $self->{control})
        ->send_request($method, $path, $body)->finish;

    die "simulator: $method $path: $answer->{status} $answer->{body}\n"
        unless $answer->{status} == 200;

    return $answer->{json};
}

# How a key behaves from now on: 'invalid', { do => 'rate_limit', times => 2 },
# a list of such, or { key => SECRET, project, rpm, behaviours => [...] }.
sub set_key {
    my ($self, $name, $behaviour) = @_;

    return $self->control('PUT', "/keys/$name",
        ref $behaviour ? $behaviour : $json->encode($behaviour));
}

sub remove_key { return $_[0]->control('DELETE', "/keys/$_[1]") }

# What keys without a behaviour of their own do.
sub set_defaults { return $_[0]->control('PUT', '/defaults', $_[1]) }

# The requests it had, oldest first; seen('KEY') those with that secret.
sub seen {
    my ($self, $key) = @_;

    return @{ $self->control('GET', '/seen'
        . (defined $key ? "?key=$key" : '')) };
}

sub forget { return $_[0]->control('DELETE', '/seen') }
sub state { return $_[0]->control('GET', '/state') }

sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;

    return;
}

1;
