# SPDX-License-Identifier: Apache-2.0
#
# apppool_start.pl - from the command line to the end of the process: loads the
# application and has it served.
use strict;
use warnings;

package Apppool::Start;
use POSIX ();
use Scalar::Util ();
use overload ();

# Whoever calls us is the pool, nobody else.
sub main {
    my %option = @ARGV;
    my $report = Apppool::Report->new($option{'--report'});
    my $first = $option{'--listen'};
    my @listeners = map { Apppool::Report::open_inherited($_) }
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
    my $cwd = POSIX::getcwd();
    return "$1.pm is in $cwd/lib, where perl does not look by itself:"
        . " PoolSetEnv PERL5LIB $cwd/lib, or use lib in the startup file.\n\n"
        if -e "lib/$1.pm";
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

1;
