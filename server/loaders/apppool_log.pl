# SPDX-License-Identifier: Apache-2.0
#
# apppool_log.pl - the log and what else all parts of psgi_loader share, with
# Apppool::after_fork, which applications call.
package Apppool;
use strict;
use warnings;
use Carp ();
use POSIX ();

use constant {
    CHUNK  => 65536,    # of one read; up to where pieces are joined
    # A signal that comes in the instant between a look at the flag and select()
    # is seen when that returns: soon after a request, and once in a while.
    SOON_S => 1,
    IDLE_S => 30,
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

1;
