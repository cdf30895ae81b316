package GeminiTest;

# Runs a real nginx with the module in a directory of its own, against
# scripted upstreams.  Nothing is shared between two instances, every wait is
# a poll with a deadline, and at the end the logs are searched for alarms,
# sanitizer reports and secrets.
#
#   my $t = GeminiTest->new(plan => 2);
#   my $up = $t->upstream(sub { reply('hello') });
#   $t->start(<<"EOC");
#   gemini_keys main { key k1; }
#   server { listen %%PORT%%; location /v1/ {
#       gemini_pass main; gemini_auth off; gemini_upstream http://%%$up%%; } }
#   EOC
#   my $r = $t->post('/v1/chat/completions', { model => 'm', ... });
#
# Environment: TEST_NGINX_BINARY, TEST_NGINX_MODULE, TEST_LEAVE=1 keeps the
# directory, TEST_DEBUG=1 logs at level debug.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

use GeminiTest::Client;
use GeminiTest::Gemini;
use GeminiTest::Simulator;
use GeminiTest::Upstream;

our @EXPORT = @GeminiTest::Gemini::EXPORT;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $patience = 20;          # seconds for nginx to start, reload or stop
my $poll = 0.01;
my $closing_tests = 2;      # what finish() adds to a plan

my @instances;

# new(plan => N) or new() with a done() at the end.  Skips the whole file when
# there is no nginx or no module to test; has => [qw(http_v2_module)] also when
# nginx was configured without one of these.
sub new {
    my ($class, %o) = @_;

    local $ENV{PATH} = "$ENV{PATH}:/usr/local/sbin:/usr/sbin";

    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $module = $ENV{TEST_NGINX_MODULE}
        || "$root/build/ngx_http_gemini_module.so";
    my $version = `$binary -V 2>&1`;

    plan(skip_all => "no nginx: $binary") unless defined $version
        && $version =~ m{nginx version: \S+/(\S+)};
    my $number = $1;

    plan(skip_all => "no module: $module") unless -f $module;

    for my $name (@{ $o{has} || [] }) {
        plan(skip_all => "nginx without $name") unless $version =~ /\Q$name/;
    }

    plan(tests => $o{plan} + $closing_tests) if $o{plan};

    my $self = bless {
        binary => $binary, module => $module, configured => $version,
        version => $number, ports => {}, upstreams => [], define => {},
        expected => [], secrets => [], owner => $$,
        dir => File::Temp::tempdir('gemini-test-XXXXXXXX', TMPDIR => 1),
    }, $class;

    # Workers may run as another user, and must reach their files.
    chmod 0755, $self->{dir};
    open $self->{answers}, '>', "$self->{dir}/answers" or die "answers: $!\n";
    binmode $self->{answers};
    $self->{answers}->autoflush(1);

    push @instances, $self;

    return $self;
}

sub dir { return $_[0]{dir} }
sub root { return $root }
sub nginx_version { return $_[0]{version} }
sub has_feature { return $_[0]{configured} =~ /\Q$_[1]/ }

# ---- what nginx talks to

# upstream(SCRIPT, raw => 1): see GeminiTest::Upstream.  Its object stands for
# its address in a configuration: %%$up%%.
sub upstream {
    my ($self, $script, %o) = @_;

    my $up = GeminiTest::Upstream->start(
        %o, script => $script, dir => $self->{dir},
        name => 'UPSTREAM_' . @{ $self->{upstreams} });

    push @{ $self->{upstreams} }, $up;
    $self->{define}{"$up"} = $up->address;

    return $up;
}

# simulator(keys => {...}, args => [...]): the bundled Gemini simulator.
sub simulator {
    my ($self, %o) = @_;

    my $simulator = GeminiTest::Simulator->start(
        %o, root => $root, dir => $self->{dir},
        name => 'SIMULATOR_' . @{ $self->{upstreams} });

    push @{ $self->{upstreams} }, $simulator;
    $self->{define}{"$simulator"} = $simulator->address;

    return $simulator;
}

# The files of a fresh certificate for a name, signed by itself: (cert, key).
sub certificate {
    my ($self, $name) = @_;

    my ($cert, $key) = map { "$self->{dir}/$name.$_" } qw(crt key);

    system('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
        '-days', 2, '-subj', "/CN=$name", '-addext',
        "subjectAltName=DNS:$name", '-keyout', $key, '-out', $cert,
        '-config', $self->write_file('openssl.conf',
            "[req]\ndistinguished_name=dn\n[dn]\n")) == 0
        or die "openssl could not make a certificate\n"
        if !-f $cert;

    return ($cert, $key);
}

sub write_file {
    my ($self, $name, $content) = @_;

    my $path = "$self->{dir}/$name";
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $self->expand($content);
    close $file or die "$path: $!\n";

    return $path;
}

# ---- configuration

# The number behind %%PORT%%, %%PORT_2%% and so on; %%...%% is address:port.
sub port {
    my ($self, $name) = @_;

    return $self->{ports}{ $name || 'PORT' } //= _free_port();
}

sub _free_port {
    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp',
        Listen => 1) or die "no free port: $!\n";

    return $socket->sockport;
}

sub define {
    my ($self, %values) = @_;

    @{ $self->{define} }{ keys %values } = values %values;

    return;
}

sub expand {
    my ($self, $text) = @_;

    $text =~ s{%%(\w+)%%}{
        $1 =~ /\APORT(_\d+)?\z/ ? '127.0.0.1:' . $self->port($1)
        : $1 eq 'DIR' ? $self->{dir}
        : $self->{define}{$1} // die "no value for %%$1%%\n"
    }ge;

    return $text;
}

# The whole nginx.conf around what stands in http {}.  Options: main (text for
# the top), events, workers (2), level (of the error log).
sub _conf {
    my ($self, $http, %o) = @_;

    my $dir = $self->{dir};
    my $level = $o{level} || ($ENV{TEST_DEBUG}
        && $self->has_feature('--with-debug') ? 'debug' : 'info');
    my $user = $> == 0 ? 'user root;' : '';
    my $workers = $o{workers} // 2;
    my $main = $o{main} // '';
    my $events = $o{events} // '';
    my $temp = join '', map { "    ${_}_temp_path $dir/temp/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);

    return $self->expand(<<"EOC");
load_module "$self->{module}";
daemon off;
worker_processes $workers;
$user
pid $dir/nginx.pid;
error_log $dir/error.log $level;
$main
events {
    worker_connections 1024;
    $events
}
http {
    access_log $dir/access.log;
$temp
$http
}
EOC
}

sub _write_conf {
    my ($self, $http, %o) = @_;

    mkdir "$self->{dir}/temp";
    open my $file, '>', "$self->{dir}/nginx.conf" or die "nginx.conf: $!\n";
    print {$file} $self->_conf($http, %o);
    close $file or die "nginx.conf: $!\n";

    return;
}

# nginx -t on it: (output, exit code).
sub conf_error {
    my ($self, $http, %o) = @_;

    my $dir = $self->{dir};

    mkdir "$dir/check";
    local $self->{dir} = "$dir/check";
    $self->_write_conf($http, %o);

    local %ENV = (%ENV, %{ $o{env} || {} });

    my $pid = open my $pipe, '-|';
    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        $self->_sanitize('detect_leaks=0');
        open STDERR, '>&', \*STDOUT;
        $self->_exec('-t', '-e', 'stderr');
    }

    my $output = do { local $/; <$pipe> };
    close $pipe;

    return ($output, $? >> 8);
}

# ---- nginx's life

# start(HTTP_CONF, OPTIONS): those of the configuration, and env => {}.
sub start {
    my ($self, $http, %o) = @_;

    for my $attempt (1 .. 5) {
        # a free port may be taken by a neighbour before nginx binds it
        $self->{ports} = {} if $attempt > 1;
        $self->_write_conf($http, %o);
        $self->_spawn(%o);

        return $self if $self->_wait_started($o{workers} // 2);

        my $said = $self->_slurp('error.log') . $self->_slurp('stderr');

        die "nginx did not start:\n$said\n"
            unless $said =~ /Address already in use/;
        unlink map { "$self->{dir}/$_" } qw(error.log stderr nginx.pid);
    }

    die "nginx did not find a free port\n";
}

sub _exec {
    my ($self, @args) = @_;

    # to nginx it would name inherited sockets
    delete $ENV{NGINX};

    exec { $self->{binary} } $self->{binary}, '-p', "$self->{dir}/",
        '-c', 'nginx.conf', @args or POSIX::_exit(127);
}

# For a binary built with a sanitizer.  ngx_module_names is in binary and
# module alike, by design.
sub _sanitize {
    my ($self, @options) = @_;

    $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} || (),
        'detect_odr_violation=0', @options;
    $ENV{UBSAN_OPTIONS} = join ':', $ENV{UBSAN_OPTIONS} || (),
        'print_stacktrace=1';

    return;
}

sub _spawn {
    my ($self, %o) = @_;

    my $dir = $self->{dir};
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if (!$pid) {
        setpgrp;
        $ENV{PATH} = "$ENV{PATH}:/usr/local/sbin:/usr/sbin";
        %ENV = (%ENV, %{ $o{env} || {} });

        $self->_sanitize("log_path=$dir/sanitizer");
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/stderr";
        open STDERR, '>&', \*STDOUT;
        $self->_exec('-e', "$dir/error.log");
    }

    $self->{pid} = $pid;
    delete $self->{exit};

    return;
}

sub _wait_started {
    my ($self, $workers) = @_;

    return $self->_until(sub {
        return 'gone' if !$self->_alive;
        return -s "$self->{dir}/nginx.pid"
            && $self->workers >= $workers && 'up';
    }) eq 'up';
}

# Calls until it gives something true, and returns that; dies at the deadline.
sub _until {
    my ($self, $condition, $what) = @_;

    my $deadline = time + $patience;

    while (1) {
        my $value = $condition->();
        return $value if $value;

        die(($what || 'nginx') . " took more than $patience s\n"
            . $self->_slurp('error.log')) if time > $deadline;
        sleep $poll;
    }
}

# wait_for(sub { CONDITION }, SECONDS): polls for it; false if in vain.
sub wait_for {
    my ($self, $condition, $seconds) = @_;

    my $deadline = time + ($seconds || 10);

    while (1) {
        my $value = $condition->();
        return $value if $value || time > $deadline;
        sleep $poll;
    }
}

sub _alive {
    my ($self) = @_;

    return 0 unless $self->{pid};

    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{exit} = $?;
        $self->{pid} = 0;
    }

    return $self->{pid};
}

# The pids of the workers that serve, without those shutting down.
sub workers {
    my ($self) = @_;

    my %titles = $self->_children;

    my @serving = grep {
        $titles{$_} =~ /worker process/ && $titles{$_} !~ /shutting down/
    } sort { $a <=> $b } keys %titles;

    return @serving;
}

sub _children {
    my ($self) = @_;

    my %titles;

    for my $path (glob '/proc/[0-9]*/stat') {
        open my $file, '<', $path or next;
        my ($pid, $parent) = (<$file> // '') =~ /\A(\d+) .*\) \S (\d+) /
            or next;
        next unless $parent == $self->{pid};

        open my $title, '<', "/proc/$pid/cmdline" or next;
        $titles{$pid} = <$title> // '';
    }

    return %titles;
}

# A reload, with another http {} if given: back when the new workers serve and
# no old one takes connections any more.
sub reload {
    my ($self, $http, %o) = @_;

    my %old = map { $_ => 1 } $self->workers;
    my $from = length $self->error_log;

    $self->_write_conf($http, %o) if defined $http;
    kill 'HUP', $self->{pid};

    my $outcome = $self->_until(sub {
        my $said = substr $self->error_log, $from;
        return 'failed' if $said =~ /\[emerg\]/;

        my @now = $self->workers;
        return @now >= keys %old && !grep({ $old{$_} } @now) && 'reloaded';
    }, 'reload');

    return $outcome eq 'reloaded';
}

# kill -9 of a worker: back when the master has a new one.
sub kill_worker {
    my ($self, $pid) = @_;

    my @before = $self->workers;
    $pid //= $before[0];

    $self->expect_log(qr/worker process $pid exited on signal 9/);
    kill 'KILL', $pid;
    $self->_until(sub {
        my @now = $self->workers;
        return @now >= @before && !grep { $_ == $pid } @now;
    }, 'the new worker');

    return $pid;
}

# Gracefully (QUIT), or with the given signal; returns the exit code.
sub stop {
    my ($self, $signal) = @_;

    if ($self->_alive) {
        my $pid = $self->{pid};

        kill $signal || 'QUIT', $pid;

        if (!eval { $self->_until(sub { !$self->_alive }, 'stop'); 1 }) {
            diag("nginx did not stop: $@");
            kill 'KILL', -$pid;
            waitpid $pid, 0;
            @$self{qw(exit pid)} = (9, 0);
        }

        # nothing of its process group may be left
        if (kill 0, -$pid) {
            diag('nginx left a process behind');
            kill 'KILL', -$pid;
            $self->{exit} ||= 9;
        }
    }

    return ($self->{exit} // 0) >> 8 || ($self->{exit} // 0) & 127;
}

# ---- the client's side

sub get {
    my ($self, $path, %o) = @_;

    return $self->request('GET', $path, undef, %o);
}

sub post {
    my ($self, $path, $body, %o) = @_;

    return $self->request('POST', $path, $body, %o);
}

# One exchange, taken whole; see GeminiTest::Client for what comes back.
# Options: headers, token, port (a name), deadline, chunked (body, so many
# bytes at a time), receive_buffer.
sub request {
    my ($self, $method, $path, $body, %o) = @_;

    return $self->stream($method, $path, $body, %o)->finish;
}

# The same, to be taken event by event.
sub stream {
    my ($self, $method, $path, $body, %o) = @_;

    return $self->connect(%o)->send_request($method, $path, $body, %o);
}

# These bytes, and everything that comes back until the connection closes.
sub raw {
    my ($self, $bytes, %o) = @_;

    return $self->connect(%o)->send_bytes($bytes)->read_raw;
}

sub connect {
    my ($self, %o) = @_;

    return GeminiTest::Client->open(%o, port => $self->port($o{port}),
        record => $self->{answers});
}

# ---- what was written down

sub error_log { return $_[0]->_slurp('error.log') }
sub access_log { return $_[0]->_slurp('access.log') }

sub _slurp {
    my ($self, $name) = @_;

    open my $file, '<', "$self->{dir}/$name" or return '';
    binmode $file;

    return do { local $/; <$file> } // '';
}

# Waits for a line in the error log (or access.log); false if none comes.
sub wait_log {
    my ($self, $pattern, %o) = @_;

    return $self->wait_for(sub {
        $self->_slurp($o{file} || 'error.log') =~ $pattern
    }, $o{deadline});
}

# An alarm that this test provokes on purpose.
sub expect_log {
    my ($self, @patterns) = @_;

    push @{ $self->{expected} }, @patterns;

    return;
}

# Texts that must never show up in a log or in an answer.
sub secrets {
    my ($self, @texts) = @_;

    push @{ $self->{secrets} }, @texts;

    return;
}

# ---- the end

sub done {
    my ($self) = @_;

    $self->finish;
    done_testing();

    return;
}

# Stops everything and looks back.  Called at the end of the file if not
# before.
sub finish {
    my ($self) = @_;

    return if $self->{finished}++;

    is($self->stop, 0, 'nginx ends with exit code 0 and leaves nothing');

    my @wrong = ($self->_alarms, $self->_leaks, map {
        my $up = $_;
        map { "$up: $_->{message}" } $up->errors
    } @{ $self->{upstreams} });

    ok(!@wrong, 'no alarm, sanitizer report or secret in any log')
        or diag(join "\n", @wrong > 20 ? @wrong[0 .. 19] : @wrong);

    return;
}

sub _alarms {
    my ($self) = @_;

    my @lines;

    for my $line (split /\n/, $self->error_log) {
        next unless $line =~ /\[(?:alert|crit|emerg)\]/;
        next if grep { $line =~ $_ } @{ $self->{expected} };
        push @lines, $line;
    }

    my @reports = map { s{.*/}{}r } glob "$self->{dir}/sanitizer.*";

    for my $name ('error.log', 'stderr', @reports) {
        for my $line (split /\n/, $self->_slurp($name)) {
            next unless $line =~ /Sanitizer|runtime error:/;

            # nginx's own sources are not what is tested here
            next if $line =~ m{\bsrc/(?:core|event|http|os)/[\w/]+\.c:\d};
            push @lines, "$name: $line";
        }
    }

    return @lines;
}

# nginx itself writes whole requests into a debug log; our lines may not.
sub _leaks {
    my ($self) = @_;

    my @lines;

    for my $name (qw(error.log access.log stderr answers)) {
        my $text = $self->_slurp($name);

        for my $secret (@{ $self->{secrets} }) {
            next if index($text, $secret) < 0;

            my @found = grep {
                index($_, $secret) >= 0 && (!/\[debug\]/ || /gemini/)
            } split /\n/, $text;
            push @lines, map { "secret \"$secret\" in $name: $_" } @found;
        }
    }

    return @lines;
}

sub _clean_up {
    my ($self) = @_;

    return unless $self->{owner} == $$;

    if ($self->{pid}) {
        kill 'KILL', -$self->{pid};
        waitpid $self->{pid}, 0;
    }

    $_->stop for @{ $self->{upstreams} };
    close $self->{answers};

    if (!Test::More->builder->is_passing && $self->error_log) {
        my @lines = grep { !/\[debug\]/ } split /\n/, $self->error_log;
        diag("error.log:\n", join "\n", @lines > 40 ? @lines[-40 .. -1]
            : @lines);
    }

    if ($ENV{TEST_LEAVE}) {
        diag("left in $self->{dir}");

    } else {
        remove_tree($self->{dir});
    }

    return;
}

# Before Test::Builder's own END, which was compiled earlier.
END {
    my $status = $?;

    for my $self (grep { defined && $_->{owner} == $$ } @instances) {
        $self->finish if !$status && Test::More->builder->has_plan
            && !Test::More->builder->{Skip_All};
        $self->_clean_up;
    }

    $? = $status;
}

1;
