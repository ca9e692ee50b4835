# SPDX-License-Identifier: Apache-2.0
# The benchmarks' application as PSGI: /, /big, /upload, /sleep.
use strict;
use warnings;

my $hello = "Hello, world!\n";
my $big   = 'x' x (1 << 20);

sub {
    my ($env) = @_;
    my $body = $hello;
    if ($env->{PATH_INFO} eq '/big') {
        $body = $big;
    } elsif ($env->{PATH_INFO} eq '/upload') {
        my $length = 0;
        while (my $n = $env->{'psgi.input'}->read(my $piece, 65_536)) {
            $length += $n;
        }
        $body = "$length\n";
    } elsif ($env->{PATH_INFO} eq '/sleep') {
        select undef, undef, undef, 0.05;
    }
    return [200, ['Content-Type', 'text/plain',
                  'Content-Length', length $body], [$body]];
};
