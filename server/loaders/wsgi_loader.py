# SPDX-License-Identifier: Apache-2.0
"""wsgi_loader.py - runs a WSGI application (PEP 3333) for the pool.

What the pool expects of a loader (command line, report socket, requests,
signals) is in the README beside this file. Python 3.9 or later, standard
library only; the interpreter may be that of any virtual environment.

The application is the callable `application` in the startup file. The file is
imported as a module named like itself (wsgi.py is `wsgi`), with the working
folder, the application's root, first in sys.path.

Fork hook (smart spawning): Python's own. What os.register_at_fork() was given
as after_in_child runs in each new serving process, before its first request:

    os.register_at_fork(after_in_child=database.reconnect)

The `random` module seeds itself anew that way without being asked. Threads,
connections and files that loading left open are warned of in the log.
"""

import os
import sys

# Not there of itself where PYTHONSAFEPATH is set. This, and that no bytecode is
# written beside our files, is undone before the application is loaded.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from apppool_import import import_callable
from apppool_preload import Preloader
from apppool_start import begin, set_title
from apppool_wsgi import Server, ThreadedServer


def load_application(path):
    return import_callable(path, ["application"],
                           "application(environ, start_response)")


def serve(application, listener, report, n_threads, slot):
    set_title("wsgi")
    if n_threads > 1:
        server = ThreadedServer(application, listener, report, n_threads)
    else:
        server = Server(application, listener, report)
    server.run(lambda: report.ready(slot))


def main():
    options, report, listeners, application = begin("wsgi_loader",
                                                    load_application)
    slot = None
    if options.preload:
        set_title("wsgi preload")
        slot = Preloader(listeners, report).run()
        if slot is None:
            return
    serve(application, listeners[slot or 0], report, options.n_threads, slot)


if __name__ == "__main__":
    main()
