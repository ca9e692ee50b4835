# SPDX-License-Identifier: Apache-2.0
"""Who is measured: each runs the same application in two single-threaded
processes behind (or inside) a private httpd of its own.

A contender is a function that gets a Bench and returns the started Served, or
raises Missing with what is not installed. CONTENDERS lists them by language;
`ours` are what the others of a language are compared with.
"""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "httpd"))

from harness import Httpd, eventually, procs  # noqa: E402
from harness.config import module_path  # noqa: E402

APPS = Path(__file__).resolve().parent / "apps"
PROCESSES = 2
# Threads enough that event never closes kept connections for want of one.
MPM_CONF = {"event": """
StartServers 2
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
MaxKeepAliveRequests 0
""", "prefork": """
StartServers 64
ServerLimit 64
MaxRequestWorkers 64
MinSpareServers 1
MaxSpareServers 64
MaxKeepAliveRequests 0
"""}
MPM_CONF["worker"] = MPM_CONF["event"]
# A peer that is told to bind a Unix socket is not slowed by TCP.
PROXY = ("proxy", "proxy_http", "proxy_fcgi", "proxy_uwsgi", "slotmem_shm")

# As distributions have it: looking for .htaccess costs everybody alike.
QUIET = """
LogLevel warn
<Directory {folder}/apps>
    AllowOverride None
</Directory>
"""

Contender = namedtuple("Contender", "name language ours start")


class Missing(Exception):
    """What has to be installed."""


def need(path, package):
    """The path, if it is there."""
    if path is None or not Path(path).exists():
        raise Missing(package)
    return Path(path)


class Served:
    """A started contender: where it listens, which processes it is."""

    def __init__(self, httpd, roots):
        self.httpd = httpd
        self.host = httpd.sites[0].name
        self.roots = roots

    def pids(self):
        """Its httpd, the helpers and all that is below them."""
        entries = procs.table()
        found = {root for root in self.roots if root in entries}
        for root in self.roots:
            found.update(procs.below(root, entries))
        return found


class Bench:
    """Starts contenders; ends all of them when it is left."""

    def __init__(self, stage, mpm, compiled):
        self.stage, self.mpm, self.compiled = stage, mpm, compiled
        self._helpers, self._served = [], []
        procs.become_subreaper()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for served in reversed(self._served):
            served.httpd.close(check=False)
        for helper in self._helpers:
            helper.terminate()
        for helper in self._helpers:
            helper.wait(10)

    def start(self, contender):
        """Its Served; whatever process is new below us is its own."""
        before = set(procs.below(os.getpid()))
        httpd = contender.start(self)
        httpd.start()
        eventually(lambda: httpd.get("/", timeout=20).status == 200, 30,
                   f"{contender.name} answers")
        entries = procs.table()
        new = set(procs.below(os.getpid(), entries)) - before
        served = Served(httpd, [pid for pid in new
                                if entries[pid].ppid == os.getpid()])
        self._served.append(served)
        return served

    def httpd(self, conf="", modules=(), stage=None):
        """A private httpd that logs no more than a busy host would."""
        h = Httpd(mpm=self.mpm, mpm_conf=MPM_CONF[self.mpm],
                  module=stage is not None, stage=stage, modules=modules)
        h.conf = QUIET.format(folder=h.folder) + conf.format(
            folder=h.folder, processes=PROCESSES)
        return h

    def app(self, httpd, type_name, source, name):
        app = httpd.app("hello", type_name)
        app.write(name, (APPS / source).read_bytes())
        return app

    def helper(self, httpd, app, command, **environment):
        """A server beside httpd, as the application's user."""
        user = app.user if httpd.runs_as_root else None
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "HOME": str(app.root), **environment}
        self._helpers.append(subprocess.Popen(
            [str(word) for word in command], cwd=app.root, user=user,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=env, start_new_session=True))
        return self._helpers[-1]


# -- ours ---------------------------------------------------------------------

def pool(type_name, source, name, extra=""):
    """mod_apppool with an application of this type."""
    def start(bench):
        h = bench.httpd("PoolMax {processes}\n"
                        "PoolMinInstances {processes}\nPoolPreStart on",
                        stage=bench.stage)
        app = bench.app(h, type_name, source, name)
        h.vhost(app, extra="LogLevel apppool:notice\n" + extra)
        return h
    return start


def pool_command(program, protocol):
    """mod_apppool with a C program on an inherited socket."""
    def start(bench):
        h = bench.httpd("PoolMax {processes}\n"
                        "PoolMinInstances {processes}\nPoolPreStart on",
                        stage=bench.stage)
        app = h.app("hello", "command")
        app.write("hello", bench.compiled(program).read_bytes(), 0o755)
        h.vhost(app, extra=f"""LogLevel apppool:notice
            PoolAppRoot {app.root}
            PoolAppType command
            PoolAppCommand "{app.root}/hello"
            PoolAppProtocol {protocol}
            PoolConcurrency 1""")
        return h
    return start


# -- inside httpd -------------------------------------------------------------

def c_handler(bench):
    h = bench.httpd(f"LoadModule bench_module {bench.compiled('mod_bench')}")
    h.vhost(h.app("hello", "static"),
            extra='<Location "/">\nSetHandler bench\n</Location>')
    return h


def static_file(bench):
    h = bench.httpd()
    app = h.app("hello", "static")
    app.write("public/index.html", "Hello, world!\n")
    app.write("public/big", b"x" * (1 << 20))
    app.write("public/sleep", "Hello, world!\n")
    h.vhost(app)
    return h


def wsgi_embedded(bench):
    module = need(module_path("wsgi"), "libapache2-mod-wsgi-py3")
    h = bench.httpd(f"LoadModule wsgi_module {module}")
    app = bench.app(h, "wsgi", "hello.py", "passenger_wsgi.py")
    h.vhost(app, extra=f"""WSGIApplicationGroup %{{GLOBAL}}
        WSGIScriptAlias / {app.root}/passenger_wsgi.py""")
    return h


# -- peers --------------------------------------------------------------------

def wsgi_daemon(bench):
    module = need(module_path("wsgi"), "libapache2-mod-wsgi-py3")
    h = bench.httpd(f"LoadModule wsgi_module {module}\n"
                    "WSGISocketPrefix {folder}/run/wsgi")
    app = bench.app(h, "wsgi", "hello.py", "passenger_wsgi.py")
    user = f"user={app.user}" if h.runs_as_root else ""
    h.vhost(app, extra=f"""
        WSGIDaemonProcess hello processes={PROCESSES} threads=1 {user}
        WSGIProcessGroup hello
        WSGIApplicationGroup %{{GLOBAL}}
        WSGIScriptAlias / {app.root}/passenger_wsgi.py""")
    return h


def passenger(type_name, source, name):
    def start(bench):
        roots = sorted(Path("/usr/lib").glob(
            "ruby/**/phusion_passenger/locations.ini"))
        module = need(module_path("passenger"), "libapache2-mod-passenger")
        root = need(roots[0] if roots else None, "passenger")
        h = bench.httpd(f"""
LoadModule passenger_module {module}
PassengerRoot {root}
PassengerPython /usr/bin/python3
PassengerMaxPoolSize {PROCESSES}
PassengerMinInstances {PROCESSES}
PassengerMaxRequestQueueSize 1000
PassengerInstanceRegistryDir {{folder}}/run
PassengerLogLevel 1
PassengerDisableSecurityUpdateCheck on""")
        h.vhost(bench.app(h, type_name, source, name))
        return h
    return start


def socket_path(h):
    """Where a helper may listen: a folder that its user may write."""
    folder = h.folder / "sockets"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return folder / "helper"


def proxied(bench, h, app, command, backend, options="", **environment):
    """httpd's own proxy in front of `command`, which listens at {socket}."""
    path = socket_path(h)
    bench.helper(h, app, [str(word).replace("{socket}", str(path))
                          for word in command], **environment)
    eventually(path.exists, 20, f"{command[0]} listens")
    path.chmod(0o777)
    target = backend.replace("{socket}", str(path))
    h.vhost(app, extra=f'ProxyPass "/" "{target}" {options}')
    return h


def gunicorn(bench):
    program = need(shutil.which("gunicorn"), "gunicorn")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "wsgi", "hello.py", "hello.py")
    return proxied(bench, h, app, [program, "-w", PROCESSES, "-b",
                                   "unix:{socket}", "hello:application"],
                   "unix:{socket}|http://hello/")


def uwsgi(bench):
    program = need(shutil.which("uwsgi-core"), "uwsgi-core")
    need("/usr/lib/uwsgi/plugins/python3_plugin.so", "uwsgi-plugin-python3")
    need(module_path("proxy_uwsgi"), "apache2-bin")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "wsgi", "hello.py", "hello.py")
    return proxied(bench, h, app,
                   [program, "--plugin", "python3", "--socket", "{socket}",
                    "--master", "--processes", PROCESSES, "--disable-logging",
                    "--listen", 100, "--wsgi-file", "hello.py"],
                   "unix:{socket}|uwsgi://hello/")


def puma(bench):
    program = need(shutil.which("puma"), "puma")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "rack", "hello.ru", "config.ru")
    return proxied(bench, h, app,
                   [program, "-e", "production", "-w", PROCESSES, "-t", "1:1",
                    "--preload", "-b", "unix://{socket}", "config.ru"],
                   "unix:{socket}|http://hello/")


def node(bench):
    program = need(shutil.which("node"), "nodejs")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "node", "hello.js", "hello.js")
    port = free_port()
    bench.helper(h, app, [program, "hello.js"], PORT=str(port),
                 PROCESSES=str(PROCESSES), NODE_ENV="production")
    eventually(lambda: listens(port), 20, "node listens")
    h.vhost(app, extra=f'ProxyPass "/" "http://127.0.0.1:{port}/"')
    return h


def php_fpm(bench):
    programs = sorted(Path("/usr/sbin").glob("php-fpm*"))
    program = need(programs[-1] if programs else None, "php-fpm")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "php", "hello.php", "hello.php")
    path = socket_path(h)
    conf = app.write("fpm.conf", f"""[global]
daemonize = no
error_log = {path}.log
[hello]
listen = {path}
listen.backlog = 511
pm = static
pm.max_children = {PROCESSES}
""")
    bench.helper(h, app, [program, "-F", "-y", conf])
    eventually(path.exists, 20, "php-fpm listens")
    path.chmod(0o777)
    script = f"{app.root}/hello.php"
    h.vhost(app, extra=f"""
        ProxyPassMatch "^/" "unix:{path}|fcgi://localhost{script}"
        ProxyFCGISetEnvIf "true" SCRIPT_FILENAME "{script}" """)
    return h


def starman(bench):
    program = need(shutil.which("starman"), "starman")
    h = bench.httpd(modules=PROXY)
    app = bench.app(h, "psgi", "hello.psgi", "hello.psgi")
    # A kept connection would hold one of its processes.
    return proxied(bench, h, app,
                   [program, "--listen", "{socket}", "--workers", PROCESSES,
                    "--disable-keepalive", "--preload-app", "hello.psgi"],
                   "unix:{socket}|http://hello/")


def fcgid(bench):
    module = need(module_path("fcgid"), "libapache2-mod-fcgid")
    h = bench.httpd(f"""LoadModule fcgid_module {module}
FcgidIPCDir {{folder}}/run/fcgid
FcgidProcessTableFile {{folder}}/run/fcgid_shm
FcgidMaxProcesses {PROCESSES}
FcgidMinProcessesPerClass {PROCESSES}
FcgidMaxRequestLen 100000000
FcgidMaxRequestsPerProcess 0""")
    app = h.app("hello", "fcgid")
    program = app.write("hello.fcgi", bench.compiled("hello_fcgi").read_bytes(),
                        0o755)
    h.vhost(app, extra=f"""
        AliasMatch "^/" "{program}"
        <Directory "{app.root}">
            SetHandler fcgid-script
            Options +ExecCGI
        </Directory>""")
    return h


def free_port():
    import socket
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port):
    import socket
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


PHP_EXTRA = "PoolAppType php\nPoolStartupFile hello.php"

# Passenger's agents leave their httpd's process tree, so a contender is told
# by what is new below us when it has been started.
CONTENDERS = [
    Contender("C handler in httpd", "limit", False, c_handler),
    Contender("static file", "limit", False, static_file),
    Contender("mod_wsgi embedded", "limit", False, wsgi_embedded),
    Contender("mod_apppool scgi", "C", True,
              pool_command("hello_scgi", "scgi")),
    Contender("mod_apppool fastcgi", "C", True,
              pool_command("hello_fcgi", "fastcgi")),
    Contender("mod_fcgid", "C", False, fcgid),
    Contender("mod_apppool", "Python", True,
              pool("wsgi", "hello.py", "passenger_wsgi.py")),
    Contender("uWSGI, mod_proxy_uwsgi", "Python", False, uwsgi),
    Contender("mod_wsgi daemon", "Python", False, wsgi_daemon),
    Contender("gunicorn, mod_proxy_http", "Python", False, gunicorn),
    Contender("Passenger 6", "Python", False,
              passenger("wsgi", "hello.py", "passenger_wsgi.py")),
    Contender("mod_apppool", "Ruby", True,
              pool("rack", "hello.ru", "config.ru")),
    Contender("puma, mod_proxy_http", "Ruby", False, puma),
    Contender("Passenger 6", "Ruby", False,
              passenger("rack", "hello.ru", "config.ru")),
    Contender("mod_apppool", "Node", True,
              pool("node", "hello.js", "app.js")),
    Contender("node, mod_proxy_http", "Node", False, node),
    Contender("Passenger 6", "Node", False,
              passenger("node", "hello.js", "app.js")),
    Contender("mod_apppool", "PHP", True,
              pool("php", "hello.php", "hello.php", PHP_EXTRA)),
    Contender("php-fpm, mod_proxy_fcgi", "PHP", False, php_fpm),
    Contender("mod_apppool", "Perl", True,
              pool("psgi", "hello.psgi", "app.psgi")),
    Contender("starman, mod_proxy_http", "Perl", False, starman),
]
