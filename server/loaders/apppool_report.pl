# SPDX-License-Identifier: Apache-2.0
#
# apppool_report.pl - the socket over which the pool hears how the start went.
package Apppool::Report;
use strict;
use warnings;
use Fcntl qw(F_SETFD FD_CLOEXEC);
use Socket qw(MSG_DONTWAIT MSG_NOSIGNAL MSG_PEEK);

use constant MAX_PACKET => 8000;    # README

sub new {
    my ($class, $fd) = @_;
    return bless { socket => open_inherited($fd) }, $class;
}

# A handle for a descriptor of the pool's, which no program inherits.
sub open_inherited {
    my ($fd) = @_;
    open my $handle, '+<&=', $fd or die "descriptor $fd: $!\n";
    fcntl $handle, F_SETFD, FD_CLOEXEC or die "fcntl: $!\n";
    return $handle;
}

sub fd { return fileno $_[0]{socket} }

sub ready {
    my ($self, $slot) = @_;
    return $self->packet(defined $slot ? "READY $slot" : 'READY');
}

sub failed {
    my ($self, $slot, $reason) = @_;
    return $self->packet("FAILED $slot $reason");
}

sub error {
    my ($self, $text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    my $step = MAX_PACKET - length 'ERROR ';
    for (my $at = 0; $at < length $text; $at += $step) {
        $self->packet('ERROR ' . substr $text, $at, $step);
    }
    return;
}

sub packet {
    my ($self, $text) = @_;
    my $data = substr $text, 0, MAX_PACKET;
    defined send $self->{socket}, $data, MSG_NOSIGNAL
        or Apppool::log_text("psgi_loader: no pool to report to ($!): $text\n");
    return;
}

# The next message, undef when the pool is gone or `leaving` became true.
sub receive {
    my ($self, $leaving) = @_;
    until ($$leaving) {
        my $readable = '';
        vec($readable, $self->fd, 1) = 1;
        next if select($readable, undef, undef, Apppool::IDLE_S) <= 0;
        my $n = sysread $self->{socket}, my $message, MAX_PACKET;
        return $n ? $message : undef;
    }
    return;
}

# Whether the pool is gone. A message for the preloader is not for us, and
# nothing but a look into the queue tells the two apart here.
sub has_hung_up {
    my ($self) = @_;
    my $found = recv $self->{socket}, my $data, 1, MSG_PEEK | MSG_DONTWAIT;
    return defined $found ? $data eq '' : !$!{EAGAIN};
}

1;
