# Under steady load: two hundred reloads, and workers killed again and again.
# Every stream ends whole, nothing stays locked, no rest is forgotten.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use GeminiTest;
use GeminiTest::Load;

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

# What a client does, again and again: '' when the answer is whole.
sub once {
    my ($turn) = @_;

    my $streams = $turn % 3 != 0;
    my $r = $t->post('/v1/chat/completions', body($streams), deadline => 30);

    return ($r->{status} // 0) == 200 && $r->{complete} && said($r) eq $text
        && (!$streams || $r->{body} =~ /data: \[DONE\]\n\n\z/)
        ? '' : $r->{raw} || 'no answer';
}

my $first = $t->post('/resting/v1/chat/completions', body(0));
is($first->{status}, 429, 'a key rests');

# ---- reloads

my $load = GeminiTest::Load->start($t, $clients, \&once);
my $done = 0;

for my $number (1 .. $reloads) {
    ++$done if $t->reload($number % 2 ? $conf : "# $number\n$conf");
}

is($done, $reloads, 'two hundred reloads');
my ($whole, @broken) = $load->finish;

cmp_ok($whole, '>', 20, 'under load');
is(scalar @broken, 0, 'every answer and every stream is whole')
    or diag(@broken > 3 ? @broken[0 .. 2] : @broken);
is($t->post('/resting/v1/chat/completions', body(0))->{status}, 429,
    'what rested still rests');
is(scalar $simulator->seen($secret{rests}), 1, 'nobody has asked it again');

# ---- kills

$load = GeminiTest::Load->start($t, $clients, \&once);

my $before = $t->post('/v1/chat/completions', body(0));
is($before->{status}, 200, 'requests go on');

for my $number (1 .. $kills) {
    my @workers = $t->workers;
    $t->kill_worker($workers[$number % @workers]);
}

my @answers = map { $t->post('/v1/chat/completions', body($_ % 2)) } 1 .. 8;
is(scalar(grep { $_->{status} == 200 && said($_) eq $text } @answers), 8,
    'after workers were killed requests are served as before');

# What a killed worker had begun is lost with it; all else is whole.
($whole, @broken) = $load->finish;
cmp_ok($whole, '>', 0, 'by all that is left');

is($t->post('/resting/v1/chat/completions', body(0))->{status}, 429,
    'no rest is forgotten');
is(scalar $simulator->seen($secret{rests}), 1, 'nor asked again');

ok($t->wait_for(sub {
    my $status = $t->get('/main.json')->{json};
    return !grep { $_->{in_flight} } @{ $status->{keys} };
}), 'no try counts as under way for ever');

$t->done;
