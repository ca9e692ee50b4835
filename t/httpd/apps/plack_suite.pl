# SPDX-License-Identifier: Apache-2.0
#
# plack_suite.pl PORT - the client's side of Plack's own tests of a server: asks
# the application that has their other side at that port, writes TAP. One test is
# left to fail: of several slashes at the start of a URI httpd leaves one before
# any module sees it.
use strict;
use warnings;
use Plack::LWPish;
use Plack::Test::Suite;
use Test::More;

my ($port) = @ARGV;
my $agent = Plack::LWPish->new(no_proxy => ['127.0.0.1']);
my $number = 0;

Plack::Test::Suite->runtests(sub {
    my ($name, $client) = @_;
    note $name;
    local $TODO = 'httpd' if $name eq 'repeated slashes';
    $client->(sub {
        my ($request) = @_;
        $request->uri->port($port);
        $request->header('X-Plack-Test' => $number);
        return $agent->request($request);
    });
    $number++;
});
done_testing;
