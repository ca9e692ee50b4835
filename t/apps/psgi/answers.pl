# SPDX-License-Identifier: Apache-2.0
#
# answers.pl - the test application: one function a path, see app.psgi.
use strict;
use warnings;

# Body with a getline that asks a function for each piece; its close is noted.
package Pieces;

our @closed;

sub new {
    my ($class, $next, $name) = @_;
    return bless { next => $next, name => $name }, $class;
}

sub getline { return $_[0]{next}->() }

sub close {
    my ($self) = @_;
    push @closed, $self->{name} if defined $self->{name};
    return;
}

package Answers;
use Digest::SHA ();
use JSON::PP ();

my @forked;
Apppool::after_fork(sub { push @forked, $_[0] })
    if defined &Apppool::after_fork;

sub text {
    my ($body, @headers) = @_;
    return [ 200, [ 'Content-Type' => 'text/plain',
        'Content-Length' => length $body, @headers ], [$body] ];
}

sub plain {
    my ($body, $status) = @_;
    return [ $status // 200, [ 'Content-Type' => 'text/plain' ], $body ];
}

# Gives the pieces, then calls the function, if there is one, for more.
sub pieces {
    my ($pieces, $more) = @_;
    return Pieces->new(sub {
        return @$pieces ? shift @$pieces : $more ? $more->() : undef;
    });
}

sub json {
    return text(JSON::PP->new->canonical->ascii->encode($_[0]));
}

sub shown {
    my ($name, $value) = @_;
    return $value ? JSON::PP::true : JSON::PP::false
        if $name =~ /\Apsgi\.(?:multi|run|non|stream)/;
    return ref $value eq 'ARRAY' ? $value : ref $value || $value;
}

my %paths = (
    '/' => sub { return text("Hello, world!\n") },
    '/echo' => sub {
        my ($env) = @_;
        return json({ map { $_ => shown($_, $env->{$_}) } keys %$env });
    },
    '/digest' => sub {
        my ($env) = @_;
        my ($sha, $length) = (Digest::SHA->new(256), 0);
        while ($env->{'psgi.input'}->read(my $data, 65536)) {
            $sha->add($data);
            $length += length $data;
        }
        return text("$length " . $sha->hexdigest);
    },
    # Read twice: it can be rewound.
    '/whole' => sub {
        my ($env) = @_;
        my $input = $env->{'psgi.input'};
        my ($first, $second) = ('', '');
        1 while read $input, $first, 65536, length $first;
        $input->seek(0, 0);
        1 while $input->read($second, 10000, length $second);
        $first eq $second or die 'something else after seek';
        $input->read(my $more, 1) and die 'more after the end';
        return text($first);
    },
    '/lines' => sub {
        my $input = $_[0]{'psgi.input'};
        my @lines = scalar <$input>;
        return json([ @lines, <$input> ]);
    },
    '/ignore' => sub { return text('ignored') },
    # The input is spooled as soon as it is touched; so this one is not.
    '/half' => sub { return text('y' x 10) },
    '/pieces' => sub {
        my $n = $_[0]{QUERY_STRING};
        return plain(pieces([ map { ('', $_ % 10) } 0 .. $n - 1 ]));
    },
    '/listed' => sub { return plain([ 'several ', '', 'pieces' ]) },
    '/nothing' => sub { return plain([]) },
    '/step' => sub {
        my $fifo = $_[0]{QUERY_STRING};
        my $done;
        return plain(pieces(['first'], sub {
            return $done++ ? undef : contents($fifo);
        }));
    },
    '/block' => sub { return text(block($_[0]{QUERY_STRING})) },
    '/raise' => sub { raise_on_purpose() },
    '/raise-started' => sub {
        return plain(pieces([], sub { die 'in getline' }));
    },
    '/raise-late' => sub {
        return plain(pieces(['before'], sub { die 'raised late' }));
    },
    '/exit' => sub { exit 3 },
    '/longer' => sub { return [ 200, [ 'Content-Length' => 10 ], ['12345'] ] },
    '/shorter' => sub {
        return [ 200, [ 'Content-Length' => 5 ], pieces([qw(123 4567 89)]) ];
    },
    '/status' => sub {
        my ($status) = $_[0]{QUERY_STRING} =~ /(\d+)/;
        return plain(['the body'], $status);
    },
    '/headers' => sub {
        return text('', 'Set-Cookie' => 'a=1', 'Set-Cookie' => 'b=2',
            'X-Odd' => "caf\xe9", 'X-Empty' => '');
    },
    '/bad-header' => sub {
        my %bad = ('crlf' => [ 'X-A' => "b\r\nX-C: d" ],
            'lf' => [ 'X-A' => "b\nX-C: d" ], 'nul' => [ 'X-A' => "b\0" ],
            'name' => [ 'X A' => 'b' ],
            'name-crlf' => [ "X-A: b\r\nX-C" => 'd' ]);
        return text('', @{ $bad{ $_[0]{QUERY_STRING} } });
    },
    '/big' => sub {
        my $left = $_[0]{QUERY_STRING};
        my $piece = 'x' x (1 << 20);
        return plain(pieces([], sub { return $left-- > 0 ? $piece : undef }));
    },
    '/file' => sub {
        open my $file, '<', $_[0]{QUERY_STRING} or die "open: $!";
        return plain($file);
    },
    '/closing' => sub {
        my @left = qw(a b);
        return plain(Pieces->new(sub { shift @left }, $_[0]{QUERY_STRING}));
    },
    '/closed' => sub { return text("@Pieces::closed") },
    '/pid' => sub { return text($$) },
    '/number' => sub { return text(rand) },
    '/orphan' => sub {
        my $child = fork // die "fork: $!";
        if (!$child) { sleep 60 while 1 }
        kill TERM => $child;
        waitpid $child, 0;
        return text($? & 127);
    },
    # A fork that dies through us must not answer in our place.
    '/fork-raises' => sub {
        my $child = fork // die "fork: $!";
        die 'raised in the fork' if !$child;
        waitpid $child, 0;
        return text($?);
    },
    '/error' => sub {
        $_[0]{'psgi.errors'}->print("to errors\n");
        print "to stdout\n";
        return text('said');
    },
    '/stream' => sub {
        return sub {
            my $writer = $_[0]->([ 200, [ 'Content-Type' => 'text/plain' ] ]);
            $writer->write($_) for 'one ', 'two ', 'three';
            $writer->close;
        };
    },
    '/delayed' => sub {
        return sub { $_[0]->(plain([ 'in ', 'time' ])) };
    },
    '/forked' => sub { return text("@forked") },
);

sub contents {
    my ($path) = @_;
    open my $file, '<', $path or die "open: $!";
    return join '', <$file>;
}

# Has a name that a backtrace shows.
sub block { return contents($_[0]) }

sub raise_on_purpose { die "raised on purpose\n" }

sub application {
    return sub {
        my ($env) = @_;
        return ($paths{ $env->{PATH_INFO} } // $paths{'/echo'})->($env);
    };
}

1;
