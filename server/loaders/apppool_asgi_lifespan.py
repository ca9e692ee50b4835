# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi_lifespan.py - an ASGI application's own start and end, where
it has them.
"""

import asyncio


class Lifespan:
    def __init__(self, application, state):
        self._application = application
        self._state = state
        self._task = None
        self._to_app = asyncio.Queue()
        self._told = asyncio.Queue()
        self._is_used = True

    async def start(self):
        """False: it does not want to start."""
        scope = {"type": "lifespan", "state": self._state,
                 "asgi": {"version": "3.0", "spec_version": "2.0"}}
        self._task = asyncio.get_running_loop().create_task(self._run(scope))
        return await self._tell("lifespan.startup")

    async def end(self):
        if self._is_used:
            await self._tell("lifespan.shutdown")

    async def _tell(self, kind):
        self._to_app.put_nowait({"type": kind})
        answer = await self._told.get()
        return answer != kind + ".failed"

    async def _run(self, scope):
        try:
            await self._application(scope, self._to_app.get, self._send)
        except Exception:
            pass        # an application without lifespan may raise: the spec
        finally:
            self._is_used = False
            self._told.put_nowait(None)

    async def _send(self, message):
        self._told.put_nowait(message["type"])
