package GeminiTest::Upstream;

# A scripted upstream: one forked process that serves all its connections from
# one loop, so that the script's closure keeps its variables from request to
# request.  What it saw is appended to a file as JSON lines, which the test
# reads back through seen(), connections() and friends.
#
# The script gets a request:
#
#   { n, connection, method, uri, path, query, headers, header_lines, body,
#     json, key, model, operation, stream, at }
#
# (n and connection count from 1; headers has lower-case names, repeated ones
# joined with ", "; key is the credential, wherever it stands) and returns
#
#   a hash    { status, reason, headers, body, framing, pieces, pause }:
#             framing is length (default), chunked or close; pieces, instead
#             of body, are sent one by one, pause ms apart
#   a list    of actions, for everything that no decent server would do:
#             [send => BYTES], [pause => MS], [trickle => BYTES, MS],
#             [gate => NAME] until the test calls open_gate(NAME),
#             [wait_close] until the peer goes, [close], [rst]
#   a reply   of GeminiTest::Gemini, which knows how to become a hash
#
# With raw => 1 nothing is parsed: the script gets the connection, a hash with
# {id} and {in}, when it is accepted and whenever bytes came in while no
# action is left; it takes what it understands out of {in} and returns
# actions, or nothing.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

use overload '""' => sub { $_[0]{name} }, fallback => 1;

# Bytes are kept as characters below 256, so ASCII JSON carries any of them.
my $json = JSON::PP->new->ascii->canonical->allow_nonref;

my $tick = 0.5;         # seconds between looks at whether the test still lives
my $largest_read = 65536;

sub start {
    my ($class, %args) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $args{port} || 0,
        Proto => 'tcp', Listen => 511, ReuseAddr => 1)
        or die "mock cannot listen: $!\n";

    my $self = bless {
        name => $args{name}, file => "$args{dir}/$args{name}.jsonl",
        gates => "$args{dir}/$args{name}.gate", port => $listen->sockport,
    }, $class;

    open my $touch, '>', $self->{file} or die "$self->{file}: $!\n";
    close $touch;

    my $pid = fork;
    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        local $SIG{__DIE__} = 'DEFAULT';
        eval { _serve($self, $listen, \%args); 1 }
            or print STDERR "mock $args{name}: $@";
        POSIX::_exit(0);
    }

    $self->{pid} = $pid;

    return $self;
}

sub port { return $_[0]{port} }
sub address { return "127.0.0.1:$_[0]{port}" }

# Nobody answers on the port any more: connections to it are refused.
sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill 'KILL', $pid;
    waitpid $pid, 0;

    return;
}

# Everything written down so far: requests, accepts, closes, errors.
sub events {
    my ($self) = @_;

    open my $file, '<', $self->{file} or die "$self->{file}: $!\n";
    my @events;

    while (my $line = <$file>) {
        # the last line may be half written
        last unless $line =~ /\n\z/;
        push @events, $json->decode($line);
    }

    return @events;
}

# In these three a scalar context gives the number.
sub seen { return grep { $_->{event} eq 'request' } $_[0]->events }

sub connections {
    return scalar grep { $_->{event} eq 'accept' } $_[0]->events;
}

# Connections that the peer closed before their actions were done.
sub aborted {
    return grep { $_->{event} eq 'close' && $_->{left} } $_[0]->events;
}

sub errors { return grep { $_->{event} eq 'error' } $_[0]->events }

# Waits until that many requests (or other events) came; dies at the deadline.
sub wait_seen {
    my ($self, $count, %o) = @_;

    my $event = $o{event} || 'request';
    my $deadline = time + ($o{deadline} || 10);

    while (1) {
        my @found = grep { $_->{event} eq $event } $self->events;
        return @found if @found >= $count;

        die "$self->{name}: ", scalar @found, " of $count $event events\n"
            if time > $deadline;
        sleep 0.01;
    }
}

sub wait_aborted {
    my ($self, $count, %o) = @_;

    my $deadline = time + ($o{deadline} || 10);

    while (1) {
        my @found = $self->aborted;
        return @found if @found >= $count;

        die "$self->{name}: ", scalar @found, " of $count aborts\n"
            if time > $deadline;
        sleep 0.01;
    }
}

sub open_gate {
    my ($self, $name) = @_;

    open my $file, '>', "$self->{gates}-$name" or die "gate $name: $!\n";
    close $file;

    return;
}

# ---- the forked side

sub _serve {
    my ($self, $listen, $args) = @_;

    $0 = "mock $self->{name}";
    $SIG{PIPE} = 'IGNORE';
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP CHLD);

    open my $log, '>>', $self->{file} or die "$self->{file}: $!\n";
    $log->autoflush(1);

    my $server = {
        %$args, self => $self, log => $log, parent => getppid, accepted => 0,
        requests => 0, started => time, connections => {},
    };

    $listen->blocking(0);

    while (getppid == $server->{parent}) {
        my $live = $server->{connections};
        my ($read, $write, $timeout) = ('', '', $tick);

        vec($read, fileno $listen, 1) = 1;

        for my $c (values %$live) {
            vec($read, $c->{fd}, 1) = 1;
            vec($write, $c->{fd}, 1) = 1 if length $c->{out};

            my $wait = $c->{gate} ? 0.005
                : $c->{until} ? $c->{until} - time : $tick;
            $wait = 0 if $wait < 0;
            $timeout = $wait if $wait < $timeout;
        }

        my $ready = select $read, $write, undef, $timeout;
        next if $ready < 0;

        _accept($server, $listen) if vec $read, fileno $listen, 1;

        for my $c (values %$live) {
            _read($server, $c) if vec $read, $c->{fd}, 1;
            next if $c->{gone};
            _flush($server, $c) if length $c->{out};
            _go_on($server, $c) unless $c->{gone};
        }

        delete $live->{$_} for grep { $live->{$_}{gone} } keys %$live;
    }

    return;
}

sub _note {
    my ($server, %event) = @_;

    $event{at} = time - $server->{started};
    print { $server->{log} } $json->encode(\%event), "\n";

    return;
}

sub _accept {
    my ($server, $listen) = @_;

    while (my $socket = $listen->accept) {
        $socket->blocking(0);
        setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

        my $c = {
            id => ++$server->{accepted}, socket => $socket,
            fd => fileno $socket, in => '', out => '', actions => [],
        };

        $server->{connections}{$c->{id}} = $c;
        _note($server, event => 'accept', connection => $c->{id});
        _script($server, $c, $c) if $server->{raw};
        _go_on($server, $c);
    }

    return;
}

sub _drop {
    my ($server, $c, %how) = @_;

    if ($how{rst}) {
        setsockopt $c->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    }

    _note($server, event => 'close', connection => $c->{id},
        by => $how{by}, left => $how{by} eq 'peer'
            ? scalar(@{ $c->{actions} }) + (length $c->{out} ? 1 : 0)
                + ($c->{until} || $c->{gate} || $c->{wait_close} ? 1 : 0)
            : 0,
        $server->{raw} ? (bytes => $c->{taken} // '') : ());

    close $c->{socket};
    $c->{gone} = 1;

    return;
}

sub _read {
    my ($server, $c) = @_;

    my $got = sysread($c->{socket}, my $bytes, $largest_read);

    if (!defined $got) {
        return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        return _drop($server, $c, by => 'peer');
    }

    return _drop($server, $c, by => 'peer') if $got == 0;

    $c->{in} .= $bytes;
    $c->{taken} .= $bytes if $server->{raw};

    return;
}

sub _flush {
    my ($server, $c) = @_;

    my $put = syswrite $c->{socket}, $c->{out};

    if (!defined $put) {
        return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        return _drop($server, $c, by => 'peer');
    }

    substr $c->{out}, 0, $put, '';

    return;
}

# Does what the script asked for, as far as it can be done now, then takes the
# next request.
sub _go_on {
    my ($server, $c) = @_;

    while (!$c->{gone}) {
        return if length $c->{out};

        if ($c->{until}) {
            return if time < $c->{until};
            delete $c->{until};
        }

        if ($c->{gate}) {
            return unless -e "$server->{self}{gates}-$c->{gate}";
            delete $c->{gate};
        }

        return if $c->{wait_close};

        if (my $action = shift @{ $c->{actions} }) {
            _act($server, $c, @$action);
            _flush($server, $c) if length $c->{out} && !$c->{gone};
            next;
        }

        return unless length $c->{in};

        if ($server->{raw}) {
            my $before = length $c->{in};
            _script($server, $c, $c);
            return if length $c->{in} == $before && !@{ $c->{actions} };
            next;
        }

        my $request = _parse($c) or return;

        $request->{n} = ++$server->{requests};
        $request->{connection} = $c->{id};
        _note($server, %$request, event => 'request');
        _script($server, $c, $request);
    }

    return;
}

sub _act {
    my ($server, $c, $verb, @with) = @_;

    if ($verb eq 'send') {
        $c->{out} .= $with[0];

    } elsif ($verb eq 'pause') {
        $c->{until} = time + $with[0] / 1000;

    } elsif ($verb eq 'trickle') {
        unshift @{ $c->{actions} }, map {
            ([send => $_], [pause => $with[1] // 1])
        } split //, $with[0];

    } elsif ($verb eq 'gate') {
        $c->{gate} = $with[0];

    } elsif ($verb eq 'wait_close') {
        $c->{wait_close} = 1;

    } elsif ($verb eq 'close' || $verb eq 'rst') {
        _drop($server, $c, by => 'us', rst => $verb eq 'rst');

    } else {
        die "no action \"$verb\"\n";
    }

    return;
}

sub _script {
    my ($server, $c, $about) = @_;

    my $answer = eval { $server->{script}->($about) };

    if ($@) {
        _note($server, event => 'error', connection => $c->{id},
            message => "$@");
        $answer = $server->{raw} ? [['close']] : { status => 500, body => '' };
    }

    return unless defined $answer;

    if (UNIVERSAL::can($answer, 'answer')) {
        $answer = $answer->answer($about);
    }

    push @{ $c->{actions} },
        ref $answer eq 'HASH' ? _actions_of($answer, $about) : @$answer;

    return;
}

sub _actions_of {
    my ($answer, $request) = @_;

    my $status = $answer->{status} || 200;
    my $reason = $answer->{reason} // ($status == 200 ? 'OK' : 'Status');
    my $framing = $answer->{framing}
        || ($answer->{pieces} ? 'chunked' : 'length');
    my @pieces = @{ $answer->{pieces} || [$answer->{body} // ''] };
    my @headers = ref $answer->{headers} eq 'HASH'
        ? map { [$_ => $answer->{headers}{$_}] } sort keys
            %{ $answer->{headers} }
        : @{ $answer->{headers} || [] };

    my $length = 0;
    $length += length for @pieces;

    push @headers,
        $framing eq 'chunked' ? ['Transfer-Encoding' => 'chunked']
        : $framing eq 'close' ? [Connection => 'close']
        : ['Content-Length' => $length];

    my @actions = ([send => join '', "HTTP/1.1 $status $reason\r\n",
        map({ "$_->[0]: $_->[1]\r\n" } @headers), "\r\n"]);

    if ($request->{method} ne 'HEAD') {
        for my $piece (@pieces) {
            next unless length $piece;

            push @actions, [send => $framing eq 'chunked'
                ? sprintf("%x\r\n%s\r\n", length $piece, $piece) : $piece];
            push @actions, [pause => $answer->{pause}] if $answer->{pause};
        }

        push @actions, [send => "0\r\n\r\n"] if $framing eq 'chunked';
    }

    push @actions, ['close'] if $framing eq 'close';

    return @actions;
}

# One whole request out of {in}, or nothing yet.
sub _parse {
    my ($c) = @_;

    $c->{in} =~ /\A(.*?)\r\n\r\n/s or return;

    my ($head, $from) = ($1, $+[0]);
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $uri) = split / /, $line;
    my (%headers, @header_lines);

    for (@lines) {
        my ($name, $value) = /\A([^:]+):[ \t]*(.*?)[ \t]*\z/s or next;
        push @header_lines, [$name, $value];
        $name = lc $name;
        $headers{$name} = exists $headers{$name}
            ? "$headers{$name}, $value" : $value;
    }

    my ($body, $end) = ('', $from);

    if (lc($headers{'transfer-encoding'} // '') eq 'chunked') {
        pos($c->{in}) = $from;

        while (1) {
            $c->{in} =~ /\G([0-9a-fA-F]+)[^\r\n]*\r\n/gc or return;

            my $size = hex $1;
            my $at = pos $c->{in};

            return if length $c->{in} < $at + $size + 2;

            $body .= substr $c->{in}, $at, $size;
            pos($c->{in}) = $at + $size + 2;
            last if $size == 0;
        }

        $end = pos $c->{in};

    } elsif (my $size = $headers{'content-length'}) {
        return if length $c->{in} < $from + $size;
        $body = substr $c->{in}, $from, $size;
        $end = $from + $size;
    }

    substr $c->{in}, 0, $end, '';

    my ($path, $query) = split /\?/, $uri, 2;
    my ($model, $operation) = $path =~ m{/models/([^/:]+)(?::(\w+))?\z};
    my ($bearer) = ($headers{authorization} // '') =~ /\ABearer (.*)\z/;
    my ($in_query) = ($query // '') =~ /(?:\A|&)key=([^&]*)/;

    return {
        method => $method, uri => $uri, path => $path, query => $query // '',
        headers => \%headers, header_lines => \@header_lines, body => $body,
        json => $body =~ /\A\s*[\[{]/
            ? eval { JSON::PP->new->utf8->decode($body) } : undef,
        key => $headers{'x-goog-api-key'} // $bearer // $in_query // '',
        model => $model // '', operation => $operation // '',
        stream => ($operation // '') =~ /\Astream/ ? 1 : 0,
    };
}

1;
