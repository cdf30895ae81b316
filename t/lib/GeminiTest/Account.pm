package GeminiTest::Account;

# A service account: its key file in the test's folder, and the simulator's
# knowledge of it.
#
#   my $account = GeminiTest::Account->new($t, $simulator, name => 'one');
#   ... service_account @{[ $account->path ]} api=vertex ...
#   $account->behave('rate_limit');           what the API does with it
#   $account->exchange('disabled');           what the token endpoint does
#   is($account->exchanges, 1, '...');
#
# Its private key and its tokens are the test's secrets.

use strict;
use warnings;

use File::Temp ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical->pretty;
my %keys;       # made once in a run: [private PEM, public PEM] by name

# Options: name, email, project (default: the name's own), projects, locations,
# expires_in, exchange (behaviours of the token endpoint), signs_with (another
# name than "usual": the file's key is not the one the simulator knows),
# token_uri, file ({FIELD => VALUE, or undef for none}).
sub new {
    my ($class, $t, $simulator, %o) = @_;

    my $name = $o{name} || 'robot';
    my $self = bless {
        test => $t, simulator => $simulator, name => $name,
        project => $o{project} || "project-$name",
        path => $t->dir . "/$name.json", kid => "kid-of-$name",
        map({ $_ => $o{$_} } grep { exists $o{$_} }
            qw(projects locations expires_in)),
    }, $class;

    $self->{email} = $o{email}
        || "$name\@$self->{project}.iam.gserviceaccount.com";
    $self->exchange(@{ $o{exchange} || [] });
    $self->write_file(%o);

    return $self;
}

# Further arguments: what openssl genpkey is told, for keys of another kind.
sub key_pair {
    my ($name, @how) = @_;

    $keys{$name} ||= do {
        @how = qw(-algorithm RSA -pkeyopt rsa_keygen_bits:2048) unless @how;
        my $private = _openssl('genpkey', '-quiet', @how);

        [$private, _openssl('pkey', '-pubout', { in => $private })];
    };

    return @{ $keys{$name} };
}

sub _openssl {
    my (@command) = @_;

    my $input = ref $command[-1] ? (pop @command)->{in} : undef;
    my $file;

    if (defined $input) {
        $file = File::Temp->new;        # mode 0600, gone with the variable
        print {$file} $input;
        close $file;
        push @command, '-in', "$file";
    }

    open my $pipe, '-|', 'openssl', @command or die "openssl: $!\n";
    my $output = do { local $/; <$pipe> } // '';
    close $pipe or die "openssl $command[0] has failed\n";

    return $output;
}

# The key file, again perhaps with another key or other fields.
sub write_file {
    my ($self, %o) = @_;

    my ($private) = key_pair($o{signs_with} || 'usual');
    my %content = (
        type => 'service_account', project_id => $self->{project},
        private_key_id => $self->{kid}, private_key => $private,
        client_email => $self->{email}, client_id => '100200300400500600700',
        auth_uri => 'https://accounts.google.com/o/oauth2/auth',
        token_uri => $o{token_uri}
            || 'http://' . $self->{simulator}->address . '/token',
        universe_domain => 'googleapis.com', %{ $o{file} || {} });

    delete @content{ grep { !defined $content{$_} } keys %content };

    # renamed into its place, so that nobody reads half of it
    my $old = umask 0077;
    open my $file, '>', "$self->{path}.new" or die "$self->{path}: $!\n";
    print {$file} $json->encode(\%content);
    close $file or die "$self->{path}: $!\n";
    umask $old;
    rename "$self->{path}.new", $self->{path} or die "$self->{path}: $!\n";

    # a line out of the middle, as no log should have it
    $self->{test}->secrets((split /\n/, $private)[7]);

    return;
}

sub path { return $_[0]{path} }
sub name { return $_[0]{name} }
sub email { return $_[0]{email} }
sub project { return $_[0]{project} }

# What the token endpoint does from now on: behaviours of t/simulator, in
# order.  The counts begin anew.
sub exchange {
    my ($self, @rules) = @_;

    my (undef, $public) = key_pair('usual');

    # what it has given so far would be forgotten
    $self->state if $self->{known}++;

    return $self->{simulator}->control('PUT', "/accounts/$self->{email}", {
        public_key => $public, project => $self->{project},
        kid => $self->{kid}, behaviours => \@rules,
        map { $_ => $self->{$_} } grep { exists $self->{$_} }
            qw(projects locations expires_in) });
}

# What the API does with it, as with a key.
sub behave {
    my ($self, @rules) = @_;

    return $self->{simulator}->set_key($self->{email},
        { behaviours => \@rules });
}

# More of that: { behaviours, rpm, call_ids ... }.
sub set_key {
    my ($self, $spec) = @_;

    return $self->{simulator}->set_key($self->{email}, $spec);
}

sub state {
    my ($self) = @_;

    my $state = $self->{simulator}->control('GET',
        "/accounts/$self->{email}");

    $self->{test}->secrets(@{ $state->{tokens} });

    return $state;
}

# How often it was asked for a token since the last exchange(...), and what it
# gave.
sub exchanges { return $_[0]->state->{exchanges} }
sub tokens { return @{ $_[0]->state->{tokens} } }

# Waits for that many; false if in vain.
sub wait_exchanges {
    my ($self, $count) = @_;

    return $self->{test}->wait_for(sub { $self->exchanges >= $count });
}

# The API refuses all tokens of it that there are.
sub revoke {
    my ($self) = @_;

    return $self->{simulator}->control('DELETE',
        "/accounts/$self->{email}/tokens");
}

# Ends "hold" of the token endpoint.
sub release {
    my ($self) = @_;

    return $self->{simulator}->control('POST',
        "/accounts/$self->{email}/release");
}

# The token endpoint has never heard of it.
sub remove {
    my ($self) = @_;

    return $self->{simulator}->control('DELETE', "/accounts/$self->{email}");
}

# Requests of the API with its tokens, without exchanges, oldest first.
sub seen {
    my ($self) = @_;

    return $self->{simulator}->seen($self->{email});
}

1;
