# Under steady load: two hundred reloads, and workers killed again and again.
# Every stream ends whole, nothing stays locked, no rest is forgotten.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use POSIX ();
use Test::More;

use GeminiTest;

my $t = GeminiTest->new;
my %secret = map { $_ => "endure-key-$_-0123456789" } qw(a b rests);
my $reloads = 200;
my $kills = 12;
my $clients = 4;
my $text = 'one two three four five six seven eight nine ten';

my $simulator = $t->simulator(args => ['--pace', 30]);

$t->secrets(values %secret);
$simulator->set_key('rests', { key => $secret{rests}, behaviours => [
    { do => 'rate_limit', retry => '2h' } ] });

my $conf = <<"EOC";
    gemini_keys main {
        key $secret{a}; key $secret{b};
        limit * rpm=1000000;
        state %%DIR%%/main.state;
    }
    gemini_keys resting { key $secret{rests}; }
    gemini_auth off;
    gemini_upstream http://%%$simulator%%;
    server {
        listen %%PORT%%;
        location /v1/ { gemini_pass main; }
        location /resting/ { gemini_pass resting; }
        location = /main.json { gemini_status main json; }
    }
EOC

$t->start($conf);

sub body {
    my ($stream) = @_;

    return { model => 'gemini-2.5-flash',
        $stream ? (stream => JSON::PP::true) : (),
        messages => [{ role => 'user', content => "#echo $text" }] };
}

sub said {
    my ($r) = @_;

    return $r->{json}{choices}[0]{message}{content} // '' unless $r->{events};

    return join '', map { $_->{json}{choices}[0]{delta}{content} // '' }
        grep { $_->{json} } @{ $r->{events} };
}

# A client in a process of its own: asks again and again until `stop` is there,
# and writes down how many answers were whole and which were not.
sub client {
    my ($name, $stop, %o) = @_;

    my $pid = fork;
    die "fork: $!\n" unless defined $pid;
    return $pid if $pid;

    my ($whole, @broken) = (0);

    until (-e $stop) {
        my $streams = ($whole + @broken) % 3 != 0;
        my $r = eval { $t->post('/v1/chat/completions', body($streams),
            deadline => 30) } || { raw => $@ };

        if (($r->{status} // 0) == 200 && $r->{complete} && said($r) eq $text
            && (!$streams || $r->{body} =~ /data: \[DONE\]\n\n\z/))
        {
            ++$whole;

        } else {
            push @broken, $r->{raw};
        }
    }

    $t->write_file("$name.result", JSON::PP->new->utf8->encode(
        { whole => $whole, broken => \@broken }));
    POSIX::_exit(0);
}

sub results {
    my (@names) = @_;

    return map {
        open my $file, '<', $t->dir . "/$_.result" or die "$_: $!\n";
        JSON::PP->new->utf8->decode(do { local $/; <$file> });
    } @names;
}

my $first = $t->post('/resting/v1/chat/completions', body(0));
is($first->{status}, 429, 'a key rests');

# ---- reloads

my @names = map { "reload$_" } 1 .. $clients;
my @pids = map { client($_, $t->dir . '/stop1') } @names;
my $done = 0;

for my $number (1 .. $reloads) {
    ++$done if $t->reload($number % 2 ? $conf : "# $number\n$conf");
}

is($done, $reloads, 'two hundred reloads');
$t->write_file('stop1', 'x');
waitpid $_, 0 for @pids;

my @results = results(@names);
my ($whole, @broken) = (0);
$whole += $_->{whole} for @results;
push @broken, @{ $_->{broken} } for @results;

cmp_ok($whole, '>', 20, 'under load');
is(scalar @broken, 0, 'every answer and every stream is whole')
    or diag(@broken > 3 ? @broken[0 .. 2] : @broken);
is($t->post('/resting/v1/chat/completions', body(0))->{status}, 429,
    'what rested still rests');
is(scalar $simulator->seen($secret{rests}), 1, 'nobody has asked it again');

# ---- kills

@names = map { "kill$_" } 1 .. $clients;
@pids = map { client($_, $t->dir . '/stop2') } @names;

my $before = $t->post('/v1/chat/completions', body(0));
is($before->{status}, 200, 'requests go on');

for my $number (1 .. $kills) {
    my @workers = $t->workers;
    $t->kill_worker($workers[$number % @workers]);
}

my @answers = map { $t->post('/v1/chat/completions', body($_ % 2)) } 1 .. 8;
is(scalar(grep { $_->{status} == 200 && said($_) eq $text } @answers), 8,
    'after workers were killed requests are served as before');

$t->write_file('stop2', 'x');
waitpid $_, 0 for @pids;
@results = results(@names);
$whole = 0;
$whole += $_->{whole} for @results;
cmp_ok($whole, '>', 0, 'by all that is left');

is($t->post('/resting/v1/chat/completions', body(0))->{status}, 429,
    'no rest is forgotten');
is(scalar $simulator->seen($secret{rests}), 1, 'nor asked again');

ok($t->wait_for(sub {
    my $status = $t->get('/main.json')->{json};
    return !grep { $_->{in_flight} } @{ $status->{keys} };
}), 'no try counts as under way for ever');

$t->done;
