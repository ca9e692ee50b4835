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
use strict;
use warnings;

# Neither @INC nor %INC has them: they are nobody's modules.
BEGIN {
    my ($folder) = __FILE__ =~ m{\A(.*/)};
    for my $part (qw(log exceptions report connection input response server
        preload start)) {
        my $path = "${folder}apppool_$part.pl";
        require $path;
        delete $INC{$path};
    }
}

Apppool::Start::main();
CORE::exit(0);
