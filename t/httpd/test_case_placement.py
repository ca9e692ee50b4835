# SPDX-License-Identifier: Apache-2.0
"""What httpd answers itself, and where applications may live, in every
language. (More of it in test_static.)"""

import pytest

from harness import is_root
from harness.languages import LANGUAGES

# A php application is its files; only what matches none is its front
# controller's (test_php).
not_php = pytest.mark.languages(*(set(LANGUAGES) - {"php"}))

VHOSTS = {"off": "PoolEnabled off"}


def setup_shared(h):
    for site in h.probes.values():
        app = site.app
        app.write("public/style.css", "body {}")
        app.write("public/index.html", "cached index")
        app.write("public/page.html", "cached page")
        app.write("public/page/inner.txt", "inner")
        app.write("public/listing/file.txt", "no listing")
        app.write("public/with space.txt", "space")
        app.write("public/sub/page.html", "cached below")
        app.write("public/.htaccess", """
            RewriteEngine on
            RewriteRule ^moved/(.*)$ /env/by-htaccess/$1 [PT]
            RewriteRule ^elsewhere$ http://other.test/ [R=302,L]
            Header always set X-From-Htaccess yes
            <Files "secret.txt">
                Require all denied
            </Files>
            ErrorDocument 403 "not for you" """)
        app.write("public/secret.txt", "secret")
        app.write("secret.key", "of the root")


def vhosts(h, app, language, lines):
    """The same application in several places of one vhost."""
    tree = h.app(f"{language.name}-tree", "static")
    tree.write("htdocs/plain.html", "plain")
    (tree.root / "htdocs/wiki").symlink_to(app.public)
    return {"tree": h.vhost(document_root=tree.root / "htdocs",
                            name=f"tree.{language.name}.test",
                            extra=lines + f"""
        PoolBaseURI /blog {app.root}
        PoolBaseURI /wiki
        Alias /shop {app.public}
        <Location /shop>
            PoolAppRoot {app.root}
            PoolBaseURI /shop
        </Location>
        <Location /blog/off>
            PoolEnabled off
        </Location>
        <Location /blog/status>
            SetHandler server-status
        </Location>""")}


# -- files -----------------------------------------------------------------

@pytest.mark.everywhere
def test_a_file_comes_from_httpd_with_etag_and_range(probe):
    """BEHAVIOUR 21"""
    answer = probe.get("/style.css")
    assert (answer.status, answer.body) == (200, b"body {}")
    assert answer.header("ETag") and answer.header("Last-Modified")
    part = probe.get("/style.css", {"Range": "bytes=0-3"})
    assert (part.status, part.body) == (206, b"body")
    again = probe.get("/style.css", {"If-None-Match": answer.header("ETag")})
    assert again.status == 304
    assert probe.get("/with%20space.txt").body == b"space"


@not_php
@pytest.mark.ours
@pytest.mark.everywhere
def test_page_caches_answer_get_and_head_and_nothing_else(probe):
    """BEHAVIOUR 21, 33"""
    for target, body in (("/", b"cached index"), ("/page", b"cached page"),
                         ("/sub/page", b"cached below"),
                         ("/page?q=1", b"cached page")):
        assert probe.get(target).body == body, target
        head = probe.request("HEAD", target)
        assert head.header("Content-Length") == str(len(body))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        for target in ("/", "/page"):
            answer = probe.request(method, target, b"x")
            assert answer.json["REQUEST_METHOD"] == method
            assert answer.json["REQUEST_URI"] == target


@pytest.mark.ours
def test_a_folder_beside_a_cached_page_does_not_win(probe):
    """BEHAVIOUR 21"""
    assert probe.get("/page").body == b"cached page"
    assert probe.get("/page/inner.txt").body == b"inner"


def test_where_the_application_answers_nothing_is_listed(probe):
    """BEHAVIOUR 21"""
    answer = probe.get("/listing/")
    assert answer.json["PATH_INFO"] == "/listing/"
    assert probe.get("/listing/file.txt").body == b"no listing"


@pytest.mark.parametrize("target", [
    "/../secret.key", "/%2e%2e/secret.key", "/..%2fsecret.key",
    "/sub/../../secret.key", "/.%2e/secret.key", "/secret.key",
    "/..//secret.key", "/sub/%2e%2e%2f%2e%2e/secret.key",
    "/..;/secret.key", "/%c0%ae%c0%ae/secret.key"])
@pytest.mark.versions("1.1")
def test_nothing_outside_public_is_ever_sent(shared, probe, target):
    """BEHAVIOUR 21"""
    answer = shared.raw(probe.raw_request("GET", target,
                                          "Connection: close\r\n"))
    assert b"of the root" not in answer


@pytest.mark.ours
@pytest.mark.versions("1.1")
def test_the_startup_file_is_never_sent(shared, probe):
    """BEHAVIOUR 21"""
    for target in (f"/{probe.language.startup}",
                   f"/../{probe.language.startup}"):
        answer = shared.raw(probe.raw_request("GET", target,
                                              "Connection: close\r\n"))
        assert b"SPDX-License" not in answer


def test_htaccess_of_public_applies_to_files_and_application(probe):
    """BEHAVIOUR 33"""
    answer = probe.get("/secret.txt")
    assert (answer.status, answer.body) == (403, b"not for you")
    for target in ("/style.css", "/env"):
        assert probe.get(target).header("X-From-Htaccess") == "yes"
    assert probe.get("/elsewhere").header("Location") == "http://other.test/"
    assert probe.env("/moved/x")["PATH_INFO"] == "/env/by-htaccess/x"


@pytest.mark.ours
def test_where_the_pool_is_off_httpd_answers_alone(probe):
    """BEHAVIOUR 21"""
    assert probe.at("off").get("/env").status == 404
    assert probe.at("off").get("/style.css").status == 200


# -- places ----------------------------------------------------------------

PLACES = ["/blog", "/shop", "/wiki"]


@not_php
@pytest.mark.ours
@pytest.mark.everywhere
@pytest.mark.parametrize("base", PLACES)
def test_an_application_below_a_uri(probe, base):
    """BEHAVIOUR 1, 22"""
    tree = probe.at("tree")
    got = tree.env(f"{base}/env/x%20y?q")
    assert got["REQUEST_URI"] == f"{base}/env/x%20y?q"
    if probe.language.has("variables"):
        path = "/env/x%20y" if probe.language.path == "raw" else "/env/x y"
        assert got["PATH_INFO"] == path
        assert got["SCRIPT_NAME"] == base or \
            got["SCRIPT_NAME"].startswith(base + "/")
    assert tree.get(f"{base}/style.css").body == b"body {}"


@not_php
@pytest.mark.ours
@pytest.mark.parametrize("base", PLACES)
def test_the_uri_itself_is_the_applications_root(probe, base):
    """BEHAVIOUR 1, 22"""
    tree = probe.at("tree")
    assert tree.get(f"{base}/").body == b"cached index"
    answer = tree.post(f"{base}/", b"x")
    assert answer.json["REQUEST_METHOD"] == "POST"
    assert answer.json["REQUEST_URI"] == f"{base}/"


@not_php
@pytest.mark.ours
def test_the_rest_of_the_vhost_stays_as_it_was(probe):
    """BEHAVIOUR 22"""
    tree = probe.at("tree")
    assert tree.get("/plain.html").body == b"plain"
    for target in ("/nothing", "/blogs", "/shopping", "/wikipedia",
                   "/blog/off/env"):
        assert tree.get(target).status == 404, target
    assert "Server Status" in tree.get("/blog/status").text


@pytest.mark.ours
@pytest.mark.skipif(not is_root(), reason="a folder that httpd cannot read")
def test_an_unreadable_folder_is_an_error_that_names_it_and_the_user(
        shared, probe):
    """BEHAVIOUR 21"""
    site = probe.alone
    site.app.root.chmod(0o700)
    since = shared.log.position()
    try:
        answer = site.get("/env")
        assert answer.status in (200, 403, 500)
        assert "Index of" not in answer.text
        if answer.status != 200:
            shared.log.wait(str(site.app.root), since=since)
    finally:
        site.app.root.chmod(0o755)
