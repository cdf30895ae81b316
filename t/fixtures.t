# Recorded answers of Google's, served by a scripted upstream: what a client
# gets of each, and that it gets the same however the bytes were cut on their
# way. What must come out is worked out here from the recording itself. The
# recordings are not part of the repository: GEMINI_FIXTURES names their
# directory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;

my $directory = $ENV{GEMINI_FIXTURES} // '';

plan(skip_all => 'GEMINI_FIXTURES is not set to the directory of recorded '
    . 'traffic') unless -d "$directory/stream" && -d "$directory/unary";

my $key = 'simulated-key-fixtures-5772156649';
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $most_pieces = 60;

my $t = GeminiTest->new;

# Of the user's text, NAME SEED WIDEST FRAMING, follows what is sent, and how.
my $up = $t->upstream(sub {
    my ($request) = @_;

    my ($name, $seed, $widest, $framing) =
        split / /, $request->{json}{contents}[0]{parts}[0]{text};
    my $body = recording($name);
    my $status = status_of($body);

    return {
        status => $status, framing => $framing,
        headers => { 'Content-Type' => $name =~ /^stream/ && $status == 200
            ? 'text/event-stream' : 'application/json; charset=UTF-8' },
        pieces => [pieces($body, $seed, $widest)],
        pause => $widest && $widest > 1 ? 1 : 0,
    };
});

# An error in one of the recordings quotes a key.
$t->secrets($key, 'key1234');
$t->start(<<"EOC");
    gemini_keys main {
        key $key;
        cooldown invalid off;
        cooldown rate_limit off;
        cooldown no_access off;
    }
    gemini_upstream http://%%$up%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; gemini_auth off; }
    }
EOC

sub recording {
    my ($name) = @_;

    open my $file, '<:raw', "$directory/$name" or die "$name: $!\n";

    return do { local $/; <$file> };
}

# As it was recorded: errors came with their own status.
sub status_of {
    my ($body) = @_;

    my $value = $body =~ /\A\s*\{/ ? $json->decode($body) : {};

    return $value->{error} ? $value->{error}{code} : 200;
}

# Pieces of random sizes, always the same of one seed; whole without a width.
sub pieces {
    my ($body, $seed, $widest) = @_;

    return $body unless $widest;

    my @pieces;

    for (my $at = 0; $at < length $body; $at += length $pieces[-1]) {
        $seed = ($seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        push @pieces, substr $body, $at, 1 + ($seed >> 8) % $widest;
    }

    return @pieces;
}

# ---- what a recording says

sub expected {
    my ($body) = @_;

    my @events = $body =~ /^data: /m
        ? map { $json->decode($_) } $body =~ /^data: (.*)$/mg
        : $json->decode($body);
    my %all = (content => '', reasoning => '', calls => [], images => 0,
        code => [], native => undef);
    my %count;

    for my $event (@events) {
        return { error => $event->{error}{code} } if $event->{error};

        my $blocked = $event->{promptFeedback} || {};
        $all{blocked} ||= grep { $blocked->{$_} }
            qw(blockReason blockReasonMessage);
        $all{native} = $blocked->{blockReason} // $all{native};
        %count = (%count, %{ $event->{usageMetadata} || {} });

        for my $candidate (@{ $event->{candidates} || [] }) {
            $all{native} = $candidate->{finishReason} // $all{native};
            add_part(\%all, $_) for @{ $candidate->{content}{parts} || [] };
        }
    }

    my $thoughts = $count{thoughtsTokenCount} // 0;

    $all{prompt} = ($count{promptTokenCount} // 0)
        + ($count{toolUsePromptTokenCount} // 0);
    $all{completion} = $count{candidatesTokenCount} + $thoughts
        if defined $count{candidatesTokenCount};
    $all{thoughts} = $thoughts;
    $all{finish} = $all{blocked} ? 'content_filter'
        : ($all{native} // 'STOP') eq 'STOP'
            ? (@{ $all{calls} } ? 'tool_calls' : 'stop')
        : $all{native} eq 'MAX_TOKENS' ? 'length' : 'content_filter';
    $all{nothing} = !$all{blocked} && !length $all{content}
        && !@{ $all{calls} } && !$all{images} && !@{ $all{code} };

    return \%all;
}

sub add_part {
    my ($all, $part) = @_;

    $all->{ $part->{thought} ? 'reasoning' : 'content' } .= $part->{text}
        if defined $part->{text};
    push @{ $all->{calls} }, [$part->{functionCall}{name},
        $part->{functionCall}{args} || {}, $part->{thoughtSignature}]
        if $part->{functionCall};
    $all->{images}++ if $part->{inlineData} && !$part->{thought};
    push @{ $all->{code} }, grep { defined } $part->{executableCode}{code},
        $part->{codeExecutionResult}{output};

    return;
}

# ---- what a client got

sub ask {
    my ($name, $stream, $cut) = @_;

    my $r = $t->post('/v1/chat/completions', { model => 'gemini-2.5-flash',
        messages => [{ role => 'user', content => "$name $cut" }],
        $stream ? (stream => JSON::PP::true, stream_options =>
            { include_usage => JSON::PP::true }) : () });

    return $r->{events} ? gather($r) : whole($r);
}

sub calls_of {
    return [map { [$_->{function}{name},
        $json->decode($_->{function}{arguments}),
        $_->{extra_content}{google}{thought_signature}] } @_];
}

sub whole {
    my ($r) = @_;

    return { status => $r->{status}, error => $r->{json}{error} }
        if $r->{status} != 200;

    my $choice = $r->{json}{choices}[0];
    my $message = $choice->{message};

    return { status => 200, content => $message->{content} // '',
        reasoning => $message->{reasoning_content} // '',
        refusal => $message->{refusal}, finish => $choice->{finish_reason},
        native => $choice->{native_finish_reason},
        calls => calls_of(@{ $message->{tool_calls} || [] }),
        images => $message->{images} || [],
        annotations => $message->{annotations} || [],
        extra => $message->{extra_content}, usage => $r->{json}{usage} };
}

sub gather {
    my ($r) = @_;

    my %all = (status => $r->{status}, content => '', reasoning => '',
        finish => '', native => undef, refusal => undef, extra => undef,
        images => [], annotations => [], done => 0);
    my @calls;

    for my $event (@{ $r->{events} }) {
        next if $event->{data} eq '[DONE]';
        return { status => 200, error => $event->{json}{error} }
            if $event->{json}{error};

        $all{usage} = $event->{json}{usage} if $event->{json}{usage};

        my $choice = $event->{json}{choices}[0] or next;
        my $delta = $choice->{delta};

        $all{content} .= $delta->{content} // '';
        $all{reasoning} .= $delta->{reasoning_content} // '';
        $all{refusal} .= $delta->{refusal} if defined $delta->{refusal};
        $all{finish} .= $choice->{finish_reason} // '';
        $all{native} = $choice->{native_finish_reason} // $all{native};
        $all{extra} = { google => { %{ $all{extra}{google} || {} },
            %{ $delta->{extra_content}{google} } } }
            if $delta->{extra_content};
        push @{ $all{$_} }, @{ $delta->{$_} || [] } for qw(images annotations);
        push @calls, @{ $delta->{tool_calls} || [] };
    }

    $all{done} = grep { $_->{data} eq '[DONE]' } @{ $r->{events} };
    $all{calls} = calls_of(@calls);

    return \%all;
}

sub check {
    my ($name, $got, $expected) = @_;

    if ($expected->{error}) {
        cmp_ok($got->{status}, '>=', 400, "$name: an error is one");
        ok(length $got->{error}{message}, "$name: that says what it is");
        return;
    }

    if ($expected->{nothing}) {
        is("$got->{status} $got->{error}{code}",
            '502 ' . lc $expected->{native}, "$name: no answer is an error");
        return;
    }

    if (@{ $expected->{code} }) {
        my $at = -1;
        my @places = map { $at = index $got->{content}, $_, $at + 1 }
            @{ $expected->{code} };
        ok(!grep({ $_ < 0 } @places), "$name: code and its output, in order");
        like($got->{content}, qr/```python\n.*```output\n/s,
            "$name: in fences");

    } else {
        is($got->{content}, $expected->{content}, "$name: its text");
    }

    is($got->{reasoning}, $expected->{reasoning}, "$name: its thoughts");
    is_deeply($got->{calls}, $expected->{calls}, "$name: its calls");
    is(scalar @{ $got->{images} }, $expected->{images}, "$name: its images");
    is($got->{finish}, $expected->{finish}, "$name: its end");
    is($got->{native}, $expected->{native}, "$name: in Google's word");
    is($got->{done} // 1, 1, "$name: with one [DONE]");

    my $usage = $got->{usage};

    is($usage->{prompt_tokens}, $expected->{prompt}, "$name: its prompt");
    is($usage->{completion_tokens}, $expected->{completion},
        "$name: its length") if defined $expected->{completion};
    is($usage->{completion_tokens_details}{reasoning_tokens},
        $expected->{thoughts}, "$name: its thinking");
    is($usage->{total_tokens},
        $usage->{prompt_tokens} + $usage->{completion_tokens},
        "$name: and the sum");

    return;
}

# ---- every recording

for my $kind ('stream', 'unary') {
    my @names = map { s{.*/}{}r } sort glob "$directory/$kind/*";

    cmp_ok(scalar @names, '>', 0, "there are recordings of $kind");

    for my $name (@names) {
        my $body = recording("$kind/$name");
        my $stream = $kind eq 'stream';
        my $uncut = ask("$kind/$name", $stream, '0 0 length');

        check($name, $uncut, expected($body));

        # how fine it can be without thousands of waits
        my $fine = 2 + int(2 * length($body) / $most_pieces);
        my @cuts = ((map { "$_ $fine chunked" } 1 .. 3), "4 $fine length",
            '6 1 chunked');

        # nginx keeps to itself that a connection was closed before anything
        # was accepted, so an only event must then have its blank line.
        push @cuts, "5 $fine close"
            if !$stream || $body =~ /\n\r?\n\z/ || $body =~ /\n\r?\n./s;

        for my $cut (@cuts) {
            is_deeply(ask("$kind/$name", $stream, $cut), $uncut,
                "$name: the same, cut as of $cut");
        }
    }
}

$t->done;
