# SPDX-License-Identifier: Apache-2.0
#
# app.psgi - what a test needs an application to do, one path each; the same as
# in t/apps/wsgi/wsgi.py. Where a path takes an argument it is the whole query
# string.
use strict;
use warnings;
use FindBin ();

require "$FindBin::RealBin/answers.pl";
Answers::application();
