package GeminiTest::Redis;

# Real redis-servers of a test's own, in the test's directory and on free
# ports, with the faults a test needs; and a scripted server for what no Redis
# would ever say.
#
#   my $redis = GeminiTest::Redis->start($t, password => 'secret');
#   ... redis @{[$redis->url]} ...
#   $redis->command('HGETALL', 'gemini:{main}:hosts');
#   $redis->pause; $redis->go_on; $redis->kill; $redis->restart; $redis->stop;
#
# start() skips the whole file when there is no redis-server.  Options: unix
# (no port, a socket), password, users => { NAME => [PASSWORD, RULES] }, args
# (of redis-server), cluster, replica_of => REDIS, name.
#
#   sentinel($t, $master, name => 'main')    watches $master; url(db)
#   cluster($t)                              two nodes, each with half the slots
#   mock($t, SCRIPT)                         a scripted server
#
# All of them are called on the class.  Everything ends with the test.

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(resp);

my $patience = 20;
my $poll = 0.01;
my $number = 0;
my @instances;

sub available {
    local $ENV{PATH} = "$ENV{PATH}:/usr/local/bin:/usr/bin:/usr/sbin";

    return `redis-server --version 2>&1` =~ /v=(\d+)/ ? $1 : 0;
}

sub start {
    my ($class, $t, %o) = @_;

    plan(skip_all => 'no redis-server') unless available();

    my $name = $o{name} || 'redis-' . ++$number;
    my $dir = $t->dir . "/$name";

    mkdir $dir or die "$dir: $!\n";

    my $self = bless {
        %o, name => $name, dir => $dir, owner => $$, t => $t,
        socket => $o{unix} ? "$dir/socket" : undef,
    }, $class;

    push @instances, $self;
    $self->_launch;

    return $self;
}

sub port { return $_[0]{port} }
sub address { return "127.0.0.1:$_[0]{port}" }
sub socket_path { return $_[0]{socket} }
sub log { return _slurp("$_[0]{dir}/log") }

# For a configuration: url(DB), url(DB, user => NAME), url(DB, password => P).
sub url {
    my ($self, $db, %o) = @_;

    my $user = $o{user} // '';
    my $password = $o{password}
        // ($user ne '' ? $self->{users}{$user}[0] : $self->{password});

    if ($self->{socket}) {
        my @with = (defined $db ? "db=$db" : (),
            $user ne '' ? "user=$user" : (),
            defined $password ? "password=$password" : ());

        return "unix:$self->{socket}" . (@with ? '?' . join('&', @with) : '');
    }

    return 'redis://' . (defined $password ? "$user:$password\@" : '')
        . $self->address . (defined $db ? "/$db" : '');
}

# ---- its life

sub _free_port {
    my ($also) = @_;

    # The bus of a Cluster is 10000 above.
    while (1) {
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => 0, Proto => 'tcp', Listen => 1)
            or die "no free port: $!\n";
        my $port = $socket->sockport;

        return $port if !$also;
        return $port if $port + $also < 65536 && IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port + $also,
            Proto => 'tcp', Listen => 1);
    }
}

sub _conf {
    my ($self) = @_;

    my @lines = ('save ""', 'appendonly no', "dir $self->{dir}",
        'daemonize no', 'repl-diskless-sync yes',
        'repl-diskless-sync-delay 0', 'protected-mode no');

    if ($self->{socket}) {
        push @lines, 'port 0', "unixsocket $self->{socket}";

    } else {
        push @lines, "port $self->{port}", 'bind 127.0.0.1';
    }

    push @lines, "requirepass $self->{password}",
        "masterauth $self->{password}" if defined $self->{password};

    for my $user (sort keys %{ $self->{users} || {} }) {
        my ($password, $rules) = @{ $self->{users}{$user} };
        push @lines, "user $user on >$password " . ($rules || '~* &* +@all');
    }

    push @lines, 'cluster-enabled yes', 'cluster-config-file nodes.conf',
        'cluster-require-full-coverage no' if $self->{cluster};
    push @lines, "replicaof 127.0.0.1 $self->{replica_of}{port}"
        if $self->{replica_of};
    push @lines, @{ $self->{sentinel_lines} || [] };

    return join "\n", @lines, '';
}

sub _launch {
    my ($self) = @_;

    for my $attempt (1 .. 5) {
        $self->{port} ||= _free_port($self->{cluster} ? 10000 : 0)
            unless $self->{socket};
        unlink $self->{socket} if $self->{socket};

        my $file = "$self->{dir}/conf";

        # A sentinel writes its own state there.
        if (!$self->{sentinel_lines} || !-f $file) {
            open my $conf, '>', $file or die "$file: $!\n";
            print {$conf} $self->{sentinel_lines} ? _sentinel_conf($self)
                : $self->_conf;
            close $conf;
        }

        my $pid = fork;
        die "fork: $!\n" unless defined $pid;

        if (!$pid) {
            setpgrp;
            $ENV{PATH} = "$ENV{PATH}:/usr/local/bin:/usr/bin:/usr/sbin";
            open STDIN, '<', '/dev/null';
            open STDOUT, '>>', "$self->{dir}/log";
            open STDERR, '>&', \*STDOUT;
            exec 'redis-server', $file,
                ($self->{sentinel_lines} ? '--sentinel' : ()),
                @{ $self->{args} || [] } or POSIX::_exit(127);
        }

        $self->{pid} = $pid;

        my $deadline = time + $patience;

        while ($self->_alive) {
            # Whether its own: a neighbour may have the port by now.
            my $info = eval { $self->command('INFO', 'server') } // '';
            return if $info =~ /process_id:$pid\b/;

            die "$self->{name} did not start:\n", $self->log
                if time > $deadline;
            sleep $poll;
        }

        die "$self->{name} did not start:\n", $self->log
            if $self->log !~ /Address already in use/ || $self->{started};
        delete $self->{port};
    }

    die "$self->{name} found no free port\n";
}

sub _alive {
    my ($self) = @_;

    return 0 unless $self->{pid};

    delete $self->{pid} if waitpid($self->{pid}, WNOHANG) == $self->{pid};

    return $self->{pid} ? 1 : 0;
}

sub _signal {
    my ($self, $signal) = @_;

    delete $self->{link};

    my $pid = delete $self->{pid} or return;
    CORE::kill('CONT', $pid);
    CORE::kill($signal, $pid);
    waitpid $pid, 0;

    return;
}

# Goes away in good order, or at once; connections to its port are refused.
sub stop { $_[0]->_signal('TERM'); return }
sub kill { $_[0]->_signal('KILL'); return }

# Accepts connections, and answers nothing.
sub pause { CORE::kill('STOP', $_[0]{pid}); return }
sub go_on { CORE::kill('CONT', $_[0]{pid}); return }

# At the same place, with nothing in it.
sub restart {
    my ($self) = @_;

    $self->_signal('KILL') if $self->{pid};
    $self->{started} = 1;
    $self->_launch;

    return $self;
}

# ---- what it knows

# One command, on a connection that is kept.  Strings and integers come back
# as they are, nil as undef, arrays as references; an error dies with its text.
sub command {
    my ($self, @words) = @_;

    my $link = $self->{link};

    if (!$link || $link->{process} != $$) {
        $link = $self->{link} = $self->connect;
    }

    my $reply = eval { $link->command(@words) };

    if (my $error = $@) {
        delete $self->{link} if !$link->{socket};
        die $error;
    }

    return $reply;
}

# A connection of the test's own, with its password: ->command(...), for
# subscriptions ->read, which gives undef after so many seconds without one.
sub connect {
    my ($self) = @_;

    my $socket = $self->{socket}
        ? IO::Socket::UNIX->new(Peer => $self->{socket})
        : IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{port}, Proto => 'tcp');
    die "$self->{name}: cannot connect: $!\n" unless $socket;

    my $link = bless { socket => $socket, in => '', process => $$ },
        'GeminiTest::Redis::Connection';

    $link->command('AUTH', $self->{password}) if defined $self->{password};

    return $link;
}

# The name => value pairs of a hash.
sub hash {
    my ($self, $key) = @_;

    return { @{ $self->command('HGETALL', $key) } };
}

# The connections of the module: lists of name => value pairs, one of each.
sub clients {
    my ($self) = @_;

    return grep { ($_->{name} // '') eq 'nginx-gemini' } map {
        +{ map { /\A([^=]+)=(.*)\z/ ? ($1 => $2) : () } split / / }
    } split /\n/, $self->command('CLIENT', 'LIST');
}

# Waits until so many of them are there; false if in vain.
sub wait_clients {
    my ($self, $count, $seconds) = @_;

    return $self->{t}->wait_for(sub { $self->clients >= $count }, $seconds);
}

# ---- sentinels and clusters

# One sentinel (quorum 1) that watches the master and knows its replicas.
# ->master_port is who it takes for the master.
sub sentinel {
    my ($class, $t, $master, %o) = @_;

    my $group = delete $o{group} || 'gemini-master';
    my @auth = defined $master->{password}
        ? "sentinel auth-pass $group $master->{password}" : ();

    my $self = $class->start($t, %o, group => $group, sentinel_lines => [
        "sentinel monitor $group 127.0.0.1 $master->{port} 1", @auth,
        "sentinel down-after-milliseconds $group 500",
        "sentinel failover-timeout $group 3000",
    ], master => $master);

    return $self;
}

sub _sentinel_conf {
    my ($self) = @_;

    return join "\n", "port $self->{port}", 'bind 127.0.0.1',
        "dir $self->{dir}", 'daemonize no', 'protected-mode no',
        @{ $self->{sentinel_lines} }, '';
}

sub sentinel_url {
    my ($self, $db) = @_;

    my $password = $self->{master}{password};

    return 'redis+sentinel://' . (defined $password ? ":$password\@" : '')
        . $self->address . "/$self->{group}"
        . (defined $db ? "/$db" : '');
}

sub master_port {
    my ($self) = @_;

    my $where = $self->command('SENTINEL', 'get-master-addr-by-name',
        $self->{group});

    return $where ? $where->[1] : 0;
}

# The replica is in step and known: a failover can find it.
sub wait_replica {
    my ($self) = @_;

    my $deadline = time + $patience;

    while (time < $deadline) {
        my $replicas = $self->command('SENTINEL', 'replicas', $self->{group});

        for my $replica (@$replicas) {
            my %is = @$replica;
            return 1 if ($is{'master-link-status'} // '') eq 'ok'
                && $is{flags} eq 'slave';
        }

        sleep $poll;
    }

    return 0;
}

# Two nodes; the first has the lower half of the slots.  node_of(KEY) is the
# one that has it, other(NODE) the other.
sub cluster {
    my ($class, $t, %o) = @_;

    my @nodes = map { $class->start($t, %o, cluster => 1) } 1, 2;

    $nodes[0]->command('CLUSTER', 'ADDSLOTSRANGE', 0, 8191);
    $nodes[1]->command('CLUSTER', 'ADDSLOTSRANGE', 8192, 16383);
    $nodes[0]->command('CLUSTER', 'MEET', '127.0.0.1', $nodes[1]{port});

    for my $node (@nodes) {
        $t->wait_for(sub {
            my $info = $node->command('CLUSTER', 'INFO');
            $info =~ /cluster_state:ok/ && $info =~ /slots_assigned:16384/
        }, $patience) or die "the cluster did not form\n";
    }

    return @nodes;
}

# Of these nodes: first the one with the key, then the others.
sub by_key {
    my ($class, $key, @nodes) = @_;

    my $slot = $nodes[0]->command('CLUSTER', 'KEYSLOT', $key);

    return $slot < 8192 ? @nodes : reverse @nodes;
}

# ---- a server that is none

# mock($t, SCRIPT): a GeminiTest::Upstream; SCRIPT gets each command as a list
# of words and gives actions ([send => BYTES], [wait_close], [close] ...), the
# text of one RESP reply, or nothing: then it never answers.  seen() gives the
# commands so far.
sub mock {
    my ($class, $t, $script) = @_;

    my $file = $t->dir . '/mock-redis-' . ++$number;

    my $up = $t->upstream(sub {
        my ($c) = @_;
        my @actions;

        while (defined(my $words = _take(\$c->{in}))) {
            open my $seen, '>>', $file or die "$file: $!\n";
            print {$seen} join("\t", @$words), "\n";
            close $seen;

            my $answer = $script->(@$words);
            push @actions, ref $answer ? @$answer : [send => $answer]
                if defined $answer;
        }

        return @actions ? \@actions : undef;
    }, raw => 1);

    return bless { up => $up, file => $file, port => $up->port },
        'GeminiTest::Redis::Mock';
}

# A reply as RESP: resp('text'), resp(7), resp(undef), resp([...]),
# resp(\'OK') for a status, and "-ERR ...\r\n" is written by hand.
sub resp {
    my ($value) = @_;

    return "\$-1\r\n" unless defined $value;
    return "+$$value\r\n" if ref $value eq 'SCALAR';
    return '*' . @$value . "\r\n" . join('', map { resp($_) } @$value)
        if ref $value eq 'ARRAY';
    return ":$value\r\n" if $value =~ /\A-?\d+\z/;
    return '$' . length($value) . "\r\n$value\r\n";
}

# A whole value out of the bytes, in a reference, or nothing yet: (value).
# Errors are objects.
sub _value {
    my ($in) = @_;

    $$in =~ /\G([-+:\$*])([^\r\n]*)\r\n/gc or return;

    my ($type, $rest) = ($1, $2);

    return \$rest if $type eq '+' || $type eq ':';
    return \bless { error => $rest }, 'GeminiTest::Redis::Error'
        if $type eq '-';
    return \undef if $rest < 0;

    if ($type eq '$') {
        my $at = pos $$in;
        return if length($$in) < $at + $rest + 2;

        my $text = substr $$in, $at, $rest;
        pos($$in) = $at + $rest + 2;
        return \$text;
    }

    my @list;

    for (1 .. $rest) {
        my $one = _value($in) or return;
        push @list, $$one;
    }

    return \(my $list = \@list);
}

sub _take {
    my ($in) = @_;

    pos($$in) = 0;
    my $value = _value($in) or return;
    substr $$in, 0, pos($$in), '';

    return $$value;
}

sub _slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';

    return do { local $/; <$file> } // '';
}

END {
    my $status = $?;

    $_->_signal('KILL') for grep { $_->{owner} == $$ } @instances;
    $? = $status;
}

package GeminiTest::Redis::Connection;

use Errno;
use Time::HiRes qw(time);

sub send {
    my ($self, @words) = @_;

    my $bytes = '*' . @words . "\r\n"
        . join '', map { '$' . length($_) . "\r\n$_\r\n" } @words;

    while (length $bytes) {
        my $put = syswrite $self->{socket}, $bytes;
        die $self->_gone unless $put;
        substr $bytes, 0, $put, '';
    }

    return;
}

sub _gone {
    my ($self) = @_;

    delete $self->{socket};

    return "the connection to redis is gone\n";
}

# One reply or message; undef when none comes in time.
sub read {
    my ($self, $seconds) = @_;

    my $deadline = time + ($seconds // 10);

    while (1) {
        pos($self->{in}) = 0;

        if (my $value = GeminiTest::Redis::_value(\$self->{in})) {
            substr $self->{in}, 0, pos($self->{in}), '';
            die "$$value->{error}\n"
                if ref $$value eq 'GeminiTest::Redis::Error';
            return $$value;
        }

        my $left = $deadline - time;
        return if $left <= 0
            || !IO::Select->new($self->{socket})->can_read($left);

        my $got = sysread $self->{socket}, $self->{in}, 65536,
            length $self->{in};
        next if !defined $got && $!{EINTR};
        die $self->_gone unless $got;
    }
}

sub command {
    my ($self, @words) = @_;

    $self->send(@words);

    return $self->read;
}

package GeminiTest::Redis::Mock;

sub url { return "redis://127.0.0.1:$_[0]{port}" . ($_[1] // '') }
sub port { return $_[0]{port} }
sub upstream { return $_[0]{up} }

# Each command so far: a list of words.
sub seen {
    my ($self) = @_;

    return map { [split /\t/] } split /\n/,
        GeminiTest::Redis::_slurp($self->{file});
}

1;
