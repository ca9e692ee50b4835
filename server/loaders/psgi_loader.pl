# SPDX-License-Identifier: Apache-2.0
#
# psgi_loader.pl - runs a PSGI application (PSGI 1.1) for the pool.
#
# What the pool expects of a loader (command line, report socket, requests,
# signals) is in the README beside this file. Perl 5.30 or later, core modules
# only; Plack is there if the application loads it. PERL5LIB is perl's own
# affair; modules below ROOT/local/lib/perl5 (Carton, cpanm -L local) are found
# without being asked for.
#
# The application is what the startup file returns, a code reference. One
# request at a time: perl's threads copy the whole interpreter, so --threads is
# an error here; PoolMaxPerApp gives more processes.
#
# Fork hook (smart spawning), for the startup file or what it loads. It runs in
# each new serving process before its first request, with the slot's number:
#
#     Apppool::after_fork(sub { $dbh = connect_database() })
#         if defined &Apppool::after_fork;
#
# rand() is seeded anew without being asked. Connections and files that loading
# left open are warned of in the log. DBI handles opened earlier must be
# opened anew there; DBIx::Connector and DBIx::Class do so by themselves.
#
# How a request runs: Server waits (select) for a Connection to become readable,
# read_request takes one request from it, Response sends what the application
# answers: three system calls. Signals set flags or write to the log, perl
# delivers them between two operations.
use strict;
use warnings;

# What an application may call.
package Apppool;
use Carp ();
use Errno ();
use POSIX ();

use constant {
    CHUNK      => 65536,     # of one read; up to where pieces are joined
    MAX_HEADER => 16 << 20,  # beyond it is a broken sender, no large request
    MAX_PACKET => 8000,      # on the report socket (README)
    # A signal that comes in the instant between a look at the flag and select()
    # is seen when that returns: soon after a request, and once in a while.
    SOON_S     => 1,
    IDLE_S     => 30,
    # For a request that runs when the pool is gone; the pool gives as much.
    LAST_REQUEST_S => 5,
};

my @after_fork;

# Registers what has to be done in each process forked from a preloader.
sub after_fork {
    my ($hook) = @_;
    push @after_fork, $hook;
    return;
}

sub run_fork_hooks {
    my ($slot) = @_;
    $_->($slot) for @after_fork;
    return;
}

# Writes to the log in one piece, whatever became of STDERR.
sub log_text {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    POSIX::write(2, $text, length $text);
    return;
}

# Where the process is just now (SIGABRT).
sub log_backtrace {
    log_text("psgi_loader: backtraces of process $$\n"
        . Carp::longmess('SIGABRT'));
    return;
}

# --- exit() and die() -------------------------------------------------------

# exit() in a request or while loading ends that, not the process; eval catches
# it, as under mod_perl. A process that the application forked does exit.
package Apppool::Exit;
use overload '""' => sub { "SystemExit: exit($_[0]{code}) was called\n" },
    fallback => 1;

our $guarded_pid = 0;   # whose exits are caught

sub call (;$) {
    my $code = @_ ? $_[0] : 0;
    CORE::exit($code) if $$ != $guarded_pid;
    die bless { code => $code }, __PACKAGE__;
}

BEGIN { no warnings 'once'; *CORE::GLOBAL::exit = \&call }

# The other side has closed the connection in the middle.
package Apppool::Gone;
use overload '""' => sub { "$_[0]{text}\n" }, fallback => 1;

sub throw {
    my ($class, $text) = @_;
    die bless { text => $text }, $class;
}

# What came over the connection is not an SCGI request.
package Apppool::BadRequest;
our @ISA = ('Apppool::Gone');

# The calls that led to an exception which nobody but us catches.
package Apppool::Stack;

our $calls = '';

# As $SIG{__DIE__}: goes up as far as the eval that will catch it.
sub note {
    my ($depth, $text, $called) = (1, '', '');
    while (my ($package, $file, $line, $sub, undef, undef, undef, $is_require)
        = caller $depth++) {
        last if $file eq __FILE__;
        # BEGIN blocks run in an eval that passes on.
        return if $sub eq '(eval)' && !$is_require && $called !~ /::BEGIN\z/;
        $text .= "    $sub called at $file line $line\n" if $sub ne '(eval)';
        $called = $sub;
    }
    $calls = $text;
    return;
}

# --- The pool ---------------------------------------------------------------

# The socket over which the pool hears how the start went.
package Apppool::Report;
use Socket qw(MSG_DONTWAIT MSG_NOSIGNAL MSG_PEEK);

sub new {
    my ($class, $fd) = @_;
    return bless { socket => Apppool::Start::open_inherited($fd) }, $class;
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
    my $step = Apppool::MAX_PACKET - length 'ERROR ';
    for (my $at = 0; $at < length $text; $at += $step) {
        $self->packet('ERROR ' . substr $text, $at, $step);
    }
    return;
}

sub packet {
    my ($self, $text) = @_;
    my $data = substr $text, 0, Apppool::MAX_PACKET;
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
        my $n = sysread $self->{socket}, my $message, Apppool::MAX_PACKET;
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

# --- One request ------------------------------------------------------------

# One connection of one client; it carries one request after another.
package Apppool::Connection;
use Errno qw(EINTR);
use Socket qw(MSG_NOSIGNAL SHUT_RDWR SHUT_WR);

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
        if $size !~ /\A[0-9]{1,8}\z/ || $size > Apppool::MAX_HEADER;
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

# psgi.input for a body that has not arrived with its header: a tied handle that
# becomes a real one, in memory or on a file without a name, when the
# application first touches it. Never reads past CONTENT_LENGTH; a body that
# breaks off dies, it must not look complete.
package Apppool::Input;
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

# --- One response -----------------------------------------------------------

# Sends what the application answers, framed as the README says.
package Apppool::Response;
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
    $self->{bodyless} = $self->{is_head} || $status =~ /\A(?:204|304)\b/;
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
    return $self->end if $self->{bodyless};
    my $body = @$pieces == 1 ? $pieces->[0] // '' : join '', @$pieces;
    as_bytes($body) if utf8::is_utf8($body);
    my $head = $self->begin(length $body);
    $self->send_parts($head, $self->body_part($body));
    return $self->end if $self->{left};     # says what is missing
    $self->{ended} = 1;
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

# --- Serving ----------------------------------------------------------------

# Serves one request at a time until SIGTERM or the pool's end.
package Apppool::Server;
use Errno qw(EMFILE);
use Fcntl qw(F_SETFL O_NONBLOCK);

sub new {
    my ($class, $application, $listener, $report) = @_;
    my $self = bless {
        application => $application,
        listener    => $listener,
        report      => $report,
        connections => {},      # by descriptor
        wanted      => '',      # bits of all that select() waits for
        patience    => Apppool::SOON_S,     # how long it waits
        pid         => $$,
        stopping    => 0,
    }, $class;
    open $self->{spare}, '<', '/dev/null' or die "/dev/null: $!\n";
    $self->want($_, 1) for fileno $listener, $report->fd;
    return $self;
}

sub want {
    my ($self, $fd, $bit) = @_;
    vec($self->{wanted}, $fd, 1) = $bit;
    return;
}

sub run {
    my ($self, $ready) = @_;
    fcntl $self->{listener}, F_SETFL, O_NONBLOCK or die "fcntl: $!\n";
    $self->take_signals;
    $ready->();
    my $report_fd = $self->{report}->fd;
    until ($self->{stopping}) {
        my $found = select(my $readable = $self->{wanted}, undef, undef,
            $self->{patience});
        $self->{patience} = $found > 0 ? Apppool::SOON_S : Apppool::IDLE_S;
        vec($self->{wanted}, $report_fd, 1) = 1;
        $self->attend($readable) if $found > 0;
    }
    $self->drop($_) for values %{ $self->{connections} };
    return;
}

# A process that the application forks has the handler too, but it must not end
# the server that it comes from.
sub take_signals {
    my ($self) = @_;
    $Apppool::Exit::guarded_pid = $$;
    $SIG{TERM} = sub {
        $self->{stopping} = 1;
        return $self->leave_in_time if $$ == $self->{pid};
        $SIG{TERM} = 'DEFAULT';
        kill TERM => $$;
    };
    return;
}

# What does not end the pool ends; when that is gone, nobody would.
sub leave_in_time {
    my ($self) = @_;
    return if !$self->{report}->has_hung_up;
    $SIG{ALRM} = sub { POSIX::_exit(1) };
    alarm Apppool::LAST_REQUEST_S;
    return;
}

# Whatever has something to read gets its turn, once.
sub attend {
    my ($self, $readable) = @_;
    my $bits = unpack 'b*', $readable;
    my $fd = -1;
    while (($fd = index $bits, '1', $fd + 1) >= 0 && !$self->{stopping}) {
        my $connection = $self->{connections}{$fd};
        if (!$connection) { $self->attend_other($fd) }
        elsif (!$connection->{skip}) { $self->serve($connection) }
        elsif ($connection->drop_some) { $self->leave($connection) }
        else { $self->drop($connection) }
    }
    return;
}

sub attend_other {
    my ($self, $fd) = @_;
    return $self->accept_one if $fd == fileno $self->{listener};
    return $self->{stopping} = 1 if $self->{report}->has_hung_up;
    # A FORK waits for the preloader: look again a little later.
    $self->want($fd, 0);
    $self->{patience} = 0.01;
    return;
}

sub accept_one {
    my ($self) = @_;
    if (accept my $socket, $self->{listener}) {
        my $connection = Apppool::Connection->new($socket);
        $self->{connections}{ $connection->{fd} } = $connection;
        $self->want($connection->{fd}, 1);
    }
    elsif ($! == EMFILE) { $self->refuse }
    return;
}

# The application has used up all descriptors: let the client know, it would
# wait and this loop would spin.
sub refuse {
    my ($self) = @_;
    Apppool::log_text("psgi_loader: connection closed: no descriptor left\n");
    close $self->{spare};
    if (accept my $socket, $self->{listener}) { close $socket }
    open $self->{spare}, '<', '/dev/null';
    return;
}

sub serve {
    my ($self, $connection) = @_;
    do {
        my ($env, $body);
        if (!eval { ($env, $body) = $connection->read_request; 1 }) {
            Apppool::log_text("psgi_loader: connection closed: $@")
                if ref $@ ne 'Apppool::Gone';
        }
        return $self->drop($connection) if !$env;
        $self->serve_request($connection, $env, $body);
    } while ($connection->{rest} ne '' && $connection->{keep}
        && !$self->{stopping});
    return $self->leave($connection);
}

sub serve_request {
    my ($self, $connection, $env, $body) = @_;
    $connection->{keep} = (delete $env->{APPPOOL_KEEPALIVE} // '') eq '1';
    delete $env->{SCGI};
    $env->{'psgi.url_scheme'} = url_scheme($env);
    my $handlers = $env->{'psgix.cleanup.handlers'} = [];
    my $response = Apppool::Response->new($connection, $env);
    eval { $response->answer($self->{application}->($env)); 1 }
        or $self->on_exception($@, $connection, $env, $response);
    $connection->{skip} = $body->end if $body;
    $connection->{keep} = 0 if $connection->{broken};
    run_cleanup($handlers, $env) if @$handlers;
    $self->{stopping} = 1 if $env->{'psgix.harakiri.commit'};
    return;
}

sub url_scheme {
    my ($env) = @_;
    return 'https' if $env->{HTTPS} && $env->{HTTPS} =~ /\A(?:on|1)\z/i;
    return ($env->{REQUEST_SCHEME} // '') eq 'https' ? 'https' : 'http';
}

sub run_cleanup {
    my ($handlers, $env) = @_;
    for my $handler (@$handlers) {
        eval { $handler->($env); 1 }
            or Apppool::log_text("psgi_loader: a cleanup handler died: $@\n");
    }
    return;
}

sub on_exception {
    my ($self, $error, $connection, $env, $response) = @_;
    # A fork of the application's: not its answer.
    POSIX::_exit(1) if $$ != $self->{pid};
    return if $connection->{broken};    # a client that left is no news
    my $uri = Apppool::Response::printable($env->{REQUEST_URI} // '');
    my $newline = "$error" =~ /\n\z/ ? '' : "\n";
    Apppool::log_text("psgi_loader: $env->{REQUEST_METHOD} '$uri': "
        . "the application died\n$error$newline$Apppool::Stack::calls");
    $Apppool::Stack::calls = '';
    return if $response->{ended};       # died in close, all has been sent
    return $connection->{keep} = 0 if $response->{begun};
    eval { $response->send_error };
    return;
}

# Done with it for now: back to waiting, or away with it.
sub leave {
    my ($self, $connection) = @_;
    $connection->{keep} = 0 if $self->{stopping} || $connection->{broken};
    return if $connection->{keep};
    return $self->drop($connection)
        if !$connection->{skip} || $connection->{broken};
    # Unread data at close would be a reset for the other side.
    return $connection->finish_sending;
}

sub drop {
    my ($self, $connection) = @_;
    $self->want($connection->{fd}, 0);
    delete $self->{connections}{ $connection->{fd} };
    return $connection->close_both;
}

# --- Forking ----------------------------------------------------------------

# Holds the loaded application and forks serving processes from it.
package Apppool::Preloader;
use Config;

# prctl(2), which perl has no name for, by the first part of its archname.
my %PRCTL = (x86_64 => 157, aarch64 => 167, riscv64 => 167, loongarch64 => 167,
    powerpc64le => 171, i386 => 172, i686 => 172, arm => 172, s390x => 172);
use constant PR_SET_PDEATHSIG => 1;

sub new {
    my ($class, $listeners, $report) = @_;
    return bless { listeners => $listeners, report => $report }, $class;
}

# Forks on demand. Returns the slot in each new serving process, undef in the
# preloader itself once the pool is gone.
sub run {
    my ($self) = @_;
    my $leaving = 0;
    local $SIG{TERM} = sub { $leaving = 1 };
    $self->{report}->ready;
    while (defined(my $message = $self->{report}->receive(\$leaving))) {
        my ($slot) = $message =~ /\AFORK ([0-9]{1,4})\z/;
        if (!defined $slot || $slot >= @{ $self->{listeners} }) {
            Apppool::log_text("psgi_loader: unknown message '$message'\n");
        }
        elsif ($self->fork_server($slot)) { return $slot + 0 }
    }
    return;
}

# True in the new process.
sub fork_server {
    my ($self, $slot) = @_;
    my $middle = fork;
    if (!defined $middle) { $self->{report}->failed($slot, "fork: $!") }
    elsif ($middle) { waitpid $middle, 0 }
    else { return $self->fork_again($slot) }
    return;
}

# In the middle process: it ends, its child is nobody's here.
sub fork_again {
    my ($self, $slot) = @_;
    POSIX::setsid();
    my $middle = $$;
    my $server = fork;
    if (!defined $server) { $self->{report}->failed($slot, "fork: $!") }
    POSIX::_exit(defined $server ? 0 : 1) if !defined $server || $server;
    my $listeners = $self->{listeners};
    $_ == $slot or close $listeners->[$_] for 0 .. $#$listeners;
    ask_for_signal($middle);
    srand;
    Apppool::run_fork_hooks($slot);
    return 1;
}

# SIGTERM when the master dies, as processes have it that are started directly:
# inside a request nobody looks at the report socket. The middle process, our
# parent until it ends, has to be gone.
sub ask_for_signal {
    my ($middle) = @_;
    my ($machine, $system) = split /-/, $Config{archname}, 2;
    return if !$PRCTL{$machine} || $system !~ /\Alinux(?!-gnux32)/;
    select undef, undef, undef, 0.0005 while getppid == $middle;
    syscall $PRCTL{$machine}, PR_SET_PDEATHSIG, POSIX::SIGTERM();
    return;
}

# What the forks of a preloader would share without knowing.
package Apppool::Shared;
use Socket ();

# A warning for each socket and each file open for both reading and writing.
sub warn_of {
    my (@own) = @_;
    my %own = map { $_ => 1 } 0 .. 2, @own;
    opendir my $folder, '/proc/self/fd' or return;
    my @found = sort { $a <=> $b } grep { /\A[0-9]+\z/ && !$own{$_} }
        readdir $folder;
    closedir $folder;
    for my $what (grep { defined } map { describe($_) } @found) {
        Apppool::log_text("psgi_loader: warning: loading the application "
            . "opened $what, which all processes forked from it share; "
            . "open it in Apppool::after_fork or say PoolSpawnMethod direct\n");
    }
    return;
}

sub describe {
    my ($fd) = @_;
    my $name = readlink "/proc/self/fd/$fd" // return;
    return describe_socket($fd) if $name =~ /\Asocket:/;
    return if $name !~ m{\A/} || !-f "/proc/self/fd/$fd";
    open my $info, '<', "/proc/self/fdinfo/$fd" or return;
    my ($flags) = join('', <$info>) =~ /^flags:\s*([0-7]+)/m;
    return oct($flags) & 2 ? "the file $name for writing" : undef;
}

sub describe_socket {
    my ($fd) = @_;
    open my $copy, '+<&', $fd or return;
    my $peer = getpeername $copy;
    return 'a connection to ' . address($peer) if $peer;
    return 'a socket at ' . address(getsockname $copy);
}

sub address {
    my ($packed) = @_;
    my $family = Socket::sockaddr_family($packed);
    if ($family == Socket::AF_UNIX) {
        return Socket::unpack_sockaddr_un($packed) || 'a socket without a name';
    }
    my ($error, $host, $port) = Socket::getnameinfo($packed,
        Socket::NI_NUMERICHOST | Socket::NI_NUMERICSERV);
    return $error ? "a socket of family $family" : "$host port $port";
}

# --- Start ------------------------------------------------------------------

# From the command line to the end of the process.
package Apppool::Start;
use Fcntl qw(F_SETFD FD_CLOEXEC);

# A handle for a descriptor of the pool's, which no program inherits.
sub open_inherited {
    my ($fd) = @_;
    open my $handle, '+<&=', $fd or die "descriptor $fd: $!\n";
    fcntl $handle, F_SETFD, FD_CLOEXEC or die "fcntl: $!\n";
    return $handle;
}

# Whoever calls us is the pool, nobody else.
sub main {
    my %option = @ARGV;
    my $report = Apppool::Report->new($option{'--report'});
    my $first = $option{'--listen'};
    my @listeners = map { open_inherited($_) }
        $first .. $first + $option{'--listeners'} - 1;
    my $application = load(\%option, $report);
    take_signals();
    my $slot;
    if ($option{'--mode'} eq 'preload') {
        name_process('psgi preload');
        Apppool::Shared::warn_of($report->fd, map { fileno $_ } @listeners);
        $slot = Apppool::Preloader->new(\@listeners, $report)->run;
        return if !defined $slot;
    }
    name_process('psgi');
    Apppool::Server->new($application, $listeners[ $slot // 0 ], $report)
        ->run(sub { $report->ready($slot) });
    return;
}

# Makes it look as if perl had been started for the startup file.
sub prepare_interpreter {
    my ($file) = @_;
    $0 = $file;
    @ARGV = ();
    STDOUT->autoflush(1);
    my $local = POSIX::getcwd() . '/local/lib/perl5';
    if (-d $local) { require lib; lib->import($local) }
    $SIG{ABRT} = \&Apppool::log_backtrace;
    $SIG{__DIE__} = \&Apppool::Stack::note;
    $Apppool::Exit::guarded_pid = $$;
    return;
}

sub load {
    my ($option, $report) = @_;
    my $file = $option->{'--startup-file'};
    prepare_interpreter($file);
    my $application = eval {
        die "PoolThreads is not for Perl: its threads copy the whole"
            . " interpreter. PoolMaxPerApp gives more processes.\n"
            if ($option->{'--threads'} // 1) > 1;
        load_application($file);
    };
    return $application if defined $application;
    $report->error(why_not_loaded($file, $@));
    POSIX::_exit(1);
}

sub load_application {
    my ($file) = @_;
    my $path = $file =~ m{\A/} ? $file : POSIX::getcwd() . "/$file";
    open my $readable, '<', $path or die "$path: $!\n";
    die "$path: Is a directory\n" if -d $readable;
    close $readable;
    my $application = Apppool::Sandbox::run($path);
    return $application if reftype_of($application) eq 'CODE';
    die "$path does not return an application, but "
        . (defined $application ? "'$application'" : 'undef')
        . ".\nIts last statement must give a code reference, the PSGI"
        . " application; or name the file that does with PoolStartupFile.\n";
}

# An object may be called where it overloads &{}, as Plack::Component does.
sub reftype_of {
    my ($application) = @_;
    return 'CODE' if Scalar::Util::blessed($application)
        && overload::Method($application, '&{}');
    return Scalar::Util::reftype($application) // '';
}

sub why_not_loaded {
    my ($file, $error) = @_;
    my $what = ref $error eq 'Apppool::Exit' ? 'called exit'
        : 'could not be loaded';
    my $text = "$file $what.\n" . missing_module("$error") . "$error";
    $text .= "\n" if $text !~ /\n\z/;
    return $text . $Apppool::Stack::calls;
}

# What to install, as far as names can tell.
sub missing_module {
    my ($error) = @_;
    $error =~ m{\ACan't locate ([\w/]+)\.pm in \@INC} or return '';
    (my $module = $1) =~ s{/}{::}g;
    (my $package = lc "lib$module-perl") =~ s/::|_/-/g;
    my $debian = -e '/etc/debian_version'
        ? "On this system it may be in the package $package (apt install"
        . " $package). " : '';
    return "The Perl module $module is not installed. ${debian}From CPAN: cpanm"
        . " $module, or cpanm -L local $module for this application alone.\n\n";
}

# By handlers, not IGNORE: the application's programs would inherit that. After
# loading, which may have changed them.
sub take_signals {
    $SIG{$_} = sub { } for qw(INT HUP PIPE);
    $SIG{TERM} = 'DEFAULT';
    return;
}

# What ps and top show beside the command line.
sub name_process {
    my ($kind) = @_;
    my ($folder) = POSIX::getcwd() =~ m{([^/]*)\z};
    open my $comm, '>', '/proc/self/comm' or return;
    print $comm substr "$kind: $folder", 0, 15;
    return;
}

# The startup file finds itself in a package without our names.
package Apppool::Sandbox;

sub run {
    my ($path) = @_;
    package main;
    my $application = do $path;
    die $@ if ref $@ || $@ ne '';
    return $application;
}

package main;
Apppool::Start::main();
CORE::exit(0);
