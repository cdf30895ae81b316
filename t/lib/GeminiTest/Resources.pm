package GeminiTest::Resources;

# Caches, files, batches: what a test of them asks of nginx and of the
# simulator behind it.  Two projects, two clients:
#
#   my $simulator = two_projects($t, options => {...});
#   $t->start(resources_conf($simulator));
#
# %secret has the keys: one-a, one-b (of project one) and two (of two);
# %token the clients: alice, bob.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use Test::More;

our @EXPORT = qw(%secret %token $model two_projects resources_conf call said
    begin_upload send_upload upload cache google_error same_bytes made_by
    resource keys_seen rests);

our %secret = map { $_ => "resource-key-$_-57721566490153" }
    qw(one-a one-b two);
our %token = map { $_ => "sk-resource-client-$_-2614972" } qw(alice bob);
our $model = 'gemini-3.8-flash';

my $json = JSON::PP->new->utf8->canonical;

# The keys of a simulator's projects, and what must not show up anywhere.
sub two_projects {
    my ($t, %o) = @_;

    my $simulator = $t->simulator(args => ['--strict-keys',
        '--options', $json->encode($o{options} || {})]);

    $simulator->set_key($_, { key => $secret{$_},
        project => $_ eq 'two' ? 'two' : 'one' }) for sort keys %secret;
    $t->secrets(values %secret, values %token);

    return $simulator;
}

# What stands in http {}: a pool of both projects, native under /, /v1/ for
# OpenAI's clients.  Options: pool (directives in the block), keys (names),
# locations.
sub resources_conf {
    my ($simulator, %o) = @_;

    my $keys = join '', map {
        my $project = $_ eq 'two' ? 'two' : 'one';
        "        key $secret{$_} name=$_ project=$project;\n"
    } @{ $o{keys} || [sort keys %secret] };
    my $clients = join '', map { "token $token{$_} name=$_; " }
        sort keys %token;
    my $pool = $o{pool} // '';
    my $locations = $o{locations} // '';

    return <<"EOC";
    log_format named '\$gemini_operation|\$status|\$gemini_tries|\$request';
    gemini_keys main {
$keys
        $pool
    }
    gemini_clients apps { $clients }
    gemini_upstream http://%%$simulator%%;
    client_max_body_size 0;
    server {
        listen %%PORT%%;
        access_log %%DIR%%/named.log named;
        gemini_auth apps;
        location / { gemini_pass main native; }
        location /v1/ { gemini_pass main; }
        location = /main.json { gemini_status main json; gemini_auth off; }
        $locations
    }
EOC
}

# One exchange as alice, or as => NAME, or as nobody at all (as => '').
sub call {
    my ($t, $method, $path, $body, %o) = @_;

    # What could not be made has no name.
    $path //= 'files/was-not-made';

    my $name = delete $o{as} // 'alice';
    my %headers = (length $name ? ('x-goog-api-key' => $token{$name}) : (),
        %{ delete $o{headers} || {} });

    return $t->request($method, $path =~ m{\A/} ? $path : "/v1beta/$path",
        $body, headers => \%headers, %o);
}

sub said {
    my ($text, %more) = @_;

    return { %more, contents => [{ role => 'user',
        parts => [{ text => $text }] }] };
}

sub cache {
    my ($t, %o) = @_;

    my %body = (%{ said('what is to be kept') }, model => "models/$model",
        %{ delete $o{body} || {} });

    return call($t, 'POST', 'cachedContents', \%body, %o);
}

# ---- uploads

# The path and query of an upload that was started; what it says with it.
sub begin_upload {
    my ($t, $size, %o) = @_;

    my $path = delete $o{path} // '/upload/v1beta/files';
    my $file = delete $o{file} || {};
    my $r = call($t, 'POST', $path, { file => $file }, %o, headers => {
        'X-Goog-Upload-Protocol' => 'resumable',
        'X-Goog-Upload-Command' => 'start',
        'X-Goog-Upload-Header-Content-Type' => 'text/plain',
        'X-Goog-Upload-Header-Content-Length' => $size });
    my ($target) = ($r->{headers}{'x-goog-upload-url'} // '')
        =~ m{\Ahttps?://[^/]+(/.*)\z};

    return ($target, $r);
}

# A command of an upload, by default without any credential.
sub send_upload {
    my ($t, $target, $command, $data, $offset, %o) = @_;

    return call($t, 'POST', $target, $data // '', as => '', %o, headers => {
        'X-Goog-Upload-Command' => $command,
        'X-Goog-Upload-Offset' => $offset // 0 });
}

# The file that came of these bytes.
sub upload {
    my ($t, $data, %o) = @_;

    my ($target) = begin_upload($t, length $data, %o);

    return {} unless $target;
    return (send_upload($t, $target, 'upload, finalize', $data)->{json}
        || {})->{file} || {};
}

# ---- what is asked of an answer, and of the simulator

sub google_error {
    my ($r, $code, $says, $what) = @_;

    is("$r->{status} " . ($r->{json}{error}{code} // 'none'), "$code $code",
        "$what: $code in Google's form") or diag($r->{body});
    like($r->{json}{error}{message} // '', $says, "$what: it says why");

    return;
}

# What upstream has under a name, with its project, or nothing.
sub resource {
    my ($simulator, $name) = @_;

    my ($found) = grep { $_->{name} eq ($name // '') }
        @{ $simulator->control('GET', '/resources') };

    return $found;
}

sub made_by { return (resource(@_) || {})->{project} // 'nobody' }

# An answer against what upstream gives to a key of its own.
sub same_bytes {
    my ($simulator, $r, $key, $path, $what) = @_;

    my $direct = GeminiTest::Client->open(port => $simulator->{port})
        ->send_request('GET', "/v1beta/$path", undef,
            headers => { 'x-goog-api-key' => $secret{$key} })->finish;

    is($r->{body}, $direct->{body}, "$what: byte for byte");

    return;
}

# The names of the keys that upstream saw since it was told to forget.
sub keys_seen {
    my ($simulator) = @_;

    my %name = reverse %secret;

    return map { $name{ $_->{key} // '' } // 'none' } $simulator->seen;
}

# The keys that rest, by their names.
sub rests {
    my ($t) = @_;

    return join ' ', sort map { $_->{name} }
        grep { @{ $_->{cooldowns} || [] } || $_->{state} eq 'invalid' }
        @{ $t->get('/main.json')->{json}{keys} };
}

1;
