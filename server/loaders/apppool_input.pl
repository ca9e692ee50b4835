# SPDX-License-Identifier: Apache-2.0
#
# apppool_input.pl - psgi.input for a body that has not come with its header.
#
# A tied handle that becomes a real one, in memory or on a file without a name,
# when the application first touches it. Never reads past CONTENT_LENGTH; a body
# that breaks off dies, it must not look complete.
package Apppool::Input;
use strict;
use warnings;
use IO::File ();

sub new {
    my ($class, $connection, $first, $length) = @_;
    my $handle = IO::File->new;
    my $self = bless {
        handle     => $handle,
        connection => $connection,
        first      => $first,
        length     => $length,
    }, $class;
    tie *$handle, $class, $self;
    return $self;
}

sub TIEHANDLE { return $_[1] }

# Gives nothing more; returns how much the socket still holds.
sub end {
    my ($self) = @_;
    return 0 if !$self->{connection};
    untie *{ $self->{handle} };
    $self->{connection} = undef;
    return $self->{length} - length $self->{first};
}

# The handle with the whole body behind it.
sub real {
    my ($self) = @_;
    my ($handle, $connection) = @$self{qw(handle connection)};
    Apppool::Gone->throw('the body was cut off') if $connection->{broken};
    my $in_memory = $self->{length} <= Apppool::CHUNK;
    $in_memory ? $self->spool_in_memory : $self->spool_in_file;
    $self->{connection} = undef;
    no warnings 'untie';    # perl itself is still in a method of ours
    untie *$handle;
    open $handle, '<' . ($in_memory ? '' : '&='),
        $in_memory ? \$self->{first} : $self->{file}
        or die "psgi.input: $!\n";
    return $handle;
}

sub spool_in_memory {
    my ($self) = @_;
    $self->{connection}->receive_more(\$self->{first})
        while length $self->{first} < $self->{length};
    return;
}

sub spool_in_file {
    my ($self) = @_;
    open $self->{file}, '+>', undef
        or die "a temporary file for the request's body: $!\n";
    my ($data, $left) = ($self->{first}, $self->{length});
    while (1) {
        $left -= length $data;
        print { $self->{file} } $data or die "psgi.input: $!\n";
        last if !$left;
        $data = '';
        $self->{connection}->receive_more(\$data);
    }
    seek $self->{file}, 0, 0 or die "psgi.input: $!\n";
    return;
}

sub READ { my $self = shift; return read $self->real, $_[0], $_[1], $_[2] // 0 }
sub READLINE { my $handle = $_[0]->real; return readline $handle }
sub GETC     { return getc $_[0]->real }
sub EOF      { return eof $_[0]->real }
sub TELL     { return 0 }
sub SEEK     { return seek $_[0]->real, $_[1], $_[2] }
sub FILENO   { return fileno $_[0]->real }
sub BINMODE  { return binmode $_[0]->real, $_[1] // ':raw' }
sub CLOSE    { return 1 }       # what has not been read is dropped afterwards

1;
