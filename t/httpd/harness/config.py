# SPDX-License-Identifier: Apache-2.0
"""The httpd.conf of an instance."""

import os
import subprocess
from functools import lru_cache
from pathlib import Path

# Close to what a distribution's stock configuration loads.
BASE_MODULES = ("authn_core", "authn_file", "authz_core", "authz_host",
                "authz_user", "auth_basic", "alias", "autoindex", "dir", "env",
                "headers", "log_config", "mime", "rewrite", "setenvif",
                "status", "unixd", "version")

# The number of children stays what it is at start, so that descriptors and
# memory of every process can be compared over a run.
MPM_CONF = {
    "event": """
StartServers 2
ServerLimit 6
ThreadsPerChild 20
MaxRequestWorkers 60
MinSpareThreads 1
MaxSpareThreads 60
""",
    "prefork": """
StartServers 4
ServerLimit 40
MaxRequestWorkers 40
MinSpareServers 1
MaxSpareServers 40
""",
}
MPM_CONF["worker"] = MPM_CONF["event"]
MPMS = ("event", "worker", "prefork")


@lru_cache(maxsize=None)
def apxs(name):
    """What httpd was built with."""
    program = os.environ.get("APXS") or "apxs"
    return subprocess.check_output((program, "-q", name), text=True).strip()


def httpd_program():
    """What $HTTPD names, else what belongs to apxs ($APXS)."""
    if os.environ.get("HTTPD"):
        return Path(os.environ["HTTPD"])
    return Path(apxs("SBINDIR")) / apxs("PROGNAME")


def module_path(name):
    return Path(apxs("LIBEXECDIR")) / f"mod_{name}.so"


@lru_cache(maxsize=None)
def _built_in():
    listing = subprocess.check_output((httpd_program(), "-l"), text=True)
    return {line.strip()[len("mod_"):-len(".c")]
            for line in listing.splitlines()
            if line.strip().startswith("mod_")}


def load_modules(mpm, names):
    """LoadModule lines for one MPM and the named modules, each once."""
    wanted = [f"mpm_{mpm}", *dict.fromkeys((*BASE_MODULES, *names))]
    return "\n".join(f"LoadModule {name}_module {module_path(name)}"
                     for name in wanted if name not in _built_in())


def pool_conf(stage):
    """What makes the module run from a stage."""
    return f"""
LoadModule apppool_module {stage.module}
PoolServerExecutable {stage.server}
PoolSpawnServer {stage.spawn}
LogLevel apppool:debug
"""


STATUS_LOCATION = """
    <Location "/apppool-status">
        SetHandler apppool-status
        Require local
    </Location>"""


def status_vhost(listen, base, name):
    """A vhost with nothing but the status page."""
    return vhost_conf(listen, name, f"{base}/empty", STATUS_LOCATION)


def main_conf(base, listen, mpm, user, modules, stage, extra, mpm_conf):
    """Everything but the vhosts. `user` is httpd's User, None when httpd is
    not started as root; `stage` None leaves the module out."""
    identity = f"User {user[0]}\nGroup {user[1]}" if user else ""
    return f"""ServerRoot {base}
DefaultRuntimeDir run
PidFile run/httpd.pid
Listen {listen}
ServerName localhost
{load_modules(mpm, modules)}
{identity}
{MPM_CONF[mpm] if mpm_conf is None else mpm_conf}
ErrorLog logs/error.log
LogLevel notice
CustomLog logs/access.log "%V \\"%r\\" %>s %B %X"
TypesConfig /etc/mime.types
DirectoryIndex index.html
GracefulShutdownTimeout 10
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory {base}/apps>
    Options Indexes FollowSymLinks
    AllowOverride All
    Require all granted
</Directory>
{pool_conf(stage) if stage else ""}
{extra}
"""


def vhost_conf(listen, name, document_root, extra):
    root = f"DocumentRoot {document_root}" if document_root else ""
    return f"""
<VirtualHost {listen}>
    ServerName {name}
    {root}
    {extra}
</VirtualHost>
"""
