# SPDX-License-Identifier: Apache-2.0
"""What httpd answers itself, and where applications live: what
test_case_placement does not ask of every language."""

import pytest


def setup_shared(h):
    app = h.probes["wsgi"].app
    code = app.read("passenger_wsgi.py")
    app.write("public/listing/file.txt", "no listing")
    app.write("public/with_index/index.html", "an index")
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
        </Location>""")
    named = h.wsgi_app("named")
    named.write("start/me.py", code)
    h.named = h.vhost(document_root=tree.public, name="named.test", extra=f"""
        PoolAppRoot {named.root}
        PoolAppType wsgi
        PoolStartupFile start/me.py""")
    h.named.app = named


@pytest.fixture
def tree(shared):
    return shared.tree


# -- files -----------------------------------------------------------------

def test_a_folder_with_an_index_is_httpds(wsgi):
    assert wsgi.get("/with_index/").body == b"an index"


def test_the_folder_itself_is_passed_on_without_a_redirect_or_with_one(wsgi):
    answer = wsgi.get("/listing")
    assert answer.status == 301 or answer.json["PATH_INFO"] == "/listing"


# -- places ----------------------------------------------------------------

@pytest.mark.parametrize("base", ["/blog", "/shop", "/wiki"])
def test_the_root_below_a_uri_has_a_slash_or_gets_one(tree, base):
    for target, path_info in ((base, ("", "/")), (f"{base}/", ("/",))):
        answer = tree.get(target)
        if answer.status == 301:        # mod_dir's, for a folder's name
            assert answer.header("Location").endswith(f"{base}/")
            continue
        assert answer.json["SCRIPT_NAME"] == base
        assert answer.json["PATH_INFO"] in path_info
    css = tree.get(f"{base}{base}.css")
    assert (css.status, css.body) == (200, base[1:].encode())


def test_an_admins_handler_wins(tree):
    assert "Server Status" in tree.get("/server-status").text


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
