# SPDX-License-Identifier: Apache-2.0
"""Requests in threads of their own, and such as keep a process busy."""

import threading

from .wait import eventually
from .languages import LANGUAGES


class Calls:
    """Requests under way; their answers by key."""

    def __init__(self):
        self.answers = {}
        self._threads = []

    def start(self, key, site, target, **options):
        site.httpd.start()      # a thread that started it would end it

        def run():
            try:
                self.answers[key] = site.get(target, **options)
            except Exception as error:      # shown by the test
                self.answers[key] = error
        thread = threading.Thread(target=run, name=str(key))
        thread.start()
        self._threads.append(thread)

    def join(self):
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), f"no answer for {thread.name}"
        return self.answers

    def release(self, site):
        """All that hold() has begun there; the answers of all."""
        site.app.write("go", "")
        return self.join()


def probe_site(h, name="probe", extra="", **options):
    app = h.wsgi_app(name, LANGUAGES["wsgi"].code, **options)
    return h.vhost(app, extra=extra)


def waiters(site, name="go"):
    return len(list(site.app.root.glob(f"{name}.waits.*")))


def hold(site, n=1, held=None):
    """n requests, of which `held` (all) are in a process until release()."""
    calls = Calls()
    for number in range(n):
        calls.start(f"held {number}", site, "/hold/go")
    eventually(lambda: waiters(site) == (held or n), 10)
    return calls
