# SPDX-License-Identifier: Apache-2.0
"""PHP: which file runs, what it is told, and that no source is ever sent."""

import shutil
from urllib.parse import quote

import pytest

from harness import eventually

pytestmark = pytest.mark.skipif(not shutil.which("php-cgi"),
                                reason="php-cgi is not installed")

SHARED_CONF = "PoolMax 6\nDirectoryIndex index.html index.php"
SHARED_MODULES = ["negotiation", "vhost_alias"]

# Says which file it is and what it was told.
DUMP = """<?php
header('Content-Type: application/json');
echo json_encode(['file' => __FILE__, 'server' => $_SERVER,
                  'body' => file_get_contents('php://input')],
                 JSON_INVALID_UTF8_SUBSTITUTE);
"""

# As WordPress writes it.
WORDPRESS = """
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /blog/
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /blog/index.php [L]
"""


def setup_shared(h):
    app = h.app("php-site", "php")
    app.write("public/index.php", DUMP)
    app.write("public/sub/index.php", DUMP)
    app.write("public/empty/note.txt", "note")
    app.write("public/picture.jpg", "JPEG<?php echo 'this ran';")
    app.write("public/UPPER.PHP", DUMP)
    app.write("public/named.php", DUMP)
    app.write("public/blog/index.php", DUMP)
    app.write("public/blog/wp-login.php", DUMP)
    app.write("public/blog/style.css", "css")
    app.write("public/blog/.htaccess", WORDPRESS)
    app.write("public/fall/index.php", DUMP)
    app.write("public/fall/.htaccess", "FallbackResource /fall/index.php")
    app.write("public/views/.htaccess", "Options +MultiViews\n"
              "AddType application/x-httpd-php .php")
    app.write("public/views/page.php", DUMP)
    app.write("public/no-info/.htaccess", "AcceptPathInfo Off")
    app.write("public/no-info/x.php", DUMP)
    app.write("public/lost/page.php", DUMP)
    app.write("public/lost/gone.php",
              "<?php http_response_code(410); echo 'gone for good';")
    app.write("public/lost/.htaccess", "ErrorDocument 404 /lost/page.php")
    app.write("public/lost/over/.htaccess", "PoolErrorOverride on")
    app.write("public/lost/said/.htaccess",
              "ErrorDocument 404 /lost/gone.php")
    h.files = h.vhost(app, extra=f"""
        PoolAppType php
        Alias /tools {h.folder}/apps/tools
        RewriteEngine on
        RewriteRule ^/pretty/(.*)$ /index.php/$1 [PT,QSA]""")
    tools = h.app("tools", "php")
    tools.write("tool.php", DUMP)

    front = h.app("front", "php")
    front.write("public/index.php", DUMP)
    front.write("public/other.php", DUMP)
    front.write("public/style.css", "css")
    front.write("public/docs/readme.txt", "readme")
    h.front = h.vhost(front, extra="""
        PoolAppType php
        PoolStartupFile public/index.php""")

    h.off = h.vhost(app, name="off.test", extra="""
        PoolAppType php
        PoolEnabled off""")

    plain = h.app("plain", "php")
    plain.write("index.php", DUMP)
    section = h.app("section", "php")
    section.write("index.php", DUMP)
    h.plain = h.vhost(plain, name="plain.test", document_root=plain.root,
                      extra=f"""
        PoolAppType php
        Alias /wiki {section.root}
        <Directory {section.root}>
            PoolAppType php
            PoolUser {h.default_user}
        </Directory>""")
    h.plain.section = section
    add_placed(h)


def add_placed(h):
    """Below a URI, and named by the request."""
    blog = h.app("placed", "php")
    blog.write("public/index.php", DUMP)
    blog.write("public/a.php", DUMP)
    top = h.app("top", "static")
    top.write("public/x.html", "x")
    h.below = h.vhost(top, extra=f"""
        PoolAppType php
        PoolBaseURI /blog {blog.root}""")
    h.location = h.vhost(top, name="location.test", extra=f"""
        Alias /blog {blog.public}
        <Location /blog>
            PoolAppType php
            PoolAppRoot {blog.root}
            PoolStartupFile public/index.php
        </Location>""")
    many = h.app("many", "php")
    many.write("one.test/index.php", DUMP)
    h.conf += f"\nPoolAllowRoots {many.root}/*"
    h.dynamic = h.vhost(name="one.test", extra=f"""
        VirtualDocumentRoot {many.root}/%0
        PoolAppType php""")
    h.dynamic.root = many.root


@pytest.fixture
def site(shared):
    return shared.files


@pytest.fixture
def front(shared):
    return shared.front


def told(answer, *names):
    """What the script was told; its file and these variables."""
    assert answer.status == 200, answer
    server = answer.json["server"]
    return (answer.json["file"], *(server.get(name) for name in names))


# -- which file ------------------------------------------------------------

def test_a_folder_runs_its_index_whatever_the_method(site):
    public = site.app.public
    for method in ("GET", "POST", "PROPFIND"):
        answer = site.request(method, "/?a=b")
        assert told(answer, "SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO",
                    "REQUEST_URI", "QUERY_STRING", "PHP_SELF",
                    "REQUEST_METHOD") == (
            f"{public}/index.php", f"{public}/index.php", "/index.php", None,
            "/?a=b", "a=b", "/index.php", method)
    assert told(site.get("/sub/"), "SCRIPT_NAME", "REQUEST_URI") == (
        f"{public}/sub/index.php", "/sub/index.php", "/sub/")


def test_what_follows_the_file_is_path_info(site):
    public = site.app.public
    answer = site.get("/named.php/a%20b/%2c%252c?x=y")
    assert told(answer, "SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED",
                "PHP_SELF", "DOCUMENT_ROOT") == (
        f"{public}/named.php", "/named.php", "/a b/,%2c",
        f"{public}/a b/,%2c", "/named.php/a b/,%2c", str(public))
    assert told(site.get("/named.php"), "PATH_INFO", "PATH_TRANSLATED") == (
        f"{public}/named.php", None, None)


def test_a_path_below_another_file_runs_nothing(site):
    for path in ("/picture.jpg/x.php", "/picture.jpg/index.php",
                 "/empty/note.txt/a.php", "/picture.jpg%00.php",
                 "/picture.jpg%0a.php", "/no-info/x.php/more"):
        answer = site.get(path)
        assert answer.status in (403, 404), (path, answer)
        assert b"this ran" not in answer.body
    assert site.get("/no-info/x.php").status == 200


def test_what_is_no_file_is_httpds_without_a_front_controller(site):
    assert site.get("/nothing.php").status == 404
    assert site.get("/nothing").status == 404
    assert site.get("/empty/").status == 200        # mod_autoindex
    assert b"note.txt" in site.get("/empty/").body
    assert site.get("/picture.jpg").body.startswith(b"JPEG<?php")


def test_an_alias_leads_to_files_that_run(site):
    assert told(site.get("/tools/tool.php/x"), "SCRIPT_NAME", "PATH_INFO",
                "CONTEXT_PREFIX") == (
        f"{site.httpd.folder}/apps/tools/tool.php", "/tools/tool.php", "/x",
        "/tools")


def test_rewrites_and_fallbacks_lead_to_the_file(site):
    public = site.app.public
    assert told(site.get("/pretty/a%20b?q=1"), "SCRIPT_NAME", "PATH_INFO",
                "REQUEST_URI", "QUERY_STRING") == (
        f"{public}/index.php", "/index.php", "/a b", "/pretty/a%20b?q=1",
        "q=1")
    assert told(site.get("/fall/back/to?q=1"), "SCRIPT_NAME", "PATH_INFO",
                "REQUEST_URI", "QUERY_STRING") == (
        f"{public}/fall/index.php", "/fall/index.php", None,
        "/fall/back/to?q=1", "q=1")
    assert told(site.get("/views/page"), "SCRIPT_NAME", "REQUEST_URI") == (
        f"{public}/views/page.php", "/views/page.php", "/views/page")


@pytest.mark.parametrize("folder", ["/lost", "/lost/over"])
def test_an_error_page_in_php_keeps_the_errors_status(site, folder):
    """BEHAVIOUR 17"""
    answer = site.get(f"{folder}/nothing")
    assert answer.status == 404
    assert answer.json["server"]["SCRIPT_NAME"] == "/lost/page.php"
    assert answer.json["server"]["REDIRECT_STATUS"] == "404"
    assert site.get("/lost/page.php").status == 200


def test_an_error_page_in_php_may_say_another_status(site):
    answer = site.get("/lost/said/nothing")
    assert (answer.status, answer.body) == (410, b"gone for good")


def test_a_front_controller_as_wordpress_writes_it(site):
    public = site.app.public
    answer = site.get("/blog/2026/11/hello-world/?p=1")
    assert told(answer, "SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO",
                "REQUEST_URI", "PHP_SELF", "REDIRECT_STATUS") == (
        f"{public}/blog/index.php", f"{public}/blog/index.php",
        "/blog/index.php", None, "/blog/2026/11/hello-world/?p=1",
        "/blog/index.php", "200")
    assert told(site.get("/blog/"))[0] == f"{public}/blog/index.php"
    assert told(site.post("/blog/wp-login.php", b"x"))[0] == \
        f"{public}/blog/wp-login.php"
    assert site.get("/blog/style.css").body == b"css"


def test_a_front_controller_gets_what_matches_no_file(front):
    public = front.app.public
    answer = front.get("/some/p%C3%A4th?q=1")
    assert told(answer, "SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO",
                "PATH_TRANSLATED", "REQUEST_URI", "QUERY_STRING") == (
        f"{public}/index.php", f"{public}/index.php", "/index.php",
        "/some/päth", f"{public}/some/päth", "/some/p%C3%A4th?q=1", "q=1")
    assert told(front.get("/docs/"), "PATH_INFO") == (
        f"{public}/index.php", "/docs/")
    assert told(front.get("/docs/nothing.php"), "PATH_INFO") == (
        f"{public}/index.php", "/docs/nothing.php")
    assert told(front.get("/other.php/x"), "SCRIPT_NAME", "PATH_INFO") == (
        f"{public}/other.php", "/other.php", "/x")
    assert front.get("/docs/readme.txt").body == b"readme"
    assert told(front.get("/"), "SCRIPT_NAME", "PATH_INFO")[1] == "/index.php"


def test_the_folder_that_is_said_to_be_php_is_the_application(shared):
    plain = shared.plain
    assert told(plain.get("/"))[0] == f"{plain.app.root}/index.php"
    assert shared.processes_of(plain.app)
    assert told(plain.get("/wiki/"), "SCRIPT_NAME") == (
        f"{plain.section.root}/index.php", "/wiki/index.php")
    assert shared.processes_of(plain.section)


@pytest.mark.parametrize("place", ["below", "location"])
def test_an_application_below_a_uri_has_it_in_script_name(shared, place):
    site = getattr(shared, place)
    public = shared.folder / "apps/placed/public"
    assert told(site.get("/blog/"), "SCRIPT_NAME", "REQUEST_URI") == (
        f"{public}/index.php", "/blog/index.php", "/blog/")
    assert told(site.get("/blog/a.php/x"), "SCRIPT_NAME", "PATH_INFO") == (
        f"{public}/a.php", "/blog/a.php", "/x")
    assert site.get("/x.html").body == b"x"
    answer = site.get("/blog/some/thing")
    if place == "below":        # it has no front controller
        assert answer.status == 404
    else:
        assert told(answer, "SCRIPT_NAME", "PATH_INFO") == (
            f"{public}/index.php", "/blog/index.php", "/some/thing")


def test_a_root_that_the_request_names_runs_where_it_is_allowed(shared):
    site = shared.dynamic
    for target in ("/", "/index.php"):
        assert told(site.get(target), "SCRIPT_NAME", "DOCUMENT_ROOT") == (
            f"{site.root}/one.test/index.php", "/index.php",
            f"{site.root}/one.test")


# -- its source ------------------------------------------------------------

SOURCES = ("/index.php", "/", "/sub/", "/named.php/x", "/UPPER.PHP",
           "/blog/anything", "/fall/x", "/views/page", "/tools/tool.php")


@pytest.mark.parametrize("path", SOURCES)
def test_no_source_is_sent_where_the_pool_is_off(shared, path):
    for options in ({}, {"headers": {"Range": "bytes=0-10"}}):
        answer = shared.off.get(path, **options)
        # An Alias that is off, too; a page that mod_negotiation cannot find.
        assert answer.status in (403, 404)
        assert b"<?php" not in answer.body


def test_a_name_in_capitals_runs_too(site):
    assert told(site.get("/UPPER.PHP"))[0].endswith("UPPER.PHP")


def test_no_source_is_sent_without_a_pool_server(httpd):
    h = httpd(conf="PoolServerExecutable /bin/false\n"
                   "DirectoryIndex index.php",
              allow_log="pool server")
    app = h.app("site", "php")
    app.write("public/index.php", DUMP)
    site = h.vhost(app, extra="PoolAppType php")
    for path in ("/", "/index.php", "/index.php/x"):
        answer = site.get(path)
        assert answer.status == 503 and answer.header("Retry-After")
        assert b"<?php" not in answer.body


# -- what it is told -------------------------------------------------------

def test_credentials_reach_php_unless_httpd_checked_them(site):
    answer = site.get("/named.php", {"Authorization": "Basic dTpwOnc="})
    assert told(answer, "PHP_AUTH_USER", "PHP_AUTH_PW", "AUTH_TYPE",
                "REMOTE_USER")[1:3] == ("u", "p:w")
    digest = 'Digest username="u", realm="r"'
    answer = site.get("/named.php", {"Authorization": digest})
    assert told(answer, "PHP_AUTH_DIGEST")[1] == digest[len("Digest "):]


def test_headers_become_variables_and_cannot_forge_others(site):
    answer = site.get("/named.php", [
        ("X-One", "1"), ("X-One", "2"), ("Proxy", "evil"),
        ("Script-Filename", "/etc/passwd"), ("Redirect-Status", "x"),
        ("Php-Value", "auto_prepend_file=/etc/passwd"),
        ("Content-Type", "text/x")])
    server = answer.json["server"]
    assert server["HTTP_X_ONE"] == "1, 2"
    assert "HTTP_PROXY" not in server and "PHP_VALUE" not in server
    assert server["HTTP_PHP_VALUE"] == "auto_prepend_file=/etc/passwd"
    assert server["CONTENT_TYPE"] == "text/x"
    assert "HTTP_CONTENT_TYPE" not in server
    assert server["REDIRECT_STATUS"] == "200"
    assert server["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert server["SERVER_PORT"] == str(site.httpd.address[1])


def test_a_large_set_of_variables_arrives(site):
    headers = [(f"X-H{i}", chr(97 + i) * 7000) for i in range(20)]
    server = site.get("/named.php?" + quote("x" * 6000), headers) \
        .json["server"]
    for i in range(20):
        assert server[f"HTTP_X_H{i}"] == chr(97 + i) * 7000
    assert len(server["QUERY_STRING"]) == 6000


def test_bodies_of_any_kind_arrive(site):
    assert site.post("/named.php", b"").json["body"] == ""
    text = "x" * 300000
    answer = site.post("/named.php", text.encode(), {"Content-Type": "a/b"})
    assert answer.json["body"] == text
    assert answer.json["server"]["CONTENT_LENGTH"] == "300000"
    answer = site.post("/named.php", iter([b"chunk"] * 1000),
                       {"Content-Type": "a/b"})
    assert answer.json["body"] == "chunk" * 1000
    assert answer.json["server"]["CONTENT_LENGTH"] == "5000"


def test_the_status_page_knows_the_type(site):
    site.get("/")
    assert site.httpd.status_of(site.app)["type"] == "php"
    eventually(lambda: site.httpd.processes_of(site.app))
