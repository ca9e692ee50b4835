# SPDX-License-Identifier: Apache-2.0
#
# The PSGI application that most tests ask: its first path segment says what to
# do, see ../README. With PROBE_LINT set everything goes through Plack's lint.
use strict;
use warnings;

# A body whose getline asks a function for each piece.
package Pieces;

sub new {
    my ($class, $next) = @_;
    return bless { next => $next }, $class;
}

sub getline { return $_[0]{next}->() }
sub close { return }

package Probe;
use Cwd qw(getcwd);
use Digest::SHA ();
use JSON::PP ();
use POSIX ();

use constant PIECE => 65536;
my @PLAIN = ('Content-Type' => 'text/plain');
my @BINARY = ('Content-Type' => 'application/octet-stream');
my %ACTIONS;

# -- what came -----------------------------------------------------------------

$ACTIONS{actions} = sub { return json([ sort keys %ACTIONS ]) };

$ACTIONS{env} = sub {
    my ($env) = @_;
    return json({ map { $_ => shown($_, $env->{$_}) } keys %$env });
};

# References as their type's name; psgi's truths as JSON's.
sub shown {
    my ($name, $value) = @_;
    return ref $value if ref $value;
    return $name =~ /\Apsgix?\.(?!url)/ ? $value ? \1 : \0 : clean($value);
}

$ACTIONS{echo} = sub { return plain(read_all($_[0])) };

# All that comes up to the end, in pieces where a function is given.
sub read_all {
    my ($env, $on_piece) = @_;
    my $all = '';
    while ($env->{'psgi.input'}->read(my $piece, PIECE)) {
        if ($on_piece) { $on_piece->($piece) }
        else { $all .= $piece }
    }
    return $all;
}

$ACTIONS{digest} = sub {
    my ($env) = @_;
    my ($sha, $length) = (Digest::SHA->new(256), 0);
    read_all($env, sub { $sha->add($_[0]); $length += length $_[0] });
    $env->{'psgi.input'}->read(my $more, 1);
    return json({ length => $length, sha256 => $sha->hexdigest,
        content_length => $env->{CONTENT_LENGTH}, past_the_end => $more });
};

$ACTIONS{rewind} = sub {
    my ($env) = @_;
    my $first = read_all($env);
    $env->{'psgi.input'}->seek(0, 0);
    return plain($first eq read_all($env) ? 'true' : 'false');
};

$ACTIONS{relay} = sub {
    my ($env) = @_;
    return pieces(@BINARY, sub {
        my $n = $env->{'psgi.input'}->read(my $piece, PIECE);
        return $n ? $piece : undef;
    });
};

$ACTIONS{early} = sub {
    my ($env, $count) = @_;
    my ($xs, $ended) = (xs($count));
    return pieces(@PLAIN, sub {
        return if $ended;
        my $piece = $xs->();
        return $piece if defined $piece;
        $ended = 1;
        return "\nread " . body_length($env);
    });
};

sub body_length {
    my ($env) = @_;
    my $length = 0;
    read_all($env, sub { $length += length $_[0] });
    return $length;
}

$ACTIONS{part} = sub {
    my ($env, $count) = @_;
    $env->{'psgi.input'}->read(my $part, $count);
    return plain("part $count");
};

$ACTIONS{mark} = sub {
    my ($env, $name) = @_;
    my $length = body_length($env);
    put('>', $name, $length);
    return plain('marked');
};

$ACTIONS{line} = sub {
    put('>>', 'lines', "$_[1]\n");
    return plain('noted');
};

sub put {
    my ($mode, $name, $text) = @_;
    open my $file, $mode, $name or die "$name: $!";
    print $file $text;
    close $file or die "$name: $!";
    return;
}

$ACTIONS{ignore} = sub { return plain('ignored') };

# -- headers -------------------------------------------------------------------

$ACTIONS{status} = sub {
    my ($status) = $_[1] =~ /\A(\d+)/;
    return [ $status, [], [] ] if $status == 204 || $status == 304;
    return [ $status, [@PLAIN], ["own body\n"] ];
};

$ACTIONS{bodyful} = sub {
    my ($status) = $_[1] =~ /\A(\d+)/;
    return [ $status, [ @PLAIN, 'Content-Length' => 9, ETag => '"x"' ],
        ['forbidden'] ];
};

$ACTIONS{reply} = sub {
    my (undef, $code, $headers, $body) = @_;
    my @fields = map { split /\x1f/, $_, 2 } split /\x1e/, of_hex($headers);
    return [ $code, \@fields, [ of_hex($body) ] ];
};

sub of_hex { return $_[0] eq '-' ? '' : pack 'H*', $_[0] }

$ACTIONS{headers} = sub {
    return [ 200, [ @PLAIN, 'Set-Cookie' => 'a=1; Path=/',
        'Set-Cookie' => 'b=2, still b', Link => '</a>; rel=preload',
        Link => '</b>; rel=preload', 'X-Bytes' => "caf\xe9",
        Date => 'Thu, 01 Jan 1970 00:00:00 GMT' ], ['ok'] ];
};

$ACTIONS{location} = sub {
    my ($status) = $_[1] =~ /\A(\d+)/;
    return [ $status, [ Location => '/env/elsewhere', @PLAIN ],
        ['look there'] ];
};

$ACTIONS{many} = sub {
    my (undef, $count, $size) = @_;
    return [ 200, [ @PLAIN,
        map { ("X-Many-$_" => 'm' x $size) } 0 .. $count - 1 ], ['many'] ];
};

$ACTIONS{sendfile} = sub {
    return [ 200, [ @PLAIN, 'X-Sendfile' => getcwd() . "/$_[1]" ],
        ['not this'] ];
};

# -- bodies --------------------------------------------------------------------

$ACTIONS{size} = sub { return pieces(@BINARY, xs($_[1])) };

sub xs {
    my ($left) = @_;
    return sub {
        return if $left <= 0;
        my $size = $left < PIECE ? $left : PIECE;
        $left -= $size;
        return 'x' x $size;
    };
}

$ACTIONS{length} = sub {
    my (undef, $left) = @_;
    my $block = pack('C*', 0 .. 250) x 256;
    return pieces(@BINARY, 'Content-Length' => $left, sub {
        return if $left <= 0;
        my $piece = substr $block, 0, $left;
        $left -= length $piece;
        return $piece;
    });
};

$ACTIONS{sized} = sub {
    my (undef, $claimed, $real) = @_;
    return [ 200, [ @PLAIN, 'Content-Length' => $claimed ], [ 'x' x $real ] ];
};

$ACTIONS{trickle} = sub {
    my (undef, $count, $pause) = @_;
    return pieces(@PLAIN, slowly("piece %d\n", $count, $pause));
};

$ACTIONS{sse} = sub {
    my (undef, $count, $pause) = @_;
    return pieces('Content-Type' => 'text/event-stream',
        slowly("data: %d\n\n", $count, $pause));
};

sub slowly {
    my ($format, $count, $pause) = @_;
    my $number = 0;
    return sub {
        pause($pause) if $number;
        return $number < $count ? sprintf $format, $number++ : undef;
    };
}

sub pause {
    my ($seconds) = @_;
    select undef, undef, undef, $seconds;
    return;
}

# By a writer, where the others use handles.
$ACTIONS{quiet} = sub {
    my (undef, $seconds) = @_;
    return sub {
        my $writer = $_[0]->([ 200, [@PLAIN] ]);
        $writer->write("begin\n");
        pause($seconds);
        $writer->write("end\n");
        $writer->close;
    };
};

# -- time and failure ----------------------------------------------------------

$ACTIONS{pid} = sub { return plain($$) };

$ACTIONS{sleep} = sub {
    pause($_[1]);
    return plain($$);
};

$ACTIONS{hold} = sub {
    my ($env, $name) = @_;
    put('>', "$name.waits.$$." . ($env + 0), '');
    pause(0.01) until -e $name;
    return plain($$);
};

$ACTIONS{boom} = sub { die "boom before the header\n" };

$ACTIONS{'late-boom'} = sub {
    return late(sub { die "boom in mid-body\n" });
};

$ACTIONS{gone} = sub { POSIX::_exit(7) };

$ACTIONS{'late-gone'} = sub {
    return late(sub { pause(0.1); POSIX::_exit(7) });
};

sub late {
    my ($then) = @_;
    my $xs = xs(100000);
    return pieces(@PLAIN, sub { return $xs->() // $then->() });
}

my @eaten;

$ACTIONS{eat} = sub {
    my ($env, $mib) = @_;
    push @eaten, 'x' x ($mib << 20);
    return $ACTIONS{pid}->($env);
};

$ACTIONS{killed} = sub {
    kill KILL => $$;
    pause(60);
};

$ACTIONS{'gone-once'} = sub {
    my (undef, $name) = @_;
    put('>>', $name, "asked\n");
    open my $file, '<', $name or die "$name: $!";
    my $lines = () = <$file>;
    POSIX::_exit(7) if $lines == 1;
    return plain($lines);
};

$ACTIONS{fork} = sub {
    my $child = fork // die "fork: $!";
    if (!$child) {
        $SIG{HUP} = 'IGNORE';
        sleep 600;
        POSIX::_exit(0);
    }
    return plain($child);
};

# -- the process ---------------------------------------------------------------

$ACTIONS{say} = sub {
    my ($env) = @_;
    print "said on stdout\n";
    print {*STDERR} "said on stderr\n";
    $env->{'psgi.errors'}->print("said on psgi.errors\n");
    return plain('said');
};

$ACTIONS{inside} = sub {
    my $umask = umask;
    my ($gid, @gids) = split / /, $);
    my %groups = map { $_ => 1 } @gids;
    return json({ pid => $$, uids => [ $< + 0, $> + 0 ],
        gids => [ (split / /, $()[0] + 0, $gid + 0 ],
        cwd => getcwd(), groups => [ sort { $a <=> $b } map { $_ + 0 }
            keys %groups ], environ => {%ENV}, umask => $umask,
        sid => sid(), argv => [ $0, @ARGV ],
        stdin => readlink '/proc/self/fd/0' });
};

sub sid {
    open my $stat, '<', '/proc/self/stat' or die "stat: $!";
    return (split / /, (<$stat> =~ /.*\) (.*)/)[0])[3] + 0;
}

# -- choosing ------------------------------------------------------------------

sub plain {
    my ($body) = @_;
    return [ 200, [ @PLAIN, 'Content-Length' => length $body ], [$body] ];
}

sub pieces {
    my $next = pop;
    return [ 200, [@_], Pieces->new($next) ];
}

sub json { return plain(JSON::PP->new->utf8->encode($_[0])) }

# Bytes that are no UTF-8 are shown as latin-1.
sub clean {
    my ($text) = @_;
    utf8::decode($text);
    return $text;
}

sub application {
    my ($env) = @_;
    my (undef, $name, @arguments) = split m{/}, $env->{PATH_INFO};
    my $action = $ACTIONS{ $name // '' } // $ACTIONS{env};
    return $action->($env, @arguments);
}

package main;
my $application = \&Probe::application;
if ($ENV{PROBE_LINT}) {
    require Plack::Middleware::Lint;
    $application = Plack::Middleware::Lint->wrap($application);
}
$application;
