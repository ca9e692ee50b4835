# SPDX-License-Identifier: Apache-2.0
#
# apppool_exceptions.pl - what ends a request or the start: exit(), a client
# that has gone, and the calls that led to a die().
use strict;
use warnings;

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
my ($folder) = __FILE__ =~ m{\A(.*/)};

# As $SIG{__DIE__}: goes up as far as the eval that will catch it.
sub note {
    my ($depth, $text, $called) = (1, '', '');
    while (my ($package, $file, $line, $sub, undef, undef, undef, $is_require)
        = caller $depth++) {
        if (index($file, $folder) == 0) {
            # Those before the application's first lead to the die() only.
            last if $text ne '' || $sub eq '(eval)';
            next;
        }
        # BEGIN blocks run in an eval that passes on.
        return if $sub eq '(eval)' && !$is_require && $called !~ /::BEGIN\z/;
        $text .= "    $sub called at $file line $line\n" if $sub ne '(eval)';
        $called = $sub;
    }
    $calls = $text;
    return;
}

1;
