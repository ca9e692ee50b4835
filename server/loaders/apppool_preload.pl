# SPDX-License-Identifier: Apache-2.0
#
# apppool_preload.pl - forks serving processes from a loaded application, and
# says what they would share.
use strict;
use warnings;

# Holds the loaded application and forks serving processes from it.
package Apppool::Preloader;
use Config;
use POSIX ();

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

1;
