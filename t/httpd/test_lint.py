# SPDX-License-Identifier: Apache-2.0
"""The same applications, wrapped in their languages' own lint, under every
MPM, with an httpd started as root and as a user."""

import pytest

pytestmark = [pytest.mark.all_mpms, pytest.mark.both_privileges]

PROBE_CONF = "PoolSetEnv PROBE_LINT 1"

REQUESTS = [
    ("GET", "/env", None), ("GET", "/env/a%20b?q=1", None),
    ("HEAD", "/env", None), ("OPTIONS", "/env", None),
    ("POST", "/echo", b""), ("POST", "/echo", b"x" * 100000),
    ("PUT", "/digest", b"y" * 70000), ("DELETE", "/ignore", b"z"),
    ("GET", "/status/204%20No", None), ("GET", "/status/304%20Same", None),
    ("GET", "/status/404%20No", None), ("GET", "/size/0", None),
    ("GET", "/size/300000", None), ("GET", "/trickle/3/0.02", None),
    ("GET", "/say", None),
]


def test_lint_finds_nothing(shared, probe):
    since = shared.log.position()
    for method, target, body in REQUESTS:
        answer = probe.request(method, target, body)
        assert answer.status < 500, (method, target, answer)
    text = shared.log.text(since)
    for word in ("AssertionError", "LintError", "Traceback"):
        assert word not in text, text


@pytest.mark.needs("boom")
def test_an_exception_is_an_answer_too(probe):
    assert probe.get("/boom").status == 500
    assert probe.get("/pid").status == 200


def test_chunked_uploads_satisfy_lint(probe):
    answer = probe.post("/digest", iter([b"a" * 10, b"b" * 90000]))
    assert answer.json["length"] == 90010
