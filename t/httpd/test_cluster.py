# SPDX-License-Identifier: Apache-2.0
"""Several hosts behind httpd's own balancer, as doc/cluster says: one is
drained, one is killed, and no idempotent request fails."""

import functools
import http.client
import os
import re
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest

from harness import Httpd, eventually, is_root

DOCUMENT = Path(__file__).parents[2] / "doc/cluster"
FRONT_MODULES = ("proxy", "proxy_http", "proxy_balancer", "proxy_hcheck",
                 "lbmethod_byrequests", "slotmem_shm", "watchdog")
# Others beside it would change what is measured.
RUNS_ALONE = True

NAMES = ("a", "b", "c")
APP = """
import os, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %d %s" % (os.environ["HOST_NAME"], os.getpid(),
             environ["REQUEST_URI"])).encode()]
"""


def example(title):
    """The block of configuration below a heading of the document."""
    text = DOCUMENT.read_text()
    block = text[text.index(title):].split("\n\n", 2)[1]
    return "\n".join(line[4:] for line in block.splitlines())


class Traffic:
    """GETs from several threads, until the end of the with block."""

    def __init__(self, front, threads=6):
        self.front = front
        self.lost = []
        self.answers = []
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,))
                         for n in range(threads)]

    def _run(self, number):
        while not self._ends.is_set():
            target = f"/{'slow' if number % 2 else ''}?a%20b=%2f&n={number}"
            try:
                answer = self.front.get(target)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(error)
                continue
            if answer.status != 200 or not answer.text.endswith(" " + target):
                self.lost.append(answer)
            else:
                self.answers.append(answer.text.split()[0])

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join(40)
        assert not self.lost, self.lost[:3]

    def more(self, count=60):
        """The hosts of the next answers."""
        begin = len(self.answers)
        eventually(lambda: len(self.answers) >= begin + count, 30)
        return Counter(self.answers[begin:])


class Network:
    """A namespace for each host, with a cable of its own to this one; hosts
    at ports of this one where namespaces cannot be made."""

    def __init__(self):
        self.spaces = {}

    def place(self, name):
        """What Httpd needs to be on a host of this name."""
        space = f"apppool-{os.getpid()}-{name}"
        if not is_root() or not ip("netns", "add", space):
            return {}
        self.spaces[name] = space
        near, far = f"ap{os.getpid() % 100000}{name}", "eth0"
        net = f"10.231.{os.getpid() % 250}"
        first = 4 * len(self.spaces)
        for words in (f"link add {near} type veth peer name {far} "
                      f"netns {space}",
                      f"addr add {net}.{first + 1}/30 dev {near}",
                      f"link set {near} up",
                      f"-n {space} addr add {net}.{first + 2}/30 dev {far}",
                      f"-n {space} link set {far} up",
                      f"-n {space} link set lo up"):
            # A namespace that was deleted just before may be on its way yet.
            eventually(lambda: ip(*words.split()), 10, words)
        return {"address": (f"{net}.{first + 2}", 8080),
                "wrapper": ("ip", "netns", "exec", space)}

    def unplug(self, name):
        if name in self.spaces:
            ip("netns", "del", self.spaces.pop(name))

    def close(self):
        for name in list(self.spaces):
            self.unplug(name)


def ip(*words):
    try:
        return subprocess.run(["ip", *words], stderr=subprocess.DEVNULL,
                              timeout=20).returncode == 0
    except FileNotFoundError:
        return False


def host_of(stage, name, network):
    h = Httpd(stage=stage, conf="PoolMax 4", **network.place(name))
    h.vhost(h.wsgi_app("shop", APP), name="shop.test", extra=example(
        "On each host").replace("host-a", name)
        + f"\nPoolSetEnv HOST_NAME {name}\nPoolMaxPerApp 2")
    return h.start()


def front_of(hosts):
    conf = example("On the balancer")
    for name, h in hosts.items():
        conf = conf.replace(f"host-{name}.example.org",
                            "%s:%d" % h.address)
        conf = re.sub(rf"route=host-{name}\b", f"route={name}", conf)
    front = Httpd(module=False, modules=FRONT_MODULES,
                  conf="ProxyHCTPsize 4", allow_log=r"proxy|AH0")
    front.vhost(name="shop.example.org", extra=conf)
    return front


@pytest.fixture
def cluster(stage, mpm):
    hosts, front = {}, None
    network = Network()
    try:
        for name in NAMES:
            hosts[name] = host_of(stage, name, network)
            hosts[name].unplug = functools.partial(network.unplug, name)
        front = front_of(hosts)
        front.start()
        yield hosts, front
    finally:
        for h in [front, *hosts.values()]:
            if h is not None:
                h.close(check=False)
        network.close()


def ctl(h, command):
    subprocess.run([h.stage.ctl, command, "--pid", str(h.pid)], check=True,
                   timeout=30)


def test_one_is_drained_one_is_killed_and_no_request_fails(cluster):
    hosts, front = cluster
    with Traffic(front) as traffic:
        eventually(lambda: set(traffic.more()) == set(NAMES), 20)

        ctl(hosts["b"], "drain")
        eventually(lambda: "b" not in traffic.more(), 20)
        assert hosts["b"].sites[0].get("/").status == 200
        ctl(hosts["b"], "undrain")
        eventually(lambda: "b" in traffic.more(), 20)

        hosts["c"].kill()
        hosts["c"].unplug()
        eventually(lambda: "c" not in traffic.more(), 20)
        assert set(traffic.more()) == {"a", "b"}


def test_a_client_stays_with_its_process_until_its_host_is_drained(cluster):
    hosts, front = cluster
    first = front.get("/")
    cookie = re.match(r"apppool_route=([^;]+)", first.header("Set-Cookie"))[1]
    home, pid, *_ = first.text.split()
    assert cookie.endswith("." + home)
    for _ in range(9):
        answer = front.get("/", headers={"Cookie": f"apppool_route={cookie}"})
        assert answer.text.split()[:2] == [home, pid]

    ctl(hosts[home], "drain")

    def elsewhere():
        answer = front.get("/", headers={"Cookie": f"apppool_route={cookie}"})
        assert answer.status == 200
        return answer.text.split()[0] != home and answer
    answer = eventually(elsewhere, 20)
    new = re.match(r"apppool_route=([^;]+)", answer.header("Set-Cookie"))[1]
    assert not new.endswith("." + home)


def test_a_post_is_never_sent_twice(cluster):
    hosts, front = cluster
    answer = front.post("/", b"x")
    assert answer.status == 200
    for h in hosts.values():
        h.kill()
    assert front.post("/", b"x").status in (502, 503)
