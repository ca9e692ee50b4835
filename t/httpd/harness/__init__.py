# SPDX-License-Identifier: Apache-2.0
"""A real, private httpd for black-box tests, the demonstration, benchmarks.

    with Httpd(mpm="event") as h:
        blog = h.wsgi_app("blog", code=SOURCE, user="games")
        site = h.vhost(blog, extra="PoolEnabled on")
        assert site.get("/").status == 200

Everything lives in one fresh folder below the temporary folder and is gone
afterwards; leaving the `with` block checks that no process, no descriptor and
no file of the run is left. Standard library only.
"""

from .apps import App
from .client import RawConnection, Response
from .httpd import Httpd, Site, StartError
from .log import LogFile
from .procs import Proc
from .stage import Stage, StageError
from .users import SPARE_USERS, is_root
from .wait import eventually

__all__ = [
    "App", "Httpd", "LogFile", "Proc", "RawConnection", "Response",
    "SPARE_USERS", "Site", "Stage", "StageError", "StartError", "eventually",
    "is_root",
]
