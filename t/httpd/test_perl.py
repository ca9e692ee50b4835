# SPDX-License-Identifier: Apache-2.0
"""PSGI: Plack's own tests of a server, and Debian's Dancer2, Mojolicious and
gitweb, unchanged."""

import os
import shutil
import subprocess

import pytest

from harness import users
from harness.languages import APPS


def needs(*modules):
    for module in modules:
        done = subprocess.run(["perl", f"-M{module}", "-e", "1"],
                              stderr=subprocess.DEVNULL)
        if done.returncode:
            pytest.skip(f"perl's {module} is not installed")


def psgi_site(httpd, code, extra="", **files):
    h = httpd()
    app = h.app("site", "psgi", code)
    for name, text in files.items():
        app.write(name.replace("__", "/").replace("_pm", ".pm"), text)
    site = h.vhost(app, extra=extra)
    h.start()
    return site


# -- Plack's own tests -----------------------------------------------------

SUITE = """
use Plack::Middleware::Lint;
use Plack::Test::Suite;
Plack::Middleware::Lint->wrap(Plack::Test::Suite->test_app_handler);
"""


@pytest.mark.parametrize("method", ["smart", "direct"])
def test_placks_own_tests_of_a_server_pass(httpd, method):
    needs("Plack::Test::Suite")
    site = psgi_site(httpd, SUITE, f"MergeSlashes Off\n"
                                   f"PoolSpawnMethod {method}")
    port = site.httpd.address[1]
    done = subprocess.run(
        ["perl", APPS / "plack_suite.pl", str(port)], text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nok ") >= 90


# -- Dancer2 ---------------------------------------------------------------

DANCER = """
use FindBin;
use lib "$FindBin::Bin/lib";
use Hello;
Hello->to_app;
"""
HELLO = """
package Hello;
use Dancer2;
get '/' => sub { template 'index', { number => 6 * 7 }, { layout => undef } };
get '/hello/:name' => sub { 'Hello, ' . route_parameters->get('name')
    . ' at ' . uri_for('/here') };
post '/upload' => sub {
    my $file = upload('file');
    return $file->filename . ' ' . length($file->content) . ' '
        . body_parameters->get('note');
};
get '/count' => sub { session count => 1 + (session('count') // 0);
    return session('count') };
get '/stream' => sub { delayed { flush; content "part $_\\n" for 0 .. 2; done } };
get '/moved' => sub { redirect '/hello/world', 303 };
1;
"""


@pytest.fixture
def dancer(httpd):
    needs("Dancer2")
    return psgi_site(httpd, DANCER, lib__Hello_pm=HELLO, **{
        ".dancer": "", "config.yml": "appname: Hello\n",
        "views__index.tt": "<h1>A page of [% number %]</h1>\n"})


def test_a_dancer2_application_answers(dancer):
    port = dancer.httpd.address[1]
    assert dancer.get("/").text == "<h1>A page of 42</h1>\n"
    answer = dancer.get("/hello/caf%C3%A9", host=f"hello.test:{port}")
    assert answer.body == (f"Hello, caf\xe9 at http://hello.test:{port}/here"
                           .encode())
    assert dancer.get("/stream").body == b"part 0\npart 1\npart 2\n"
    moved = dancer.get("/moved")
    assert moved.status == 303
    assert moved.header("Location").endswith("/hello/world")
    assert dancer.get("/nothing").status == 404
    assert upload(dancer).body == b"a.bin 3000 hi"
    first = dancer.get("/count")
    cookie = first.header("Set-Cookie").split(";")[0]
    assert first.body == b"1"
    assert dancer.get("/moved", [("Cookie", cookie)]).status == 303


def upload(site):
    body = (b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi'
            b'\r\n--B\r\nContent-Disposition: form-data; name="file"; '
            b'filename="a.bin"\r\n\r\n' + b"\0\r\n" * 1000 + b"\r\n--B--\r\n")
    return site.post("/upload", body, {
        "Content-Type": "multipart/form-data; boundary=B"})


def test_what_dancer2s_generator_makes_runs(httpd):
    needs("Dancer2")
    h = httpd()
    app = h.app("site", "psgi")
    run(app, "dancer2", "gen", "-a", "Hello", "-d", "Hello")
    root = app.root / "Hello"
    site = h.vhost(document_root=root / "public", extra=f"""
        PoolAppRoot {root}
        PoolAppType psgi
        PoolStartupFile bin/app.psgi""")
    h.start()
    assert "Hello" in site.get("/").text
    assert site.get("/css/style.css").body == (
        root / "public/css/style.css").read_bytes()


# -- Mojolicious -----------------------------------------------------------

MOJO = """
use Mojolicious::Lite -signatures;
get '/' => sub ($c) { $c->render('index', number => 6 * 7) };
get '/hello/:name' => sub ($c) {
    $c->render(text => 'Hello, ' . $c->param('name') . ' at '
        . $c->url_for('/here')->to_abs) };
post '/upload' => sub ($c) {
    my $file = $c->param('file');
    $c->render(text => join ' ', $file->filename, $file->size,
        $c->param('note')) };
get '/moved' => sub ($c) { $c->res->code(303); $c->redirect_to('/hello/world') };
app->start;
__DATA__
@@ index.html.ep
<h1>A page of <%= $number %></h1>
"""


def test_a_mojolicious_application_answers(httpd):
    needs("Mojolicious::Lite")
    site = psgi_site(httpd, MOJO)
    port = site.httpd.address[1]
    assert site.get("/").text == "<h1>A page of 42</h1>\n"
    answer = site.get("/hello/caf%C3%A9", host=f"hello.test:{port}")
    assert answer.body.decode() == (
        f"Hello, caf\xe9 at http://hello.test:{port}/here")
    moved = site.get("/moved")
    assert moved.status == 303
    assert moved.header("Location").endswith("/hello/world")
    assert site.get("/nothing").status == 404
    assert upload(site).body == b"a.bin 3000 hi"
    assert site.request("HEAD", "/").body == b""


# -- gitweb ----------------------------------------------------------------

GITWEB = """
use Plack::App::WrapCGI;
Plack::App::WrapCGI->new(script => '/usr/share/gitweb/gitweb.cgi',
    execute => 1)->to_app;
"""


def test_gitweb_shows_a_repository(httpd):
    needs("Plack::App::WrapCGI", "CGI")
    if not shutil.which("git") or not os.path.exists(
            "/usr/share/gitweb/gitweb.cgi"):
        pytest.skip("git with its gitweb is not installed")
    h = httpd()
    app = h.app("gitweb", "psgi", GITWEB)
    app.write("gitweb.conf", f'our $projectroot = "{app.root}/projects";\n')
    app.mkdir("projects")
    run(app, "git", "init", "-q", "projects/one.git")
    run(app, "git", "-C", "projects/one.git", "commit", "-q", "--allow-empty",
        "-m", "The first of all")
    site = h.vhost(app, extra=f"PoolSetEnv GITWEB_CONFIG "
                              f"{app.root}/gitweb.conf")
    h.start()
    assert "one.git" in site.get("/").text
    summary = site.get("/?p=one.git/.git;a=summary")
    assert summary.status == 200 and "The first of all" in summary.text
    assert site.get("/?p=absent.git;a=summary").status == 404


def run(app, *command):
    """As the application's owner, in its root."""
    become = {}
    if users.is_root():
        uid, gid = users.ids(app.user)
        become = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(command, cwd=app.root, check=True, timeout=60,
                   stdout=subprocess.DEVNULL, env={
        "PATH": "/usr/bin:/bin", "HOME": str(app.root),
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
    }, **become)
