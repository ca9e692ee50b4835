# SPDX-License-Identifier: Apache-2.0
"""The demonstration: t/demo/run starts it, a visitor uses it, it ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from harness import eventually, procs
from harness.client import exchange

RUN = Path(__file__).parents[1] / "demo/run"


class Visitor:
    """A browser without scripts: one cookie, the last page."""

    def __init__(self, address):
        self.address = address
        self.cookie = []

    def get(self, target):
        answer = exchange(self.address, "GET", target, None, self.cookie)
        if answer.header("Set-Cookie"):
            self.cookie = [("Cookie",
                            answer.header("Set-Cookie").split(";")[0])]
        return answer

    def token(self):
        return re.search(r'name="token" value="(\w+)"', self.get("/").text)[1]

    def post(self, target, body, content_type):
        return exchange(self.address, "POST", target, body,
                        [*self.cookie, ("Content-Type", content_type)])


@pytest.fixture
def demo(stage):
    procs.become_subreaper()
    process = subprocess.Popen(
        [sys.executable, RUN, "--stage", os.environ["APPPOOL_STAGE"]],
        stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        url = urlsplit(re.search(r"http://\S+", said)[0])
        process.address = (url.hostname, url.port)
        process.folder = Path(re.search(r"(/\S+)/logs/error.log", said)[1])
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)
        process.stdout.close()
    eventually(lambda: not below_us(), 8)


def below_us():
    pids = procs.below(os.getpid())
    procs.reap_adopted(pids)
    return [p for p in map(procs.Proc, pids) if p.alive]


def test_a_visitor_signs_uploads_downloads_and_watches(demo):
    visitor = Visitor(demo.address)
    token = visitor.token()
    form = "application/x-www-form-urlencoded"
    answer = visitor.post("/entries", urlencode({
        "token": token, "name": "Ada", "message": "<hello> \xfc"}), form)
    assert answer.status == 303
    assert "&lt;hello&gt; \xfc" in visitor.get("/").text
    assert visitor.post("/entries", "token=x&name=a&message=b",
                        form).status == 403

    data = os.urandom(200000)
    part = '--B\r\nContent-Disposition: form-data; name='
    body = (f'{part}"token"\r\n\r\n{token}\r\n{part}"file"; '
            'filename="a.bin"\r\n\r\n').encode() + data + b"\r\n--B--\r\n"
    answer = visitor.post("/files", body, "multipart/form-data; boundary=B")
    assert answer.status == 303
    link = re.search(r'href="(/files/\d+/a.bin)"', visitor.get("/").text)[1]
    download = visitor.get(link)
    assert download.body == data
    assert "attachment" in download.header("Content-Disposition")
    assert visitor.get("/style.css").header("ETag")
    assert "step 20 of 20" in visitor.get("/stream").text


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_removes_its_folder(demo, signo):
    Visitor(demo.address).get("/")
    assert demo.folder.exists()
    demo.send_signal(signo)
    assert demo.wait(12) == 0
    assert not demo.folder.exists()
    assert not below_us()


def test_it_ends_with_its_caller(stage):
    """The caller is killed; what it had started goes, the folder too."""
    procs.become_subreaper()
    caller = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; "
         "subprocess.run(sys.argv[1:])", RUN, "--stage",
         os.environ["APPPOOL_STAGE"]], stdout=subprocess.PIPE, text=True)
    with caller.stdout:
        said = ""
        while "Ctrl-C" not in said:
            line = caller.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        caller.kill()
        caller.wait()
        folder = Path(re.search(r"(/\S+)/logs/error.log", said)[1])
        eventually(lambda: not below_us(), 15)
        assert not folder.exists()
