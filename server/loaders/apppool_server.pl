# SPDX-License-Identifier: Apache-2.0
#
# apppool_server.pl - serves one request at a time until SIGTERM or the pool's
# end.
#
# Server waits (select) for a Connection to become readable, read_request takes
# one request from it, Response sends what the application answers: three system
# calls. Signals set flags or write to the log, perl delivers them between two
# operations.
package Apppool::Server;
use strict;
use warnings;
use Errno qw(EMFILE);
use Fcntl qw(F_SETFL O_NONBLOCK);
use POSIX ();

# For a request that runs when the pool is gone; the pool gives as much.
use constant LAST_REQUEST_S => 5;

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
    alarm LAST_REQUEST_S;
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
    $Apppool::Stack::calls = '';
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

1;
