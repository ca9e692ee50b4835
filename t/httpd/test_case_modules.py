# SPDX-License-Identifier: Apache-2.0
"""Applications beside httpd's other modules: filters, caches, includes, error
documents, authorisation, logs."""

import gzip
import re
import time

import pytest

from harness import eventually

SHARED_MODULES = ("xsendfile", "deflate", "filter", "cache", "cache_disk",
                  "include", "ratelimit", "reqtimeout", "vhost_alias",
                  "negotiation", "expires", "substitute", "unique_id",
                  "allowmethods", "ext_filter", "buffer", "request", "info",
                  "auth_digest", "socache_shmcb", "asis", "actions", "brotli")
VHOSTS = {
    "xsendfile": "XSendFile on\nXSendFilePath @ROOT@",
    "deflate": "SetOutputFilter DEFLATE",
    "cache": "CacheEnable disk /\nCacheRoot @FOLDER@/cache\nCacheQuickHandler "
             "off",
    "includes": """
        <Directory @ROOT@/public>
            Options +Includes
        </Directory>
        AddType text/html .shtml
        AddOutputFilter INCLUDES .shtml
        <Location /reply>
            Options +Includes
            SetOutputFilter INCLUDES
        </Location>""",
    "errors": """
        ErrorDocument 403 /env/sorry?why
        ErrorDocument 404 /ignore
        <Location /forbidden>
            Require all denied
        </Location>
        <Location /off>
            PoolEnabled off
        </Location>""",
    "index": "DirectoryIndex missing.html /env/index",
    "fallback": "FallbackResource /env/fallback",
    "spare": "FallbackResource /inner.txt",
    "ratelimit": """
        <Location /length>
            SetOutputFilter RATE_LIMIT
            SetEnv rate-limit 200
        </Location>""",
    "impatient": "RequestReadTimeout body=1",
    "substitute": """
        AddOutputFilterByType SUBSTITUTE text/plain
        Substitute "s/ignored/replaced/" """,
    "headers": """
        Header always set X-Always "%{UNIQUE_ID}e"
        Header append X-App "more"
        Header unset X-Gone
        Header edit Location ^/env /other
        ExpiresActive on
        ExpiresDefault "access plus 60 seconds" """,
    "views": """
        <Directory @ROOT@/public>
            Options +MultiViews +Indexes
            AddLanguage de .de
            AddLanguage en .en
        </Directory>""",
    "handlers": """
        AddHandler server-status .status
        AddHandler cgi-script .cgi
        AddType application/x-httpd-php .php
        Action application/x-special /env/special
        AddHandler send-as-is .asis""",
    "methods": """
        <Location />
            AllowMethods GET HEAD
        </Location>""",
    "denied": """
        <Location />
            Require ip 192.0.2.1
        </Location>""",
    "debug": "LogLevel apppool:trace1",
    "quiet": "LogLevel apppool:error",
    "status": """
        <Location /server-status>
            SetHandler server-status
        </Location>""",
}


def setup_shared(h):
    h.conf += (f"\nExtendedStatus on\nPoolAllowRoots {h.folder}/apps/*"
               "\nUseCanonicalName Off")
    cache = h.folder / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    for language, site in h.probes.items():
        app = site.app
        app.write("sent.txt", "sent by httpd" * 1000)
        app.write("public/page.shtml",
                  '[<!--#include virtual="/ignore" -->]'
                  '[<!--#include virtual="/env/in?x=1" -->]')
        app.write("public/inner.txt", "inner file")
        app.write("public/forbidden/x.txt", "never")
        app.write("public/file.status", "a file")
        app.write("public/view.html.en", "english")
        app.write("public/view.html.de", "deutsch")
        app.write("public/listed/file.txt", "listed")
    h.vhost(name="dynamic.test", extra=f"""
        ServerAlias *.dynamic.test
        VirtualDocumentRoot {h.folder}/apps/%1/public""")


# -- files and bodies ------------------------------------------------------

def test_x_sendfile_sends_the_file_and_its_name_stays_inside(probe):
    """BEHAVIOUR 17"""
    site = probe.at("xsendfile")
    answer = site.get("/sendfile/sent.txt")
    assert answer.status == 200
    assert answer.body == b"sent by httpd" * 1000
    assert answer.header("X-Sendfile") is None
    assert answer.header("Content-Length") == "13000"
    part = site.get("/sendfile/sent.txt", {"Range": "bytes=0-3"})
    assert (part.status, part.body) == (206, b"sent")
    head = site.request("HEAD", "/sendfile/sent.txt")
    assert (head.status, head.body) == (200, b"")
    assert site.get("/sendfile/missing.txt").status == 404


def test_deflate_compresses_once_and_what_is_compressed_not_again(probe):
    """BEHAVIOUR 17"""
    site = probe.at("deflate")
    answer = site.get("/size/100000", {"Accept-Encoding": "gzip"})
    assert answer.header("Content-Encoding") == "gzip"
    assert gzip.decompress(answer.body) == b"x" * 100000
    assert len(answer.body) < 1000
    packed = gzip.compress(b"by the application")
    answer = site.get(probe.reply(200, [
        ("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], packed),
        {"Accept-Encoding": "gzip"})
    assert answer.all("Content-Encoding") == ["gzip"]
    assert answer.body == packed
    answer = site.get("/length/1000")
    assert answer.header("Content-Encoding") is None
    assert len(answer.body) == 1000


@pytest.mark.versions("1.1", "2")
def test_a_stream_through_deflate_arrives_as_it_is_written(shared, probe):
    """BEHAVIOUR 13, 17"""
    site = probe.at("deflate")
    site.get("/pid")
    began = time.monotonic()
    if probe.version == "2":
        with site.http2() as connection:
            number = connection.send("GET", "/sse/3/0.5", host=site.name,
                                     headers=[("accept-encoding", "gzip")])
            connection.wait(number, lambda stream: len(stream.body) > 15)
            assert time.monotonic() - began < 0.45
        return
    with shared.connect() as raw:
        raw.send(site.raw_request("GET", "/sse/3/0.5",
                                  "Accept-Encoding: gzip\r\n"))
        head = raw.read_until("\r\n\r\n")
        assert b"Content-Encoding: gzip" in head
        eventually(lambda: raw.received or raw.receive(), 0.45)
    assert time.monotonic() - began < 0.45


def test_an_applications_own_206_and_304_pass(probe):
    """BEHAVIOUR 17"""
    target = probe.reply(206, [("Content-Range", "bytes 10-13/100"),
                               ("Content-Type", "text/plain")], b"part")
    answer = probe.get(target, {"Range": "bytes=10-13"})
    assert (answer.status, answer.body) == (206, b"part")
    assert answer.header("Content-Range") == "bytes 10-13/100"
    answer = probe.get(probe.reply(304, [("ETag", '"x"')]),
                       {"If-None-Match": '"x"'})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("ETag") == '"x"'


def test_a_range_of_a_plain_response_is_whole_or_right(probe):
    """BEHAVIOUR 17"""
    answer = probe.get("/length/1000", {"Range": "bytes=5-9"})
    if answer.status == 206:
        assert answer.body == bytes(range(5, 10))
        assert answer.header("Content-Range") == "bytes 5-9/1000"
    else:
        assert (answer.status, len(answer.body)) == (200, 1000)


def test_mod_cache_serves_what_may_be_cached(probe):
    """BEHAVIOUR 17"""
    site = probe.at("cache")
    fresh = site.reply(200, [("Cache-Control", "max-age=600"),
                             ("Content-Type", "text/plain")], b"kept")
    assert site.get(fresh).body == b"kept"
    again = eventually(lambda: site.get(fresh).header("Age") is not None and
                       site.get(fresh))
    assert (again.status, again.body) == (200, b"kept")
    private = site.reply(200, [("Cache-Control", "private"),
                               ("Content-Type", "text/plain")], b"own")
    for _ in range(3):
        assert site.get(private).header("Age") is None


def test_pages_include_the_application_and_answers_include_files(probe):
    """BEHAVIOUR 17"""
    site = probe.at("includes")
    text = site.get("/page.shtml").text
    assert text.startswith("[ignored][{")
    assert re.search(r'"QUERY_STRING": ?"x=1"', text)
    assert re.search(r'"PATH_INFO": ?"/env/in"', text)
    answer = site.get(site.reply(200, [("Content-Type", "text/html")],
                                 b'<<!--#include virtual="/inner.txt" -->>'))
    assert answer.body == b"<inner file>"


@pytest.mark.needs("variables")
def test_an_error_document_may_be_the_applications(probe):
    """BEHAVIOUR 17"""
    site = probe.at("errors")
    answer = site.get("/forbidden/x.txt")
    got = answer.json
    assert got["REDIRECT_STATUS"] == "403"
    assert got["REQUEST_URI"] == "/forbidden/x.txt"
    assert got["REQUEST_METHOD"] == "GET"
    assert got["QUERY_STRING"] == "why"
    posted = site.post("/forbidden/x.txt", b"body")
    assert posted.json["REQUEST_METHOD"] == "GET"


@pytest.mark.ours
@pytest.mark.needs("variables")
def test_an_error_document_is_the_applications_where_the_pool_is_off(probe):
    """BEHAVIOUR 17"""
    assert probe.at("errors").get("/off/x").body == b"ignored"


def test_directory_index_may_be_the_applications(probe):
    """BEHAVIOUR 17"""
    got = probe.at("index").env("/")
    assert got["PATH_INFO"] in ("/", "/env/index")
    assert got["REQUEST_URI"] == "/"


def test_fallback_resource_and_application_get_along(probe):
    """BEHAVIOUR 17"""
    site = probe.at("fallback")
    got = site.env("/nothing/here?q=1")
    assert got["PATH_INFO"] in ("/nothing/here", "/env/fallback")
    assert got["REQUEST_URI"] == "/nothing/here?q=1"
    assert got["QUERY_STRING"] == "q=1"
    assert site.get("/inner.txt").body == b"inner file"
    assert site.get("/ignore").status == 200
    assert site.get("/").status == 200
    assert probe.at("spare").get("/nothing").body == b"inner file"


def test_multiviews_and_listings_concern_files_alone(probe):
    """BEHAVIOUR 17, 21"""
    site = probe.at("views")
    answer = site.get("/view.html", {"Accept-Language": "de"})
    assert answer.body == b"deutsch"
    assert site.get("/ignore").body == b"ignored"
    assert site.env("/env/view")["PATH_INFO"] == "/env/view"
    assert "Index of" not in site.get("/listed/").text


@pytest.mark.parametrize("kind", [
    "server-status", "cgi-script", "application/x-httpd-php",
    "application/x-special", "send-as-is", "httpd/unix-directory",
    "proxy:http://127.0.0.1:1/", "text/x-server-parsed-html"])
def test_a_content_type_never_selects_a_handler(probe, kind):
    """BEHAVIOUR 17"""
    answer = probe.at("handlers").get(
        probe.reply(200, [("Content-Type", kind)], b"as it is"))
    assert (answer.status, answer.body) == (200, b"as it is")
    assert answer.header("Content-Type") == kind
    answer = probe.at("handlers").get(probe.reply(
        200, [("Content-Type", kind), ("Location", "/file.status")], b"mine"))
    assert (answer.status, answer.body) == (200, b"mine")


def test_mod_ratelimit_slows_the_client_and_not_the_process(shared, probe):
    """BEHAVIOUR 14, 17"""
    site = probe.at("ratelimit")
    site.get("/ignore")
    began = time.monotonic()
    answer = site.get("/length/200000")
    took = time.monotonic() - began
    assert len(answer.body) == 200000
    assert took > 0.5, took


@pytest.mark.versions("1.1")
def test_mod_reqtimeout_ends_a_slow_upload_before_the_application(
        shared, probe):
    """BEHAVIOUR 9, 17"""
    site = probe.at("impatient")
    with shared.connect() as raw:
        raw.send(site.raw_request("POST", "/mark/slow",
                                  "Content-Length: 10\r\n", "x"))
        assert raw.read_until("\r\n").split()[1] == b"408"
    assert not (site.app.root / "slow").exists()


def test_filters_see_an_applications_answer(probe):
    """BEHAVIOUR 17"""
    assert probe.at("substitute").get("/ignore").body == b"replaced"


def test_mod_headers_and_mod_expires_have_the_last_word(probe):
    """BEHAVIOUR 17"""
    site = probe.at("headers")
    answer = site.get(site.reply(200, [("X-App", "app"), ("X-Gone", "1"),
                                       ("Content-Type", "text/plain")]))
    assert len(answer.header("X-Always")) > 10
    assert ",".join(answer.all("X-App")).replace(" ", "") == "app,more"
    assert answer.header("X-Gone") is None
    assert answer.header("Cache-Control") == "max-age=60"
    answer = site.get("/location/302%20Found")
    assert answer.header("Location") == "/other/elsewhere"
    assert len(site.get("/gone").header("X-Always")) > 10


def test_authorisation_and_methods_are_httpds(probe):
    """BEHAVIOUR 17"""
    assert probe.at("denied").get("/mark/denied").status == 403
    assert not (probe.app.root / "denied").exists()
    assert probe.at("methods").post("/ignore").status == 405
    assert probe.at("methods").get("/ignore").body == b"ignored"


@pytest.mark.ours
def test_a_virtual_document_root_finds_the_application(shared, probe):
    """BEHAVIOUR 22"""
    name = probe.language.name
    answer = probe.get("/env/x", host=f"{name}.dynamic.test")
    if LINES_OF_ITS_OWN & {line.split()[0] for line in
                           probe.language.conf.splitlines() if line}:
        return      # such a vhost names one type for all
    got = answer.json
    assert got["PATH_INFO"] == "/env/x"
    assert probe.get("/inner.txt", host=f"{name}.dynamic.test").body == \
        b"inner file"


LINES_OF_ITS_OWN = {"PoolAppType", "PoolAppCommand", "PoolStartupFile"}


# -- logs ------------------------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.parametrize("target, method, status, size", [
    ("/length/12345", "GET", 200, 12345), ("/size/12345", "GET", 200, 12345),
    ("/size/12345", "HEAD", 200, 0), ("/status/404%20No", "GET", 404, 9),
    ("/bodyful/204%20No", "GET", 204, 0), ("/bodyful/304%20No", "GET", 304, 0),
    ("/echo", "POST", 200, 5), ("/status/599%20Far", "GET", 599, 9)])
def test_the_access_log_has_status_and_bytes(shared, probe, target, method,
                                             status, size):
    """BEHAVIOUR 18"""
    since = shared.access_log.position()
    probe.request(method, f"{target}?logged",
                  b"12345" if method == "POST" else None)
    shared.access_log.wait(
        rf'"{method} {re.escape(target)}\?logged HTTP/[012.]+" '
        rf"{status} {size} ", since=since)


def test_mod_status_shows_a_request_while_it_runs(shared, probe):
    """BEHAVIOUR 18"""
    site = probe.at("status")
    with shared.connect() as raw:
        raw.send(site.raw_request("GET", "/quiet/1?shown"))
        raw.read_until("begin")
        page = site.get("/server-status").text
        assert "GET /quiet/1?shown HTTP/1.1" in page


@pytest.mark.ours
def test_log_level_of_the_module_counts_for_each_vhost(shared, probe):
    """BEHAVIOUR 18"""
    since = shared.log.position()
    probe.at("quiet").get("/env", {"X_Dropped": "1"})
    probe.at("debug").get("/env", {"X_Seen": "1"})
    shared.log.wait("(?i)x_seen", since=since)
    assert "x_dropped" not in shared.log.text(since).lower()
