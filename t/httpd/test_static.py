# SPDX-License-Identifier: Apache-2.0
"""What httpd answers itself, and where applications live."""

import pytest

from harness import is_root


def setup_shared(h):
    app = h.probes["wsgi"].app
    code = app.read("passenger_wsgi.py")
    app.write("public/style.css", "body {}")
    app.write("public/with space.txt", "space")
    app.write("public/index.html", "cached index")
    app.write("public/page.html", "cached page")
    app.write("public/page/inner.txt", "inner")
    app.write("public/listing/file.txt", "no listing")
    app.write("public/with_index/index.html", "an index")
    app.write("public/private/x.txt", "private")
    app.write("public/.htaccess", """
        RewriteEngine on
        RewriteRule ^moved$ /env/by-htaccess [PT]
        Header always set X-From-Htaccess yes
        <Files "secret.txt">
            Require all denied
        </Files>""")
    app.write("public/secret.txt", "secret")

    blog = h.wsgi_app("blog", code)
    blog.write("public/blog.css", "blog")
    shop = h.wsgi_app("shop", code)
    shop.write("public/shop.css", "shop")
    wiki = h.wsgi_app("wiki", code)
    wiki.write("public/wiki.css", "wiki")
    tree = h.app("tree", "static")
    tree.write("public/plain.html", "plain")
    (tree.public / "wiki").symlink_to(wiki.public)
    h.tree = h.vhost(tree, extra=f"""
        PoolBaseURI /blog {blog.root}
        PoolBaseURI /wiki
        Alias /shop {shop.public}
        <Location /shop>
            PoolAppRoot {shop.root}
            PoolBaseURI /shop
        </Location>
        <Location /server-status>
            SetHandler server-status
        </Location>
        <Location /blog/off>
            PoolEnabled off
        </Location>""")
    named = h.wsgi_app("named")
    named.write("start/me.py", code)
    h.named = h.vhost(document_root=tree.public, name="named.test", extra=f"""
        PoolAppRoot {named.root}
        PoolAppType wsgi
        PoolStartupFile start/me.py""")
    h.named.app = named
    h.off = h.vhost(app, name="off.test", extra="PoolEnabled off")


@pytest.fixture
def tree(shared):
    return shared.tree


# -- files -----------------------------------------------------------------

def test_a_file_comes_from_httpd_with_etag_and_range(wsgi):
    answer = wsgi.get("/style.css")
    assert (answer.status, answer.body) == (200, b"body {}")
    assert answer.header("ETag") and answer.header("Last-Modified")
    part = wsgi.get("/style.css", {"Range": "bytes=0-3"})
    assert (part.status, part.body) == (206, b"body")
    assert wsgi.get("/with%20space.txt").body == b"space"


def test_a_page_cache_answers_get_and_head_only(wsgi):
    assert wsgi.get("/").body == b"cached index"
    assert wsgi.get("/page").body == b"cached page"
    assert wsgi.request("HEAD", "/page").header("Content-Length") == "11"
    for target in ("/", "/page"):
        assert wsgi.post(target).json["REQUEST_METHOD"] == "POST"


def test_a_folder_beside_a_cached_page_does_not_win(wsgi):
    assert wsgi.get("/page/inner.txt").body == b"inner"
    assert wsgi.get("/page").body == b"cached page"


def test_a_folder_without_index_belongs_to_the_application(wsgi):
    answer = wsgi.get("/listing/")
    assert answer.json["PATH_INFO"] == "/listing/"
    assert wsgi.get("/with_index/").body == b"an index"


def test_the_folder_itself_is_passed_on_without_a_redirect_or_with_one(wsgi):
    answer = wsgi.get("/listing")
    assert answer.status == 301 or answer.json["PATH_INFO"] == "/listing"


@pytest.mark.parametrize("target", [
    "/../passenger_wsgi.py", "/%2e%2e/passenger_wsgi.py",
    "/..%2fpassenger_wsgi.py", "/passenger_wsgi.py"])
def test_the_applications_source_is_never_sent(wsgi, shared, target):
    answer = shared.raw(f"GET {target} HTTP/1.1\r\nHost: {wsgi.name}\r\n"
                        "Connection: close\r\n\r\n")
    assert b"SPDX" not in answer and b"import" not in answer


def test_htaccess_of_public_applies_to_files_and_application(wsgi):
    assert wsgi.get("/secret.txt").status == 403
    assert wsgi.get("/style.css").header("X-From-Htaccess") == "yes"
    assert wsgi.get("/env").header("X-From-Htaccess") == "yes"
    assert wsgi.get("/moved").json["PATH_INFO"] == "/env/by-htaccess"


def test_where_the_pool_is_off_httpd_answers_alone(shared):
    assert shared.off.get("/env").status == 404
    assert shared.off.get("/style.css").status == 200


# -- places ----------------------------------------------------------------

@pytest.mark.parametrize("base", ["/blog", "/shop", "/wiki"])
def test_an_application_below_a_uri(tree, base):
    got = tree.get(f"{base}/env/x%20y?q").json
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == (base, "/env/x y")
    assert got["REQUEST_URI"] == f"{base}/env/x%20y?q"
    for target, path_info in ((base, ""), (f"{base}/", "/")):
        answer = tree.get(target)
        if answer.status == 301:        # mod_dir's, for a folder's name
            assert answer.header("Location").endswith(f"{base}/")
            continue
        got = answer.json
        assert got["SCRIPT_NAME"] == base
        assert got["PATH_INFO"] in (path_info, "/")
    css = tree.get(f"{base}{base}.css")
    assert (css.status, css.body) == (200, base[1:].encode())


def test_a_longer_name_is_not_the_application(tree):
    assert tree.get("/blogs").status == 404
    assert tree.get("/shopping").status == 404


def test_the_rest_of_the_vhost_stays_static(tree):
    assert tree.get("/plain.html").body == b"plain"
    assert tree.get("/nothing").status == 404


def test_an_admins_handler_wins(tree):
    assert "Server Status" in tree.get("/server-status").text
    assert tree.get("/blog/off/env").status == 404


def test_pool_app_root_names_an_application_elsewhere(shared):
    assert shared.named.get("/env/x").json["PATH_INFO"] == "/env/x"
    assert shared.named.get("/plain.html").body == b"plain"
    inside = shared.named.get("/inside").json
    assert inside["cwd"] == str(shared.named.app.root)


def test_a_startup_file_that_appears_later_needs_no_restart(httpd):
    h = httpd()
    app = h.wsgi_app("later")
    site = h.vhost(app)
    assert site.get("/x").status == 404
    app.write("passenger_wsgi.py", """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here now"]
""")
    assert site.get("/x").body == b"here now"


@pytest.mark.skipif(not is_root(), reason="a folder that httpd cannot read")
def test_an_unreadable_application_is_an_error_that_names_it(httpd):
    h = httpd()
    app = h.wsgi_app("closed", "def application(e, s): pass\n")
    site = h.vhost(app)
    app.root.chmod(0o700)
    answer = site.get("/x")
    assert answer.status in (403, 500)
    assert "Index of" not in answer.text
    h.log.wait(f"{app.root}")
