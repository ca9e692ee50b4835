# SPDX-License-Identifier: Apache-2.0
#
# apppool_connection.pl - one connection of one client over SCGI (README,
# "Requests"); it carries one request after another.
package Apppool::Connection;
use strict;
use warnings;
use Errno qw(EINTR);
use Socket qw(MSG_NOSIGNAL SHUT_RDWR SHUT_WR);

# A longer header is a broken sender, not a large request.
use constant MAX_HEADER => 16 << 20;

sub new {
    my ($class, $socket) = @_;
    return bless {
        socket => $socket,
        fd     => fileno $socket,
        keep   => 1,    # stays open after the request at hand
        broken => 0,    # the other side has gone away
        skip   => 0,    # bytes of the last body still to be dropped
        rest   => '',   # taken from the socket, not yet looked at
    }, $class;
}

# What each request comes with besides its variables.
my @ENVIRONMENT = (
    'psgi.version'          => [ 1, 1 ],
    'psgi.errors'           => \*STDERR,
    'psgi.multithread'      => !!0,
    'psgi.multiprocess'     => !!1,
    'psgi.run_once'         => !!0,
    'psgi.nonblocking'      => !!0,
    'psgi.streaming'        => !!1,
    'psgix.input.buffered'  => !!1,
    'psgix.harakiri'        => !!1,
    'psgix.cleanup'         => !!1,
);

# One for all requests: it keeps its memory. No captures from it, they would
# make perl give it away.
my $buffer = '';

# Takes one request: (variables, what still has to come of its body or undef);
# nothing at end of file.
sub read_request {
    my ($self) = @_;
    $buffer = $self->{rest};
    $self->{rest} = '';
    return if $buffer eq '' && !$self->receive(\$buffer);
    my ($start, $end) = $self->read_netstring(\$buffer);
    my $env = parse_header(substr $buffer, $start, $end - $start);
    my $length = $env->{CONTENT_LENGTH};
    $length =~ /\A[0-9]{1,18}\z/
        or Apppool::BadRequest->throw("bad CONTENT_LENGTH '$length'");
    my $first = substr $buffer, $end + 1;
    if (length $first < $length) {
        my $body = Apppool::Input->new($self, $first, $length);
        $env->{'psgi.input'} = $body->{handle};
        return ($env, $body);
    }
    $self->{rest} = substr $first, $length, length $first, ''
        if length $first > $length;
    open $env->{'psgi.input'}, '<', \$first or die "psgi.input: $!\n";
    return ($env, undef);
}

# (start, end) of the netstring's content in the buffer.
sub read_netstring {
    my ($self, $data) = @_;
    my $colon;
    while (($colon = index $$data, ':') < 0 && length $$data < 10) {
        $self->receive_more($data);
    }
    my $size = substr $$data, 0, $colon < 0 ? 10 : $colon;
    Apppool::BadRequest->throw('bad length of netstring')
        if $size !~ /\A[0-9]{1,8}\z/ || $size > MAX_HEADER;
    my $start = $colon + 1;
    my $end = $start + $size;
    $self->receive_more($data) while length $$data <= $end;
    Apppool::BadRequest->throw('netstring without comma')
        if substr($$data, $end, 1) ne ',';
    return ($start, $end);
}

# The variables as PSGI wants them, but for what differs with the request.
sub parse_header {
    my ($header) = @_;
    Apppool::BadRequest->throw('header does not start with CONTENT_LENGTH')
        if index($header, "CONTENT_LENGTH\0") != 0;
    my $last = chop $header;
    no warnings 'misc';     # an odd number: then the names have moved
    my $env = { split(/\0/, $header, -1), @ENVIRONMENT };
    Apppool::BadRequest->throw('a name without a value')
        if $last ne "\0" || !exists $env->{'psgix.cleanup'};
    return $env;
}

# Appends what has come to the buffer; false at end of file.
sub receive {
    my ($self, $buffer) = @_;
    while (1) {
        my $n = sysread $self->{socket}, $$buffer, Apppool::CHUNK,
            length $$buffer;
        return $n if defined $n;
        next if $! == EINTR;
        $self->{broken} = 1;
        return 0;
    }
}

sub receive_more {
    my ($self, $buffer) = @_;
    return if $self->receive($buffer);
    $self->{broken} = 1;
    Apppool::Gone->throw('the connection was closed inside a request');
}

# Drops unread body; false when the other side has closed.
sub drop_some {
    my ($self) = @_;
    my $size = $self->{skip} < Apppool::CHUNK ? $self->{skip} : Apppool::CHUNK;
    my $n = sysread($self->{socket}, my $unread, $size);
    $self->{skip} -= $n if $n;
    return $n || !defined $n && $! == EINTR;
}

sub send_bytes {
    my ($self, $data) = @_;
    while (1) {
        my $n = send $self->{socket}, $data, MSG_NOSIGNAL;
        return if defined $n && $n == length $data;
        if (defined $n) { substr $data, 0, $n, '' }
        elsif ($! != EINTR) {
            $self->{broken} = 1;
            Apppool::Gone->throw("the client has gone: $!");
        }
    }
}

# Nothing more will come; also said while forks hold copies.
sub finish_sending {
    my ($self) = @_;
    shutdown $self->{socket}, SHUT_WR;
    return;
}

sub close_both {
    my ($self) = @_;
    shutdown $self->{socket}, SHUT_RDWR;
    close $self->{socket};
    return;
}

1;
