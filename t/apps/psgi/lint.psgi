# SPDX-License-Identifier: Apache-2.0
#
# lint.psgi - the same application under Plack's own lint.
use strict;
use warnings;
use FindBin ();
use Plack::Middleware::Lint;

require "$FindBin::RealBin/answers.pl";
Plack::Middleware::Lint->wrap(Answers::application());
