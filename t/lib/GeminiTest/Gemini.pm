package GeminiTest::Gemini;

# Answers as Gemini gives them, for a scripted upstream: reply(), events(),
# error() and json_reply().  A reply becomes one JSON body or a stream of
# events, whichever the request asked for.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();

our @EXPORT = qw(reply events error json_reply);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# reply(TEXT or [TEXTS], OPTIONS): a candidate that says so, an event each.
# Options: finish, usage (a hash), model, parts (instead of texts), status,
# headers, framing, pause (ms between events).
sub reply {
    my ($texts, %o) = @_;

    my @parts = $o{parts} ? @{ $o{parts} }
        : map { { text => $_ } } ref $texts ? @$texts : ($texts);

    return bless { %o, parts => \@parts }, 'GeminiTest::Gemini::Reply';
}

# events([JSON...], OPTIONS): these very events, hashes or texts of JSON.  A
# request that does not stream gets the first one as its body.
sub events {
    my ($events, %o) = @_;

    return bless { %o, events => $events }, 'GeminiTest::Gemini::Reply';
}

# error(STATUS, NAME, OPTIONS): Google's error body.  Options: message, retry
# ('7s'), reason (of an ErrorInfo), quota (violations), details, headers.
sub error {
    my ($code, $name, %o) = @_;

    my @details = @{ $o{details} || [] };
    my $type = 'type.googleapis.com/google.rpc';

    push @details, {
        '@type' => "$type.ErrorInfo", reason => $o{reason},
        domain => 'googleapis.com',
        metadata => { service => 'generativelanguage.googleapis.com' },
    } if $o{reason};

    push @details, {
        '@type' => "$type.QuotaFailure", violations => $o{quota},
    } if $o{quota};

    push @details, {
        '@type' => "$type.RetryInfo", retryDelay => $o{retry},
    } if $o{retry};

    return json_reply({ error => {
        code => $code, message => $o{message} // "scripted $name",
        status => $name, @details ? (details => \@details) : (),
    } }, %o, status => $code);
}

sub json_reply {
    my ($value, %o) = @_;

    my %headers = ('Content-Type' => 'application/json; charset=UTF-8',
        %{ $o{headers} || {} });

    return {
        status => $o{status} || 200, headers => \%headers,
        body => $json->encode($value),
        map({ $_ => $o{$_} } grep { exists $o{$_} } qw(framing pause)),
    };
}

package GeminiTest::Gemini::Reply;

sub answer {
    my ($self, $request) = @_;

    my @events = $self->{events} ? @{ $self->{events} } : $self->_events;

    if (!$request->{stream}) {
        my $whole = $self->{events} ? $events[0] : $self->_event(
            $request, $self->{parts}, 1);

        return ref $whole
            ? GeminiTest::Gemini::json_reply($whole, %$self)
            : { status => $self->{status} || 200, body => $whole,
                headers => { 'Content-Type' => 'application/json' },
                framing => $self->{framing} };
    }

    return {
        status => $self->{status} || 200,
        headers => { 'Content-Type' => 'text/event-stream',
            %{ $self->{headers} || {} } },
        framing => $self->{framing} || 'chunked', pause => $self->{pause},
        pieces => [map {
            'data: ' . (ref $_ ? $json->encode($_) : $_) . "\r\n\r\n"
        } $self->{events} ? @events
            : map { $self->_event($request, @$_) } @events],
    };
}

sub _events {
    my ($self) = @_;

    my @parts = @{ $self->{parts} };

    return map { [[$parts[$_]], $_ == $#parts] } 0 .. $#parts;
}

sub _event {
    my ($self, $request, $parts, $last) = @_;

    return {
        candidates => [{
            content => { parts => $parts, role => 'model' }, index => 0,
            $last ? (finishReason => $self->{finish} || 'STOP') : (),
        }],
        usageMetadata => $self->{usage} || {
            promptTokenCount => 3, candidatesTokenCount => 5,
            totalTokenCount => 8,
        },
        modelVersion => $self->{model} || $request->{model},
        responseId => "scripted-$request->{n}",
    };
}

1;
