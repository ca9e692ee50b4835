# SPDX-License-Identifier: Apache-2.0
"""The probes themselves: that each language's does what ../README says, so
that other tests may ask any of them."""

import hashlib
import json

import pytest

from harness.languages import ACTIONS, LANGUAGES


@pytest.fixture(params=list(LANGUAGES), scope="module")
def language(request):
    if not LANGUAGES[request.param].is_there:
        pytest.skip(f"{LANGUAGES[request.param].program} is not installed")
    return LANGUAGES[request.param]


@pytest.fixture
def site(shared, language):
    return shared.probes[language.name]


def test_a_probe_has_the_actions_its_language_can_have(site, language):
    assert sorted(site.get("/actions").json) == \
        sorted(ACTIONS - set(language.lacks))


def test_bodies_go_in_and_come_out(site, language):
    body = bytes(range(256)) * 1000
    assert site.post("/echo", body).body == body
    assert site.post("/relay", body).body == body
    got = site.post("/digest", body).json
    assert got["sha256"] == hashlib.sha256(body).hexdigest()
    assert got["length"] == int(got["content_length"]) == len(body)
    assert got["past_the_end"] == ""
    assert site.post("/early/9", b"abc").body == b"x" * 9 + b"\nread 3"
    assert site.post("/part/2", b"abc").body == b"part 2"
    if language.has("rewind"):
        assert site.post("/rewind", body).body == b"true"


def test_lengths_are_given_or_not(site):
    answer = site.get("/size/100000")
    assert answer.body == b"x" * 100000
    answer = site.get("/length/100000")
    assert answer.header("Content-Length") == "100000"
    assert answer.body == (bytes(range(251)) * 400)[:100000]
    assert site.get("/trickle/2/0").body == b"piece 0\npiece 1\n"
    answer = site.get("/sse/2/0")
    assert answer.header("Content-Type").startswith("text/event-stream")
    assert answer.body == b"data: 0\n\ndata: 1\n\n"
    assert site.get("/quiet/0").body == b"begin\nend\n"


def test_headers_are_what_was_asked_for(site):
    headers = b"X-A\x1f1\x1eX-B\x1ftwo\x1eContent-Type\x1ftext/x"
    answer = site.get(f"/reply/203/{headers.hex()}/{b'body'.hex()}")
    assert (answer.status, answer.body) == (203, b"body")
    assert (answer.header("X-A"), answer.header("X-B")) == ("1", "two")
    assert answer.header("Content-Type") == "text/x"
    answer = site.get("/reply/200/-/-")
    assert (answer.status, answer.body) == (200, b"")
    answer = site.get("/many/3/10")
    assert answer.header("X-Many-2") == "m" * 10
    assert answer.header("X-Many-3") is None
    assert site.get("/status/418%20Teapot").body == b"own body\n"
    answer = site.get("/location/201%20Made")
    assert (answer.status, answer.body) == (201, b"look there")
    assert site.get("/headers").header("X-Bytes") == "caf\xe9"
    answer = site.get("/sendfile/x")
    assert answer.header("X-Sendfile") == f"{site.app.root}/x"


def test_files_are_left_in_the_root(site):
    site.post("/mark/marked", b"12345")
    site.get("/line/one")
    site.get("/line/two%20words")
    assert site.app.read("marked") == "5"
    assert site.app.read("lines") == "one\ntwo words\n"


def test_a_process_tells_about_itself(site, language):
    inside = site.get("/inside").json
    assert inside["cwd"] == str(site.app.root)
    assert inside["stdin"] == "/dev/null" or not language.has("null-stdin")
    assert inside["umask"] == 0o022
    assert set(inside["uids"]) == {site.app.root.stat().st_uid}
    assert set(inside["gids"]) == {site.app.root.stat().st_gid}
    assert inside["groups"] == sorted(inside["groups"])
    assert isinstance(inside["argv"], list) and inside["sid"]
    assert inside["environ"]["RACK_ENV"] == "production"
    pids = site.httpd.processes_of(site.app)
    assert {inside["pid"], int(site.get("/pid").body),
            int(site.get("/sleep/0").body)} <= set(pids)


def test_variables_are_strings(site):
    got = site.get("/env/x?q=1", {"X-A": "a"}).json
    assert got["REQUEST_METHOD"] == "GET"
    assert got["QUERY_STRING"] == "q=1"
    assert got["HTTP_X_A"] == "a"
    assert got["PATH_INFO"] == "/env/x"
    assert json.dumps(got)


def test_it_ends_or_raises_as_told(site, language):
    if language.has("boom"):
        assert site.get("/boom").status == 500
    assert site.get("/gone").status == 502
    assert site.get("/killed").status == 502
    assert site.get("/gone-once/once").body == b"2"
