# SPDX-License-Identifier: Apache-2.0
"""Whoever inherits the httpd parent's descriptors without having been executed
anew (mod_cgid's and mod_wsgi's daemons do) gets nothing out of them."""

from pathlib import Path

import pytest

from harness import eventually
from harness.config import module_path

pytestmark = [pytest.mark.needs_root, pytest.mark.skipif(
    not module_path("wsgi").exists(), reason="needs mod_wsgi")]

HEIR = (Path(__file__).parent / "apps/heir.py").read_text()
HELLO = "def application(e, s):\n    s('200 OK', [])\n    return [b'hello']\n"


@pytest.fixture
def heirs(httpd):
    """An application of ours, and a daemon of mod_wsgi as another user."""
    h = httpd(conf=f"""
        LoadModule wsgi_module {module_path('wsgi')}
        WSGISocketPrefix run/wsgi
        PoolMax 2""", allow_log="pool server|mod_wsgi")
    h.ours = h.vhost(h.wsgi_app("ours", HELLO))
    app = h.wsgi_app("heir", user="mail")
    app.write("heir.wsgi", HEIR)
    h.heir = h.vhost(app, extra=f"""
        PoolEnabled off
        WSGIDaemonProcess heir processes=1 threads=1 user={app.user}
        WSGIScriptAlias / {app.root}/heir.wsgi
        WSGIProcessGroup heir
        WSGIApplicationGroup %{{GLOBAL}}""")
    h.start()
    assert h.ours.get().body == b"hello"
    return h


def test_heir_gets_no_channel_and_no_word(heirs):
    answer = heirs.heir.get("/try").json
    assert answer["uid"] != 0
    tried = answer["result"]
    assert tried, "it has inherited no socket of ours: nothing was tried"
    for fd, what in tried.items():
        for how in ("channel", "config"):
            silent = what[how] in ("silence", "echo", ["silence"])
            assert silent or str(what[how]).startswith("error"), (fd, what)
    # Noticed, and said once a while rather than with each attempt.
    lines = [line for line in heirs.log.text().splitlines()
             if "refused, not one of those who may" in line]
    assert 0 < len(lines) < 2 * len(tried), lines
    assert heirs.ours.get().body == b"hello"


def test_connections_that_an_heir_plants_are_not_used(heirs):
    assert heirs.heir.get("/try").json["result"]
    heirs.restart()     # new children, the same daemon's descriptors are gone
    assert heirs.ours.get().body == b"hello"


def test_children_find_a_server_after_an_heir_has_emptied_the_mailbox(heirs):
    """httpd's parent looks every ten seconds."""
    heirs.graceful()  # the daemon is another, forked with all the descriptors
    assert eventually(lambda: heirs.heir.get("/wait").status == 200, 10,
                      "the daemon") is not None
    assert heirs.ours.get().body == b"hello"
    master = heirs.master
    master.kill()
    eventually(lambda: heirs.master not in (None, master), 5, "a new server")
    # Again and again: the new server is there a little before its message.
    eventually(lambda: heirs.heir.get("/occupy").json["result"]["taken"] and
               "somebody else has emptied" in heirs.log.text(), 30,
               "the parent has noticed")
    eventually(lambda: heirs.ours.get().status == 200, 30, "it serves")


def test_children_take_no_server_that_an_heir_offers(heirs):
    heirs.heir.get("/try")
    master = heirs.master
    master.kill()
    eventually(lambda: heirs.master not in (None, master), 5, "a new server")
    eventually(lambda: heirs.ours.get().status == 200, 10, "it serves")
    waited = heirs.heir.get("/wait").json["result"]
    assert waited["planted"] > 0 and waited["heard"] == []


def test_what_an_heir_steals_from_a_child_is_of_no_use_to_it(heirs):
    """All who share the rendezvous may read its answers."""
    heirs.heir.get("/steal")
    heir = [child for child in heirs.children if child.uids[0] ==
            heirs.heir.get("/wait").json["uid"]]
    for child in heirs.children:
        if child not in heir:
            child.kill()        # those that follow ask for a channel
    stolen = heirs.heir.get("/stolen").json["result"]
    assert stolen and set(stolen) <= {"silence", "error 32"}, stolen
    eventually(lambda: heirs.ours.get().body == b"hello", 10, "it serves")


@pytest.mark.parametrize("how, told", [
    ("shut", "the pool server has ended unexpectedly"),
    ("mute", "somebody else has changed how httpd reaches the pool server")])
def test_httpd_serves_again_after_an_heir_has_cut_it_off(heirs, how, told):
    master = heirs.master
    assert heirs.heir.get(f"/{how}").json["result"] >= 4
    if how == "shut":
        eventually(lambda: heirs.master not in (None, master), 10, "a server")
    heirs.graceful()
    eventually(lambda: heirs.master not in (None, master), 10, "a new server")
    heirs.log.wait(told)
    eventually(lambda: heirs.ours.get().body == b"hello", 10, "it serves")
