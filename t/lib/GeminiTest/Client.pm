package GeminiTest::Client;

# One HTTP/1.1 exchange over a raw socket, every wait with a deadline.  The
# answer can be taken whole (finish), or event by event with arrival times
# (next_event), or dropped in the middle (abort).

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->allow_nonref->canonical;

# open(port, receive_buffer): a connection without a request yet.
sub open {
    my ($class, %o) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $o{port}, Proto => 'tcp',
        Timeout => 5) or die "connect to port $o{port}: $!\n";

    setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack('i', $o{receive_buffer}))
        if $o{receive_buffer};
    $socket->blocking(0);

    return bless {
        socket => $socket, raw => '', body => '', events_at => 0,
        status => 0, headers => {}, header_lines => [], started => time,
        until => time + ($o{deadline} || 10), state => 'head', method => '',
        record => $o{record},
    }, $class;
}

# The bytes of a request.  A hash or list as body is sent as JSON.
sub request_bytes {
    my ($method, $path, $body, %o) = @_;

    my @headers = (
        [Host => $o{host} // 'localhost'],
        [Connection => $o{keep} ? 'keep-alive' : 'close'],
    );

    if (defined $o{token}) {
        push @headers, [Authorization => "Bearer $o{token}"];
    }

    if (ref $body) {
        $body = $json->encode($body);
        push @headers, ['Content-Type' => 'application/json'];
    }

    if ($o{chunked}) {
        push @headers, ['Transfer-Encoding' => 'chunked'];
        $body = join '', (map { sprintf "%x\r\n%s\r\n", length, $_ }
            $body =~ /(.{1,$o{chunked}})/sg), "0\r\n\r\n";

    } elsif (defined $body) {
        push @headers, ['Content-Length' => length $body];
    }

    my $extra = $o{headers} || [];
    push @headers, ref $extra eq 'HASH'
        ? map { [$_ => $extra->{$_}] } sort keys %$extra : @$extra;

    return join('', "$method $path HTTP/1.1\r\n",
        map({ "$_->[0]: $_->[1]\r\n" } @headers), "\r\n") . ($body // '');
}

sub send_request {
    my ($self, $method, $path, $body, %o) = @_;

    $self->{method} = $method;

    return $self->send_bytes(request_bytes($method, $path, $body, %o));
}

# Sends all of it, taking in whatever comes back meanwhile, as a real client
# does: a server may answer, and close, before it has read everything.
sub send_bytes {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $socket = $self->{socket};
    my $both = IO::Select->new($socket);

    while (length $bytes) {
        my ($readable, $writable) = IO::Select->select(
            $both, $both, undef, $self->_left);

        last unless $readable;
        last if @$readable && !$self->_take;

        if (@$writable) {
            my $put = syswrite $socket, $bytes;

            if (!defined $put) {
                next if $! == EAGAIN || $! == EINTR;
                last;
            }

            substr $bytes, 0, $put, '';
        }
    }

    return $self;
}

sub _left {
    my ($self, $deadline) = @_;

    my $left = ($deadline // $self->{until}) - time;

    return $left > 0 ? $left : 0;
}

# Takes in what is there; false when the other side has closed.
sub _take {
    my ($self) = @_;

    my $got = sysread($self->{socket}, my $bytes, 65536);

    if (!defined $got) {
        return 1 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        $self->{error} //= "$!";
        $got = 0;
    }

    if ($got == 0) {
        $self->{closed} = 1;
        $self->_parse;
        return 0;
    }

    if ($self->{record}) {
        print { $self->{record} } $bytes;
    }

    $self->{first_byte} //= time - $self->{started};
    $self->{last_byte} = time - $self->{started};
    $self->{raw} .= $bytes;
    $self->{all} .= $bytes;
    $self->_parse;

    return 1;
}

# Waits until the condition holds; false when it never will.
sub _wait {
    my ($self, $condition, $deadline) = @_;

    my $select = IO::Select->new($self->{socket});

    while (!$condition->()) {
        return 0 if $self->{closed} || $self->{state} eq 'done';

        if (!$select->can_read($self->_left($deadline))) {
            $self->{error} //= 'deadline' unless defined $deadline;
            return 0;
        }

        $self->_take;
    }

    return 1;
}

sub _parse {
    my ($self) = @_;

    $self->_parse_head if $self->{state} eq 'head';
    $self->_parse_chunks if $self->{state} eq 'chunked';

    if ($self->{state} eq 'length') {
        my $missing = $self->{length} - length $self->{body};

        $self->{body} .= substr $self->{raw}, 0, $missing, '';
        $self->{state} = 'done' if length $self->{body} == $self->{length};

    } elsif ($self->{state} eq 'close') {
        $self->{body} .= $self->{raw};
        $self->{raw} = '';
        $self->{state} = 'done' if $self->{closed};
    }

    return;
}

sub _parse_head {
    my ($self) = @_;

    while ($self->{raw} =~ s/\A(.*?)\r\n\r\n//s) {
        my ($line, @lines) = split /\r\n/, $1;

        ($self->{version}, $self->{status}, $self->{reason}) =
            $line =~ m{\A(HTTP/[\d.]+) (\d+) ?(.*)\z}
            or return $self->{error} = "bad status line \"$line\"";

        # 100 Continue and its like are not the answer
        next if $self->{status} < 200;

        for (@lines) {
            my ($name, $value) = /\A([^:]+):[ \t]*(.*)\z/s or next;
            push @{ $self->{header_lines} }, [$name, $value];
            $name = lc $name;
            $self->{headers}{$name} = exists $self->{headers}{$name}
                ? "$self->{headers}{$name}, $value" : $value;
        }

        $self->{head_at} = time - $self->{started};

        my $headers = $self->{headers};

        if ($self->{method} eq 'HEAD' || $self->{status} =~ /\A(204|304)\z/) {
            $self->{state} = 'done';

        } elsif (lc($headers->{'transfer-encoding'} // '') eq 'chunked') {
            $self->{state} = 'chunked';

        } elsif (defined $headers->{'content-length'}) {
            $self->{length} = $headers->{'content-length'};
            $self->{state} = 'length';

        } else {
            $self->{state} = 'close';
        }

        last;
    }

    return;
}

sub _parse_chunks {
    my ($self) = @_;

    while ($self->{raw} =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/) {
        my ($size, $from) = (hex $1, $+[0]);

        return if length $self->{raw} < $from + $size + 2;

        $self->{body} .= substr $self->{raw}, $from, $size;
        substr $self->{raw}, 0, $from + $size + 2, '';

        if ($size == 0) {
            $self->{state} = 'done';
            return;
        }
    }

    return;
}

sub status { my ($self) = @_; $self->_head; return $self->{status} }
sub headers { my ($self) = @_; $self->_head; return $self->{headers} }

sub _head {
    my ($self) = @_;

    return $self->_wait(sub { $self->{state} ne 'head' });
}

# The next server-sent event, or nothing at the end (or at the deadline, in
# seconds from now): { event, data, json, comment, at }.
sub next_event {
    my ($self, $seconds) = @_;

    my $deadline = defined $seconds ? time + $seconds : undef;
    my $end = qr/\r?\n\r?\n/;

    $self->_wait(sub {
        substr($self->{body}, $self->{events_at}) =~ $end
    }, $deadline) or return;

    substr($self->{body}, $self->{events_at}) =~ $end or return;

    my $text = substr $self->{body}, $self->{events_at}, $-[0];
    my %event = (at => $self->{last_byte});
    my @data;

    $self->{events_at} += $+[0];

    for my $line (split /\r?\n/, $text) {
        if ($line =~ /\A:\s?(.*)/s) {
            $event{comment} = $1;

        } elsif ($line =~ /\A(\w+):\s?(.*)/s) {
            push @data, $2 if $1 eq 'data';
            $event{$1} = $2 if $1 ne 'data';
        }
    }

    if (@data) {
        $event{data} = join "\n", @data;
        $event{json} = eval { $json->decode($event{data}) };
    }

    return \%event;
}

# All events to the end, without the comments.
sub events {
    my ($self) = @_;

    my @events;

    while (my $event = $self->next_event) {
        push @events, $event if defined $event->{data};
    }

    return @events;
}

# The whole answer: { status, reason, headers, header_lines, body, json,
# complete, error, head_at, elapsed, events }.  complete: its framing says
# that nothing is missing.
sub finish {
    my ($self) = @_;

    $self->_wait(sub { 0 });

    my %answer = map { $_ => $self->{$_} } qw(status reason headers
        header_lines body error head_at first_byte);

    $answer{complete} = $self->{state} eq 'done' ? 1 : 0;
    $answer{elapsed} = time - $self->{started};
    $answer{raw} = $self->{all} // '';

    if (($self->{headers}{'content-type'} // '') =~ m{event-stream}) {
        $answer{events} = [$self->events];

    } elsif (($self->{headers}{'content-type'} // '') =~ m{json}) {
        $answer{json} = eval { $json->decode($self->{body}) };
    }

    return \%answer;
}

sub complete {
    my ($self) = @_;

    $self->_wait(sub { 0 });

    return $self->{state} eq 'done' ? 1 : 0;
}

# Everything until the other side closes, unparsed.
sub read_raw {
    my ($self) = @_;

    $self->{state} = 'raw';
    $self->_wait(sub { 0 });

    return $self->{all} // '';
}

# Goes away in the middle: with a FIN, or with rst => 1 the rude way.
sub abort {
    my ($self, %o) = @_;

    setsockopt($self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0))
        if $o{rst};
    close $self->{socket};
    $self->{closed} = 1;

    return;
}

# Ready for another request on the same connection.
sub again {
    my ($self) = @_;

    @$self{qw(body events_at status state started headers header_lines)} =
        ('', 0, 0, 'head', time, {}, []);
    $self->{all} = '';

    return $self;
}

1;
