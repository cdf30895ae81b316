# A directive of http {} holds in every server and location, one of a server
# in its locations, one of a location there: at run time, not only in a check
# of the configuration.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new(has => ['http_ssl_module']);

my $script = sub {
    my ($name) = @_;

    return sub {
        my ($request) = @_;
        my $text = $request->{json}{contents}[0]{parts}[0]{text} // '';

        return [[wait_close => ()]] if $text eq 'silent';
        return reply('x' x 5000) if $text eq 'large';
        return { %{ reply($name)->answer($request) },
            headers => { 'Content-Type' => 'application/json',
                'X-Long' => 'x' x 3000 } } if $text eq 'long head';
        return [[gate => 'late'],
            [send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                . "\r\ndata: {\"candidates\":[{\"content\":{\"parts\":"
                . "[{\"text\":\"late\"}],\"role\":\"model\"},\"index\":0,"
                . "\"finishReason\":\"STOP\"}]}\r\n\r\n"], [close => ()]]
            if $text eq 'late';
        return reply([], parts => [{ text => 'mused', thought => \1 },
            { text => $name }]);
    };
};

my %up = map { $_ => $t->upstream($script->($_)) } qw(http server location);
my ($certificate, $private) = $t->certificate('localhost');
my (undef, $tls_port) = split /:/, $t->expand('%%PORT_3%%');

$t->define(TLS => $tls_port);

my %level = (
    http => <<"EOC", server => <<"EOC", location => <<"EOC");
    gemini_auth apps;
    gemini_upstream http://%%$up{http}%%;
    gemini_model one gemini-http;
    gemini_model two gemini-http-two;
    gemini_safety off;
    gemini_thoughts hide;
    gemini_read_timeout 1s;
    gemini_max_response 4k;
    gemini_buffer_size 2k;
    gemini_head_timeout 1h;
EOC
    gemini_auth off;
    gemini_upstream http://%%$up{server}%%;
    gemini_model one gemini-server;
    gemini_safety HARASSMENT=BLOCK_NONE;
    gemini_thoughts inline;
    gemini_read_timeout 1h;
    gemini_max_response 1m;
    gemini_buffer_size 16k;
    gemini_head_timeout 50ms;
EOC
    gemini_auth others;
    gemini_upstream http://%%$up{location}%%;
    gemini_model one gemini-location;
    gemini_safety default;
    gemini_thoughts field;
    gemini_read_timeout 1s;
    gemini_max_response 2k;
    gemini_buffer_size 1k;
    gemini_head_timeout 1h;
EOC

$t->start(<<"EOC");
    gemini_keys main { key k1; tries 1; }
    gemini_clients apps { token token-apps; }
    gemini_clients others { token token-others; }
    $level{http}
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /verified/ { gemini_pass main; gemini_auth off;
            gemini_upstream https://localhost:%%TLS%%;
            gemini_ssl_trusted_certificate $certificate; }
        location /system/ { gemini_pass main; gemini_auth off;
            gemini_upstream https://localhost:%%TLS%%; }
        location /another/ { gemini_pass main; gemini_auth off;
            gemini_upstream https://127.0.0.1:%%TLS%%;
            gemini_ssl_trusted_certificate $certificate; }
        location /unverified/ { gemini_pass main; gemini_auth off;
            gemini_upstream https://127.0.0.1:%%TLS%%;
            gemini_ssl_verify off; }
    }
    server {
        listen %%PORT_2%%;
        $level{server}
        location /v1/ { gemini_pass main; }
        location /inner/ { gemini_pass main; $level{location} }
        location /nested/ {
            $level{location}
            location /nested/v1/ { gemini_pass main; }
        }
    }
    server {
        listen %%PORT_3%% ssl;
        ssl_certificate $certificate;
        ssl_certificate_key $private;
        location / { proxy_pass http://%%$up{http}%%; }
    }
EOC

my %place = (
    http => [undef, '/v1', 'token-apps'],
    server => ['_2', '/v1', undef],
    location => ['_2', '/inner', 'token-others'],
    nested => ['_2', '/nested/v1', 'token-others'],
);

sub arguments {
    my ($place, $text, %o) = @_;

    my ($port, $path, $token) = @{ $place{$place} };

    return ("$path/chat/completions", {
        model => 'one', messages => [{ role => 'user', content => $text }],
        %{ $o{body} || {} },
    }, $port ? (port => $port) : (), $token ? (token => $token) : ());
}

sub ask { return $t->post(arguments(@_)) }

for my $place (sort keys %place) {
    my $own = $place eq 'nested' ? 'location' : $place;
    my $r = ask($place, 'hi');
    my $message = $r->{json}{choices}[0]{message};
    my ($sent) = reverse $up{$own}->seen;

    is($r->{status}, 200, "$place: gemini_auth");
    like($message->{content}, qr/\Q$own\E\z/, "$place: gemini_upstream");
    is($sent->{model}, "gemini-$own", "$place: gemini_model");

    my $safety = $sent->{json}{safetySettings};

    is(!$safety ? 'default' : @$safety > 1 ? 'off' : $safety->[0]{threshold},
        { http => 'off', server => 'BLOCK_NONE', location => 'default' }
            ->{$own}, "$place: gemini_safety");

    is(join('|', $message->{reasoning_content} // '-',
        $message->{content} =~ /<think>/ ? 'inline' : '-'),
        { http => '-|-', server => '-|inline', location => 'mused|-' }
            ->{$own}, "$place: gemini_thoughts");

    is(ask($place, 'large')->{status}, $own eq 'server' ? 200 : 502,
        "$place: gemini_max_response");
    is(ask($place, 'long head')->{status}, $own eq 'server' ? 200 : 502,
        "$place: gemini_buffer_size");

    is(ask($place, 'silent')->{status}, 504, "$place: gemini_read_timeout")
        if $own ne 'server';
}

# Aliases of an inner level replace those of the outer ones.
is((ask('server', 'hi', body => { model => 'two' }))->{status}, 200,
    'an alias of http where a server has its own');
is(($up{server}->seen)[-1]{model}, 'two', 'is not one there');

# A head is let go by the server's short time, not by its read timeout.
my $s = $t->stream('POST', arguments('server', 'late',
    body => { stream => \1 }));
is($s->status, 200, 'server: gemini_head_timeout lets a head go');
$up{server}->open_gate('late');
like($s->finish->{body}, qr/"late"/, 'before the answer is there');

is($t->post(arguments('server', 'hi'), token => 'nobody')->{status}, 200,
    'server: gemini_auth off');
is($t->post('/v1/chat/completions', {}, token => 'token-others')->{status},
    401, 'http: the clients of another place may not call');
is($t->post('/inner/chat/completions', {}, token => 'token-apps',
    port => '_2')->{status}, 401, 'location: nor here');

# ---- TLS, with connections that are kept

sub tls { return $t->post("$_[0]/chat/completions", { model => 'one',
    messages => [{ role => 'user', content => 'hi' }] })->{status} }

is(join(' ', map { tls('/verified') } 1 .. 6), join(' ', ('200') x 6),
    'TLS upstream with a trusted certificate, again and again');
is(join(' ', map { tls('/unverified') } 1 .. 6), join(' ', ('200') x 6),
    'gemini_ssl_verify off takes any');

# What one location trusts, another of the same URL does not.
is(join(' ', map { tls('/system') } 1 .. 4), '502 502 502 502',
    'a certificate that the system does not know is refused');
is(join(' ', map { tls('/another') } 1 .. 4), '502 502 502 502',
    'and one of another name');
is(tls('/verified'), 200, 'which does not close it to who trusts it');

$t->done;
