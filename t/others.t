# What is not ours stays as it is without the module: other locations and
# other servers of the same nginx, their headers, error pages, logs, ?key=.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use GeminiTest;

my $t = GeminiTest->new;

my $gemini = $t->upstream(sub { reply('ours') });
my $plain = $t->upstream(sub {
    my ($request) = @_;

    return { status => 429, body => 'slow down',
        headers => { 'X-Plain' => 'yes', 'Retry-After' => '9' } }
        if $request->{path} =~ /limit/;
    return { body => "plain:$request->{uri}:$request->{body}",
        headers => { 'Content-Type' => 'text/x-plain', 'X-Plain' => 'yes',
            'Set-Cookie' => 'a=b' } };
});

my $page = $t->write_file('page.html', '<p>an own page</p>');

# The very same locations: in a server of their own, and beside ours.
my $others = <<"EOC";
        location / { root %%DIR%%; }
        location /ok { default_type text/plain; return 200 fine; }
        location /teapot { return 418; }
        location /forbidden { deny all; }
        location /internal { internal; }
        location /small { client_max_body_size 10; proxy_pass
            http://%%$plain%%; }
        location /proxy/ { proxy_pass http://%%$plain%%/; }
        location /dead/ { proxy_pass http://127.0.0.1:9/; }
        location /page/ { error_page 404 /page.html; root %%DIR%%/none; }
        location /limited { limit_req zone=one; limit_req_status 429;
            return 200; }
        location /variables { return 200
            "\$gemini_model|\$gemini_key|\$gemini_operation"; }
        location /v1x { return 200 near; }
EOC

$t->start(<<"EOC");
    log_format whole '\$request|\$request_uri|\$args|\$arg_key';
    access_log %%DIR%%/whole.log whole;
    limit_req_zone \$server_port zone=one:64k rate=1r/m;
    gemini_keys main { key k1; }
    gemini_clients apps { token others-token; }
    gemini_upstream http://%%$gemini%%;
    gemini_auth apps;
    gemini_client_ip_limit rpm=100000;
    gemini_model gpt-* gemini-2.5-flash;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location = /status { gemini_status main json; }
        $others
    }
    server {
        listen %%PORT_2%%;
        $others
    }
    server {
        listen %%PORT_3%%;
        location / { gemini_pass main; gemini_auth off; }
        location /mine/ { return 404; }
    }
EOC

# What of an answer must be the same; the rest differs from second to second.
sub seen_of {
    my ($r) = @_;

    return join "\n", $r->{status}, (map { "$_->[0]: $_->[1]" } grep {
        $_->[0] !~ /\A(?:Date|Last-Modified|ETag)\z/i
    } @{ $r->{header_lines} }), '', $r->{body};
}

sub field { return $_[0]{headers}{ $_[1] } }

my @headers = (headers => { Origin => 'http://page',
    Authorization => 'Bearer nobody', 'X-Api-Key' => 'nothing' });

for my $case (
    ['GET', '/'], ['GET', '/ok'], ['HEAD', '/ok'], ['GET', '/nothing'],
    ['GET', '/teapot'], ['GET', '/forbidden'], ['GET', '/internal'],
    ['POST', '/small', 'x' x 100], ['POST', '/proxy/a?b=c', 'body'],
    ['GET', '/proxy/limit'], ['GET', '/dead/'], ['GET', '/page/x'],
    ['GET', '/page.html'], ['OPTIONS', '/ok'], ['OPTIONS', '/proxy/'],
    ['GET', '/variables'], ['GET', '/v1x'], ['GET', '/v1'],
    ['POST', '/ok', '{"model":"gpt-4o"}'], ['DELETE', '/page.html'],
    ['GET', '/limited'], ['GET', '/limited'],
) {
    my ($method, $path, $body) = @$case;
    my ($beside, $alone) = map {
        seen_of($t->request($method, $path, $body, @headers, port => $_))
    } undef, '_2';

    is($beside, $alone, "$method $path beside ours is as anywhere else");
}

my $r = $t->get('/nothing', @headers);

is(field($r, 'content-type'), 'text/html', 'a 404 is nginx\'s own page');
ok(!field($r, 'x-request-id') && !field($r, 'access-control-allow-origin'),
    'without any header of ours');
is($t->get('/page/x')->{body}, '<p>an own page</p>',
    'an error_page is served');
is($t->get('/variables')->{body}, '||', 'our variables are empty there');
is(field($t->get('/mine/x', port => '_3'), 'content-type'), 'text/html',
    'a location inside of ours is its own');

# ---- ours still is

is($t->post('/v1/chat/completions', { model => 'gpt-4o', messages =>
    [{ role => 'user', content => 'hi' }] }, token => 'others-token')
    ->{json}{choices}[0]{message}{content}, 'ours', 'ours works beside them');

# ---- ?key= is another's argument there

my $before = $plain->seen;

for my $port (undef, '_2') {
    is($t->get('/proxy/x?key=value&a=1', port => $port)->{body},
        'plain:/x?key=value&a=1:', "?key= is passed on");
}

is(scalar(my @now = $plain->seen), $before + 2, 'once each');
is($now[-1]{headers}{authorization}, undef, 'nothing is added to a request');

$t->get('/ok?key=logged');
$t->get('/ok?key=logged', port => '_2');
$t->wait_log(qr/(?:logged.*\n.*){2}/s, file => 'whole.log');

open my $file, '<', $t->dir . '/whole.log' or die "whole.log: $!\n";
my @logged = grep { m{/ok\?key} } <$file>;

is($logged[1], "GET /ok?key=logged HTTP/1.1|/ok?key=logged|key=logged|"
    . "logged\n", 'a log elsewhere has the whole request line');
is($logged[0], $logged[1], 'and so it has beside ours');

# ---- tokens that were meant for others go to them

$t->get('/proxy/t', headers => { Authorization => 'Bearer for-plain',
    'X-Goog-Api-Key' => 'for-plain-too', Cookie => 'c=d' });

my $last = ($plain->seen)[-1];

is(join(' ', map { $last->{headers}{$_} } qw(authorization x-goog-api-key
    cookie)), 'Bearer for-plain for-plain-too c=d',
    'a proxy_pass beside ours gets what the client sent');

# ---- a reload without us

ok($t->reload("server { listen %%PORT%%; $others }
    limit_req_zone \$server_port zone=one:64k rate=1r/m;"),
    'a reload without a location of ours');
is(field($t->get('/nothing'), 'content-type'), 'text/html',
    'leaves the rest as it is');
is($t->get('/v1/models')->{status}, 404, 'and nothing of ours');

$t->done;
