# SPDX-License-Identifier: Apache-2.0
"""From the client to the application: variables, headers, bodies."""

import base64
import hashlib
import os

import pytest

from harness import eventually


def setup_shared(h):
    wsgi = h.probes["wsgi"].app
    users = h.folder / "users"
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    users.write_text("ada:{SHA}" + digest)
    h.vhost(wsgi, name="slashes.test", extra="AllowEncodedSlashes NoDecode")
    h.vhost(wsgi, name="rewrite.test", extra="""
        RewriteEngine on
        RewriteRule ^/old/(.*)$ /env/new/$1 [PT,E=FROM_RULE:yes]
        SetEnv FROM_CONF one""")
    h.vhost(wsgi, name="second.test", extra="SetEnv FROM_CONF two")
    for name, pass_auth in (("auth.test", ""), ("pass.test", "CGIPassAuth On")):
        h.vhost(wsgi, name=name, extra=f"""
            <Location />
                AuthType Basic
                AuthName x
                AuthUserFile {users}
                Require valid-user
                {pass_auth}
            </Location>""")
    h.vhost(wsgi, name="limit.test", extra="LimitRequestBody 1000")


def site(shared, name):
    return next(s for s in shared.sites if s.name == name)


def env(site, target="/env", headers=(), **options):
    answer = site.get(target, headers, **options)
    assert answer.status == 200, answer
    return answer.json


# -- variables -------------------------------------------------------------

@pytest.mark.needs("variables")
def test_an_application_at_the_root_has_an_empty_script_name(probe):
    got = env(probe, "/")
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == (
        probe.language.script, "/")


def test_query_string_is_raw_and_never_missing(probe):
    assert env(probe)["QUERY_STRING"] == ""
    assert env(probe, "/env?")["QUERY_STRING"] == ""
    assert env(probe, "/env?a=%41+b&c")["QUERY_STRING"] == "a=%41+b&c"


def test_request_uri_is_what_the_client_sent(probe):
    target = "/env/a%20b/%2c;x=1?q=%20"
    assert env(probe, target)["REQUEST_URI"] == target


def test_wsgi_path_info_is_decoded_once(wsgi):
    assert env(wsgi, "/env/%2c/%252c")["PATH_INFO"] == "/env/,/%2c"


def test_wsgi_path_info_has_its_bytes_as_latin_1(wsgi):
    assert env(wsgi, "/env/caf%c3%a9")["PATH_INFO"] == "/env/caf\xc3\xa9"


def test_rack_path_info_stays_encoded(rack):
    got = env(rack, "/env/caf%c3%a9/%252c")
    assert got["PATH_INFO"] == "/env/caf%c3%a9/%252c"


def test_an_encoded_slash_is_refused_unless_allowed(shared, probe):
    assert probe.get("/env/a%2Fb").status == 404
    got = env(site(shared, "slashes.test"), "/env/a%2Fb")
    assert got["PATH_INFO"] == "/env/a%2Fb"


@pytest.mark.needs("variables")
def test_double_slashes_never_get_into_script_name(probe):
    got = env(probe, "//env//x")
    assert got["SCRIPT_NAME"] == probe.language.script


def test_rewritten_requests_show_the_new_path_and_the_old_uri(shared):
    got = env(site(shared, "rewrite.test"), "/old/x")
    assert got["PATH_INFO"] == "/env/new/x"
    assert got["REQUEST_URI"] == "/old/x"
    assert got["FROM_RULE"] == "yes"


def test_vhosts_of_one_application_share_processes_not_variables(shared):
    first, second = (site(shared, n) for n in ("rewrite.test", "second.test"))
    assert env(first)["FROM_CONF"] == "one"
    assert env(second)["FROM_CONF"] == "two"
    roots = [a["root"] for a in shared.status()["applications"]]
    assert roots.count(str(shared.probes["wsgi"].app.root)) == 1


@pytest.mark.needs("variables")
def test_server_name_and_port_come_from_host_and_the_real_port(shared, probe):
    port = str(shared.address[1])
    for host in (probe.name, f"{probe.name}:{port}"):
        got = env(probe, host=host)
        assert (got["SERVER_NAME"], got["SERVER_PORT"]) == (probe.name, port)
        assert got["HTTP_HOST"] == host


def test_an_ipv6_host_keeps_its_brackets(shared):
    got = shared.get("/env", host="[::1]:%d" % shared.address[1]).json
    assert got["SERVER_NAME"] == "[::1]"


@pytest.mark.every_version
@pytest.mark.needs("variables")
def test_server_protocol_is_the_clients(probe):
    """BEHAVIOUR 33"""
    version = {"2": "2.0"}.get(probe.version, probe.version)
    assert env(probe)["SERVER_PROTOCOL"] == f"HTTP/{version}"


def test_the_client_is_named(probe):
    got = env(probe)
    assert got["REMOTE_ADDR"] == "127.0.0.1"
    assert got["REQUEST_METHOD"] == "GET"
    assert "REMOTE_USER" not in got


def test_wsgi_has_what_pep_3333_asks_for(wsgi):
    got = env(wsgi)
    assert got["wsgi.version"] == "(1, 0)"
    assert got["wsgi.url_scheme"] == "http"
    assert (got["wsgi.multithread"], got["wsgi.multiprocess"],
            got["wsgi.run_once"]) == (False, True, False)
    assert "HTTPS" not in got or got["HTTPS"] in ("", "off")


def test_rack_has_what_its_spec_asks_for(rack):
    got = env(rack)
    assert got["rack.url_scheme"] == "http"
    assert {"rack.input", "rack.errors"} <= got.keys()


def test_the_pools_own_variables_stay_inside(probe):
    names = env(probe).keys()
    assert not [n for n in names if n.startswith("APPPOOL_") or n == "SCGI"]


# -- headers ---------------------------------------------------------------

def test_headers_of_one_name_are_joined(probe):
    got = env(probe, headers=[("X-A", "1"), ("X-A", "2")])
    assert got["HTTP_X_A"] == "1, 2"


def test_a_proxy_header_never_becomes_http_proxy(probe):
    assert "HTTP_PROXY" not in env(probe, headers={"Proxy": "http://evil"})


def test_a_header_with_an_odd_name_is_dropped_and_logged(shared, probe):
    since = shared.log.position()
    got = env(probe, headers={"X_Forged": "1", "Remote_User": "root"})
    assert "HTTP_X_FORGED" not in got and "HTTP_REMOTE_USER" not in got
    shared.log.wait("(?i)X_Forged", since=since)


@pytest.mark.needs("variables")
def test_no_header_sets_a_server_variable(probe):
    got = env(probe, headers={"Remote-User": "root", "Https": "on",
                              "Script-Name": "/x", "Document-Root": "/"})
    assert "REMOTE_USER" not in got
    assert got["SCRIPT_NAME"] == probe.language.script
    assert "HTTPS" not in got or got["HTTPS"] in ("", "off")


def test_content_headers_come_once(probe):
    got = probe.request("POST", "/env", b"abc",
                        [("Content-Type", "text/x")]).json
    assert (got["CONTENT_TYPE"], got["CONTENT_LENGTH"]) == ("text/x", "3")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & got.keys()


@pytest.mark.versions("1.0", "1.1")     # HTTP/2 has none
def test_hop_by_hop_headers_stop_here(probe):
    got = env(probe, headers={"Connection": "keep-alive, X-Hop", "TE": "gzip",
                              "Keep-Alive": "timeout=5", "X-Hop": "1",
                              "Upgrade": "nothing"})
    assert not {"HTTP_CONNECTION", "HTTP_TE", "HTTP_KEEP_ALIVE",
                "HTTP_UPGRADE", "HTTP_X_HOP"} & got.keys()


def test_authorization_reaches_the_application(probe):
    got = env(probe, headers={"Authorization": "Bearer abc"})
    assert got["HTTP_AUTHORIZATION"] == "Bearer abc"


def test_authorization_stays_here_when_httpd_used_it(shared):
    login = {"Authorization": "Basic YWRhOnNlY3JldA=="}
    assert site(shared, "auth.test").get("/env").status == 401
    got = env(site(shared, "auth.test"), headers=login)
    assert got["REMOTE_USER"] == "ada"
    assert "HTTP_AUTHORIZATION" not in got
    got = env(site(shared, "pass.test"), headers=login)
    assert got["HTTP_AUTHORIZATION"] == login["Authorization"]


def test_headers_and_urls_of_seven_kib_arrive_whole(probe):
    long = "x" * 7000
    got = env(probe, f"/env?{long}", {"X-Long": long})
    assert (got["HTTP_X_LONG"], got["QUERY_STRING"]) == (long, long)


def test_a_path_longer_than_file_names_may_be_arrives(probe):
    for path in ("/env/" + "x" * 300, "/env" + "/0123456789" * 600):
        assert env(probe, path)["PATH_INFO"] == path


# -- methods ---------------------------------------------------------------

@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE",
                                    "PROPFIND", "REPORT", "MKCALENDAR",
                                    "PURGE", "BREW"])
def test_any_method_reaches_the_application(probe, method):
    if method == "BREW" and not probe.language.has("any-method"):
        pytest.skip("its server knows a list of methods")
    answer = probe.request(method, "/env", b"x")
    assert answer.json["REQUEST_METHOD"] == method


def test_head_has_the_headers_of_get_and_no_body(probe):
    get, head = probe.get("/size/1000"), probe.request("HEAD", "/size/1000")
    assert head.body == b"" and head.status == 200
    assert head.header("Content-Type") == get.header("Content-Type")
    get, head = probe.get("/pid"), probe.request("HEAD", "/pid")
    assert head.header("Content-Length") in (None, str(len(get.body)))


def test_head_leaves_the_connection_usable(shared, probe):
    with shared.connect() as raw:
        for method in ("HEAD", "GET"):
            raw.send(f"{method} /ignore HTTP/1.1\r\nHost: {probe.name}\r\n\r\n")
            head = raw.read_until("\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
        assert raw.read_until("ignored")


def test_trace_is_httpds(probe):
    answer = probe.request("TRACE", "/env")
    assert answer.status != 200 or \
        answer.header("Content-Type") == "message/http"


# -- bodies ----------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, 8191, 65536, 65537, 3 << 20])
def test_a_body_arrives_as_it_was_sent(probe, size):
    body = os.urandom(size)
    assert probe.post("/echo", body).body == body


def test_a_chunked_body_arrives_whole_and_with_its_length(probe):
    pieces = [os.urandom(n) for n in (1, 5000, 70000)]
    got = probe.post("/digest", iter(pieces)).json
    whole = b"".join(pieces)
    assert got == {"length": len(whole), "content_length": str(len(whole)),
                   "sha256": hashlib.sha256(whole).hexdigest(),
                   "past_the_end": ""}


def test_an_empty_chunked_body_is_empty(probe):
    got = probe.post("/digest", iter([])).json
    assert got["length"] == 0 and got["content_length"] in ("0", None, "")


def test_a_large_body_needs_no_memory(shared, probe):
    probe.post("/digest", b"warm")
    before = {p: p.private_kib for p in shared.children}
    piece = os.urandom(1 << 20)
    got = probe.post("/digest", (piece for _ in range(50))).json
    assert got["length"] == 50 << 20
    for child, kib in before.items():
        assert child.private_kib < kib + 8192, child


def test_rack_input_rewinds(rack):
    assert rack.post("/rewind", b"again" * 30000).body == b"true"


def test_expect_continue_is_answered_before_the_body(shared, probe):
    with shared.connect() as raw:
        raw.send(f"POST /echo HTTP/1.1\r\nHost: {probe.name}\r\n"
                 "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert raw.read_until("\r\n\r\n").startswith(b"HTTP/1.1 100")
        raw.send("body")
        assert raw.read_response()[1] == b"body"


def test_an_application_that_does_not_read_answers(probe):
    assert probe.post("/ignore", b"x" * (1 << 20)).body == b"ignored"
    assert probe.post("/echo", b"next").body == b"next"


def test_a_malformed_chunk_is_400(shared, probe):
    answer = shared.raw(f"POST /echo HTTP/1.1\r\nHost: {probe.name}\r\n"
                        "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("framing, start", [
    ("Content-Length: 100", "x" * 50),
    ("Transfer-Encoding: chunked", "32\r\nxxxxx")])
def test_a_cut_off_body_never_looks_complete(shared, probe, framing, start):
    shared.raw(f"POST /mark/cut HTTP/1.1\r\nHost: {probe.name}\r\n"
               f"{framing}\r\n\r\n{start}", half_close=True)
    assert not (probe.app.root / "cut").exists()
    probe.post("/mark/whole", start)
    assert probe.app.read("whole") == str(len(start))


def test_a_slow_upload_occupies_no_process(shared, probe):
    with shared.connect() as raw:
        raw.send(f"POST /echo HTTP/1.1\r\nHost: {probe.name}\r\n"
                 "Content-Length: 4\r\n\r\nbo")
        assert probe.get("/pid").status == 200
        eventually(lambda: shared.status()["counts"]["active"] == 0)
        raw.send("dy")
        assert raw.read_response()[1] == b"body"


@pytest.mark.parametrize("headers", [
    "Content-Length: 4\r\nContent-Length: 5", "Content-Length: 41, 42",
    "Content-Length: -1", "Content-Length: 18446744073709551616",
    "Content-Length: 4x", "Transfer-Encoding: nonsense"])
def test_a_doubtful_length_is_refused(shared, probe, headers):
    answer = shared.raw(f"POST /echo HTTP/1.1\r\nHost: {probe.name}\r\n"
                        f"{headers}\r\n\r\nbody", half_close=True)
    assert answer.split()[1] in (b"400", b"413", b"501"), answer


def test_chunked_beside_a_length_is_made_harmless(shared, probe):
    answer = shared.raw(f"POST /digest HTTP/1.1\r\nHost: {probe.name}\r\n"
                        "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n"
                        "Connection: close\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400") or b'"4"' in answer


def test_a_body_over_the_limit_is_413_and_not_passed_on(shared):
    limited = site(shared, "limit.test")
    assert limited.post("/digest", b"x" * 1000).status == 200
    assert limited.post("/digest", b"x" * 1001).status == 413
    assert limited.post("/digest", iter([b"x" * 1001])).status == 413
