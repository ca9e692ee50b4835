# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi.py - a small ASGI server: HTTP/1.1 from httpd, over asyncio.

For applications whose environment has neither uvicorn nor hypercorn. Clients
are httpd's children: they keep their connections, send one request at a time
and have checked what came from the outside, so there are no time-outs and no
guesses here, and what is odd ends the connection.

A Connection takes requests from its socket; each is a Request, whose receive()
and send() the application's coroutine gets. When the response has been sent the
connection is ready for the next one, whatever the coroutine still does (tasks
in the background). WebSockets are apppool_websocket.py's.
"""

import asyncio

from apppool_asgi_connection import Connection
from apppool_asgi_lifespan import Lifespan
from apppool_report import format_error, log

# How long requests may take once the process is to end; the pool waits 5 s.
LAST_REQUESTS_S = 4.5


class Server:
    """Serves an application on one listening socket until it is stopped."""

    def __init__(self, application, listener, root_path):
        self._application = application
        self._listener = listener
        self.root_path = root_path
        self.state = {}             # what lifespan left for requests
        self.connections = set()
        self.is_stopping = False
        self._stop = asyncio.Event()
        self._tasks = set()

    def stop(self):
        self._stop.set()

    async def serve(self):
        lifespan = Lifespan(self._application, self.state)
        if not await lifespan.start():
            return
        loop = asyncio.get_running_loop()
        acceptor = await loop.create_server(
            lambda: Connection(self), sock=self._listener, backlog=511)
        await self._stop.wait()
        self.is_stopping = True
        acceptor.close()
        for connection in list(self.connections):
            connection.shut_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_REQUESTS_S)
        for connection in list(self.connections):
            connection.close()
        await lifespan.end()

    def run(self, request, scope):
        task = asyncio.get_running_loop().create_task(
            self._run(request, scope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, request, scope):
        try:
            await self._application(scope, request.receive, request.send)
            if not request.ended and not request.is_abandoned:
                log_failure(scope, "the application has left it unfinished\n")
                request.fail()
        except asyncio.CancelledError:
            request.fail()
            raise
        except Exception as error:
            if not request.is_abandoned:
                log_failure(scope, "the application raised\n"
                            + format_error(error))
            if not request.ended:
                request.fail()


def log_failure(scope, text):
    log("asgi_loader: %s %a: %s" % (scope.get("method", "WEBSOCKET"),
                                    scope["raw_path"].decode("latin-1"), text))
