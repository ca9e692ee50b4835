# SPDX-License-Identifier: Apache-2.0
"""The languages that have a probe in ../apps; a further one is a line here.

What a probe must do is in ../README, "Probes".
"""

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

APPS = Path(__file__).parent.parent / "apps"

# Every action of a probe, and further things a test may need of a language.
ACTIONS = frozenset("""
    actions env echo digest rewind relay early part mark line ignore
    status bodyful reply headers location many size length sized chunked
    trickle sse quiet sendfile hints sleep hold pid eat
    boom late-boom gone late-gone killed gone-once fork say inside
    """.split())
TRAITS = frozenset("""
    reason lf-in-value error-stream null-stdin unread
    raw-header variables any-method processes
    """.split())


@lru_cache(maxsize=None)
def _compiled(source, libraries):
    """The program, with NAME_*.c beside it; None where it cannot be made."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        done = subprocess.run(
            ["cc", "-O1", "-o", program, source,
             *source.parent.glob(f"{source.stem}_*.c"),
             *(f"-l{name}" for name in libraries)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return program.read_bytes() if done.returncode == 0 else None


class Language(NamedTuple):
    """name       PoolAppType, and the vhost NAME.test of `shared`
    probe      the file in ../apps
    startup    what it is called in the application's root
    program    the interpreter; None: nothing is needed
    path       PATH_INFO: "decoded", once, or "raw", as it was sent
    conf       lines for its vhost
    lacks      actions and traits that the language cannot have:
               reason        the reason phrase is the application's
               lf-in-value   a header's value can be made to hold a LF
               error-stream  a stream for errors of its own, beside stderr
               null-stdin    descriptor 0 is /dev/null, not the listener
               raw-header    a header may be made of any bytes
               unread        nobody reads the body before the application does
               variables     those that HTTP itself has not: SCRIPT_NAME,
                             SERVER_NAME, the client's SERVER_PROTOCOL ...
               any-method    methods that nobody has registered, too
               processes     more of them where requests come at once
    script     SCRIPT_NAME of an application at the root of its vhost
    libraries  what a probe in C is linked with; None: it is a script
    after      another file in ../apps, to be put behind the probe"""
    name: str
    probe: str
    startup: str
    program: str = None
    path: str = "decoded"
    conf: str = ""
    lacks: tuple = ()
    script: str = ""
    libraries: tuple = None
    after: str = None

    @property
    def code(self):
        if self.libraries is not None:
            return _compiled(APPS / self.probe, self.libraries)
        parts = [self.probe, self.after] if self.after else [self.probe]
        return "".join((APPS / part).read_text() for part in parts)

    @property
    def mode(self):
        return 0o644 if self.libraries is None else 0o755

    @property
    def is_there(self):
        found = self.program is None or shutil.which(self.program) is not None
        return found and self.code is not None

    def has(self, *needs):
        """Can its probe do all of these?"""
        unknown = set(needs) - ACTIONS - TRAITS
        assert not unknown, f"no such action or trait: {unknown}"
        return not set(needs) & set(self.lacks)


LANGUAGES = {language.name: language for language in (
    Language("wsgi", "probe.py", "passenger_wsgi.py", "python3",
             lacks=("rewind", "hints", "chunked")),
    Language("rack", "probe.ru", "config.ru", "ruby", path="raw",
             lacks=("reason", "lf-in-value", "hints", "chunked")),
    Language("asgi", "probe_asgi.py", "asgi.py", "python3",
             conf="PoolSetEnv APPPOOL_ASGI_SERVER own",
             lacks=("reason", "lf-in-value", "rewind", "chunked",
                    "error-stream", "variables", "processes")),
    Language("node", "probe.js", "app.js", "node", path="raw",
             lacks=("lf-in-value", "rewind", "error-stream", "variables",
                    "any-method", "processes")),
    # The same without a loader, as any program that serves HTTP.
    Language("command", "probe.js", "serve.js", "node", path="raw",
             conf='PoolAppCommand "node serve.js"',
             lacks=("lf-in-value", "rewind", "error-stream", "variables",
                    "any-method", "processes")),
    Language("psgi", "probe.psgi", "app.psgi", "perl",
             lacks=("reason", "hints", "chunked")),
    Language("php", "probe.php", "probe.php", "php-cgi",
             conf="PoolAppType php\nPoolStartupFile probe.php",
             lacks=("lf-in-value", "hints", "late-boom", "eat",
                    "null-stdin", "raw-header", "unread"),
             script="/probe.php"),
    # Whatever it writes is a header, whether or not it has a line feed in it.
    Language("fastcgi", "probe.c", "probe", "cc",
             conf="PoolAppCommand ./probe\nPoolAppProtocol fastcgi",
             lacks=("lf-in-value", "hints", "rewind", "boom", "late-boom",
                    "null-stdin", "raw-header"),
             libraries=("fcgi", "jansson", "m")),
    # Its responses end with the connection: a cut cannot be seen.
    Language("scgi", "probe.py", "serve.py", "python3",
             conf='PoolAppCommand "python3 serve.py"\nPoolAppProtocol scgi',
             lacks=("rewind", "hints", "chunked", "late-boom", "late-gone",
                    "lf-in-value", "raw-header", "processes"),
             after="scgi_server.py"),
)}
