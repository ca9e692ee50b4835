# SPDX-License-Identifier: Apache-2.0
#
# apppool_response.pl - sends what a PSGI application answers, framed as the
# README says.
use strict;
use warnings;

package Apppool::Response;
use IO::Handle ();
use Scalar::Util qw(blessed reftype);

my %is_name;    # headers' names that were looked at

sub new {
    my ($class, $connection, $env) = @_;
    return bless {
        connection => $connection,
        framed     => $connection->{keep},
        is_head    => $env->{REQUEST_METHOD} eq 'HEAD',
        head       => undef,    # header lines
        left       => undef,    # body bytes still to come, where known
        begun      => 0,        # the header has been sent
    }, $class;
}

# What the application returned: a response, or a callback for one.
sub answer {
    my ($self, $result) = @_;
    return $self->send_response($result) if ref $result eq 'ARRAY';
    (reftype($result) // '') eq 'CODE'
        or die "The application must return an array or a code reference,"
        . " not '" . ($result // 'undef') . "'.\n";
    $result->(sub { return $self->respond(@_) });
    $self->{head} // die "The application's callback sent no response.\n";
    return $self->end if !$self->{ended};
    return;
}

# psgi.streaming: called back with a response, or one without a body.
sub respond {
    my ($self, $response) = @_;
    die "A second response was given to the callback.\n" if $self->{begun};
    return $self->send_response($response) if @$response > 2;
    $self->set_head(@$response);
    # Most want to be seen at once, whenever the first piece comes.
    $self->send_parts($self->begin(undef));
    return bless { response => $self }, 'Apppool::Writer';
}

sub send_response {
    my ($self, $response) = @_;
    my ($status, $headers, $body) = @$response;
    $self->set_head($status, $headers);
    my $type = ref $body;
    return $self->send_array($body) if $type eq 'ARRAY';
    $type or die "The body must be an array or a handle.\n";
    my $handle_size = $self->{bodyless} ? undef : size_of_file($body);
    if ($self->{bodyless}) { $self->end }
    elsif (defined $handle_size) { $self->send_file($body, $handle_size) }
    else { $self->send_lines($body) }
    blessed($body) || $type ne 'GLOB' ? $body->close : close $body;
    return;
}

sub set_head {
    my ($self, $status, $headers) = @_;
    $status =~ /\A[1-9][0-9][0-9]\b/
        or die "The status must be like 200, not '$status'.\n";
    my ($text, $length) = ("Status: $status\r\n");
    for (my $i = 0; $i < @$headers; $i += 2) {
        my ($name, $value) = ($headers->[$i], $headers->[ $i + 1 ] // '');
        $is_name{$name} //= check_name($name);
        $text .= "$name: $value\r\n";
        $length = content_length($value, $length)
            if length $name == 14 && lc $name eq 'content-length';
    }
    # Two a line, or it is more than one.
    $text =~ tr/\r\n\0// == 2 + @$headers
        or die 'Illegal byte in the header: ' . printable($text) . "\n";
    utf8::downgrade($text, 1) or die "Wide character in the header.\n";
    $self->{has_entity} = $status !~ /\A(?:204|304)\b/;
    $self->{bodyless} = $self->{is_head} || !$self->{has_entity};
    @$self{qw(head length)} = ($text, $length);
    return;
}

sub content_length {
    my ($value, $before) = @_;
    $value =~ /\A[0-9]+\z/ or die "Content-Length is '$value'.\n";
    die "Two different values of Content-Length.\n"
        if defined $before && $before != $value;
    return $value;
}

sub check_name {
    my ($name) = @_;
    $name =~ /\A[!#\$%&'*+\-.^_`|~0-9A-Za-z]+\z/
        or die "Illegal name of a header: '" . printable($name) . "'\n";
    %is_name = () if keys %is_name > 500;
    return 1;
}

sub printable {
    my ($text) = @_;
    $text =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ge;
    return $text;
}

sub send_error {
    my ($self) = @_;
    my $text = "Internal Server Error\n";
    return $self->send_response([ 500,
        [ 'Content-Type' => 'text/plain', 'Content-Length' => length $text ],
        [$text] ]);
}

# All pieces are at hand: the frame needs no chunks, one send does.
sub send_array {
    my ($self, $pieces) = @_;
    if ($self->{bodyless}) {
        $self->say_length($pieces);
        return $self->end;
    }
    my $body = @$pieces == 1 ? $pieces->[0] // '' : join '', @$pieces;
    as_bytes($body) if utf8::is_utf8($body);
    my $head = $self->begin(length $body);
    $self->send_parts($head, $self->body_part($body));
    return $self->end if $self->{left};     # says what is missing
    $self->{ended} = 1;
    return;
}

# httpd counts what GET answers; what HEAD leaves out it cannot.
sub say_length {
    my ($self, $pieces) = @_;
    my $size = 0;
    $size += length for @$pieces;
    $self->{head} .= "Content-Length: $size\r\n"
        if $size && $self->{has_entity} && !defined $self->{length};
    return;
}

# What getline gives, each piece as it comes.
sub send_lines {
    my ($self, $body) = @_;
    local $/ = \65536;
    while (defined(my $line = $body->getline)) {
        $self->write($line);
    }
    return $self->end;
}

# Sends one piece of body.
sub write {
    my ($self, $piece) = @_;
    die "write after the end of the response\n" if $self->{ended};
    return if !defined $piece || $piece eq '';
    as_bytes($piece);
    my $head = $self->{begun} ? '' : $self->begin(undef);
    return $self->send_parts($head, $self->body_part($piece));
}

# In place.
sub as_bytes {
    utf8::downgrade($_[0], 1)
        or die "Wide character in the body: it must be encoded.\n";
    return;
}

# Decides on the frame; returns the complete header.
# size: of the body, if known by other means than Content-Length.
sub begin {
    my ($self, $size) = @_;
    $self->{begun} = 1;
    $self->{left} = $self->{bodyless} ? 0 : $self->{length} // $size;
    return "$self->{head}\r\n" if !$self->{framed};
    return "$self->{head}X-Apppool-Frame: $self->{left}\r\n\r\n"
        if defined $self->{left};
    $self->{chunked} = 1;
    return "$self->{head}X-Apppool-Frame: chunked\r\n\r\n";
}

# A piece of body as it is sent: in a chunk, or cut to what is left.
sub body_part {
    my ($self, $piece) = @_;
    return sprintf("%x\r\n", length $piece) . $piece . "\r\n"
        if $self->{chunked};
    return $piece if !defined $self->{left};
    $piece = substr $piece, 0, $self->{left} if length $piece > $self->{left};
    $self->{left} -= length $piece;
    return $piece;
}

sub send_parts {
    my ($self, $head, $body) = @_;
    my $connection = $self->{connection};
    $body //= '';
    if (length $body <= Apppool::CHUNK) { $head .= $body; $body = '' }
    $connection->send_bytes($head) if $head ne '';
    $connection->send_bytes($body) if $body ne '';
    return;
}

# How much a handle on a file has left to give; undef for anything else, also
# where a layer or a class of its own makes something else of the file's bytes.
sub size_of_file {
    my ($body) = @_;
    return if (reftype($body) // '') ne 'GLOB' || tied *$body;
    return if blessed $body
        && $body->can('getline') != IO::Handle->can('getline');
    my $fd = fileno $body;
    return if !defined $fd || $fd < 0 || !-f $body;
    return if join(' ', PerlIO::get_layers($body)) ne 'unix perlio';
    my $left = (-s _) - tell $body;
    return $left > 0 ? $left : undef;
}

sub send_file {
    my ($self, $file, $left) = @_;
    my $part = $self->begin($left);
    $left = $self->{left} if defined $self->{left} && $self->{left} < $left;
    sysseek $file, tell $file, 0 or die "The body's file: $!\n";
    while ($left) {
        my $size = $left < Apppool::CHUNK ? $left : Apppool::CHUNK;
        my $n = sysread($file, my $data, $size);
        defined $n or die "The body's file: $!\n";
        last if !$n;
        $left -= $n;
        $self->send_parts($part, $self->body_part($data));
        $part = '';
    }
    $self->send_parts($part);
    return $self->end;
}

sub end {
    my ($self) = @_;
    my $last = $self->{begun} ? '' : $self->begin(0);
    if ($self->{chunked}) { $last .= "0\r\n\r\n" }
    elsif ($self->{left}) {
        Apppool::log_text("psgi_loader: the response is $self->{left} bytes "
            . "shorter than its Content-Length\n");
        $self->{connection}{keep} = 0;
    }
    $self->{connection}->send_bytes($last) if $last ne '';
    $self->{ended} = 1;
    return;
}

# What a callback writes its body to.
package Apppool::Writer;

sub write {
    my ($self, $piece) = @_;
    $self->{response}->write($piece);
    return 1;
}

sub close {
    my ($self) = @_;
    $self->{response}->end if !$self->{response}{ended};
    return;
}

1;
