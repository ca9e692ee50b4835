# SPDX-License-Identifier: Apache-2.0
"""What stands between httpd and an application: mod_apppool, or one of its
peers, configured here so that the same tests can ask it."""

import re
import shutil
import subprocess

from . import users
from .config import module_path
from .wait import eventually


class Pool:
    """mod_apppool itself."""

    languages = None        # all
    module = True
    modules = ()
    timeout = 30

    def main(self, _h):
        """Lines for the main server."""
        return "PoolMax 40"     # nobody has to give up a process

    def vhost(self, _app, language, processes=None):
        """Lines for the application's vhost; at most so many processes."""
        limit = f"PoolMaxPerApp {processes}" if processes else ""
        return f"{language.conf}\n{limit}"

    def lines(self, text):
        """What of a configuration this gateway understands."""
        return text

    def before_start(self, _h):
        """Whatever has to run beside httpd."""

    def after_stop(self):
        """The end of it."""


class Peer(Pool):
    """Another gateway: at most four processes, patience for a hang short."""

    foreign = re.compile(r"\s*(Pool|LogLevel apppool:)")

    module = False
    timeout = 6
    usual = 4

    def main(self, _h):
        return ""

    def lines(self, text):
        return "\n".join(line for line in text.splitlines()
                         if not self.foreign.match(line))


class UrlPeer(Peer):
    """One that takes all URLs of a vhost: those of files under DocumentRoot
    have to be named to it, each in a line of its own."""

    file_line = 'Alias "{uri}" "{file}"'

    def main(self, h):
        self._h, self._apps = h, {}
        return ""

    def files(self, app):
        """The line that goes before the one which takes all."""
        name = self._apps[app] = self._h.folder / f"{app.root.name}-files.conf"
        return f"Include {name}"

    def before_start(self, h):
        for app, name in self._apps.items():
            name.write_text("".join(
                self.file_line.format(
                    uri=f"/{path.relative_to(app.public)}", file=path) + "\n"
                for path in sorted(app.public.rglob("[!.]*"))
                if path.is_file()))


class Passenger(Peer):
    languages = ("wsgi", "rack")
    modules = ("passenger",)

    def main(self, h):
        # No vhost can have a PassengerMaxInstancesPerApp of its own: what is
        # asked of an application with one process is asked of one with four.
        (h.folder / "run/passenger").mkdir()
        return f"""
PassengerRoot /usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini
PassengerPython /usr/bin/python3
PassengerDefaultRuby /usr/bin/ruby
PassengerMaxPoolSize 40
PassengerMaxInstancesPerApp {self.usual}
PassengerInstanceRegistryDir {h.folder}/run/passenger
PassengerDisableSecurityUpdateCheck on
PassengerDisableAnonymousTelemetry on
PassengerLogLevel 2"""

    def vhost(self, app, language, processes=None):
        # It does not decode Python's PATH_INFO: its probe does, so that what
        # depends on arguments can be asked.
        return f"PassengerEnabled on\nPassengerAppRoot {app.root}\n" \
               "SetEnv PROBE_PATH_IS_RAW 1"


class ModWsgi(UrlPeer):
    """Its daemon mode."""

    languages = ("wsgi",)
    modules = ("wsgi",)

    def main(self, h):
        super().main(h)
        return f"WSGISocketPrefix {h.folder}/run/wsgi"

    def vhost(self, app, language, processes=None):
        group = app.root.name
        self._h.conf += (
            f"\nWSGIDaemonProcess {group} threads=1 user={app.user} "
            f"processes={processes or self.usual} home={app.root}")
        return f"""
            WSGIProcessGroup {group}
            WSGIApplicationGroup %{{GLOBAL}}
            WSGIPassAuthorization On
            {self.files(app)}
            WSGIScriptAlias / {app.root}/{language.startup}"""


class ModFcgid(UrlPeer):
    languages = ("fastcgi",)
    modules = ("fcgid",)

    def main(self, h):
        super().main(h)
        return f"""
FcgidIPCDir {h.folder}/run/fcgid
FcgidProcessTableFile {h.folder}/run/fcgid_shm
FcgidMaxRequestLen 5000000000
FcgidMinProcessesPerClass 0
FcgidOutputBufferSize 0"""

    def vhost(self, app, language, processes=None):
        app.root.chmod(0o777)       # its programs run as httpd does
        return f"""
            FcgidMaxProcessesPerClass {processes or self.usual}
            {self.files(app)}
            Alias "/" "{app.root}/{language.startup}/"
            <Directory "{app.root}">
                SetHandler fcgid-script
                Options +ExecCGI
            </Directory>
            <Location />
                CGIPassAuth On
            </Location>"""


class ModProxyHttp(UrlPeer):
    """gunicorn and puma behind httpd's own proxy."""

    languages = ("wsgi", "rack")
    modules = ("proxy", "proxy_http")
    file_line = 'ProxyPass "{uri}" "!"'
    commands = {
        "wsgi": ("gunicorn", "-w", "{n}", "-b", "unix:{socket}",
                 "passenger_wsgi:application"),
        "rack": ("puma", "-q", "-e", "production", "-w", "{n}", "-t", "1:1",
                 "-b", "unix://{socket}", "config.ru")}

    def __init__(self):
        self._wanted, self._running = {}, []

    def vhost(self, app, language, processes=None):
        socket = app.root / "socket"
        self._wanted[socket] = [
            word.format(n=processes or self.usual, socket=socket)
            for word in self.commands[language.name]], app
        return f"""
            {self.files(app)}
            ProxyPass "/" "unix:{socket}|http://{app.root.name}/" retry=0
            ProxyPreserveHost On"""

    def before_start(self, h):
        super().before_start(h)
        for socket, (command, app) in self._wanted.items():
            become = {}
            if users.is_root():
                uid, gid = users.ids(app.user)
                become = {"user": uid, "group": gid, "extra_groups": []}
            with open(h.log.path, "ab") as log:
                self._running.append(subprocess.Popen(
                    command, cwd=app.root, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, umask=0,
                    env={"PATH": "/usr/bin:/bin", "HOME": str(app.root),
                         "PYTHONDONTWRITEBYTECODE": "1"}, **become))
            eventually(socket.exists, 30, f"{command[0]} listens")
            socket.chmod(0o777)

    def after_stop(self):
        for helper in self._running:
            helper.terminate()
        for helper in self._running:
            try:
                helper.wait(10)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()


GATEWAYS = {"apppool": Pool, "passenger": Passenger, "mod_wsgi": ModWsgi,
            "mod_fcgid": ModFcgid, "mod_proxy_http": ModProxyHttp}


def missing(name):
    """What a gateway needs and this machine has not; empty: nothing."""
    gateway = GATEWAYS[name]
    lacks = [f"mod_{module}" for module in gateway.modules
             if not module_path(module).exists()]
    if gateway is ModProxyHttp:
        lacks += [command[0] for command in ModProxyHttp.commands.values()
                  if not shutil.which(command[0])]
    return lacks
