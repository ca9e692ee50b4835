# SPDX-License-Identifier: Apache-2.0
"""Debian's Django and Sinatra, unchanged."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from urllib.parse import urlencode

import pytest

from harness import users

pytestmark = pytest.mark.both_privileges


# -- Django ----------------------------------------------------------------

MANAGE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "site_x.settings"
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
User.objects.create_superuser("ada", "ada@example.org", "secret")
"""


@pytest.fixture
def django(httpd):
    """What `django-admin startproject` makes, with one site administrator."""
    if not find_spec("django"):
        pytest.skip("python3-django is not installed")
    h = httpd()
    app = h.wsgi_app("project")
    run(app, "-m", "django", "startproject", "site_x", ".")
    settings = app.read("site_x/settings.py").replace(
        "ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['*']")
    app.write("site_x/settings.py", settings)
    app.write("wsgi.py", "from site_x.wsgi import application\n")
    run(app, "-c", MANAGE)
    return h.vhost(app)


def run(app, *arguments):
    """python3 as the application's owner, in its root."""
    become = {}
    if users.is_root():
        uid, gid = users.ids(app.user)
        become = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(["/usr/bin/python3", "-B", *arguments], cwd=app.root,
                   check=True, env={"PATH": "/usr/bin:/bin"}, **become)


def test_a_django_administrator_logs_in_and_adds_a_group(django):
    login = django.get("/admin/login/?next=/admin/")
    assert login.status == 200 and "Django administration" in login.text
    cookies = Cookies().take(login)
    answer = post_form(django, "/admin/login/?next=/admin/", cookies, login,
                       username="ada", password="secret", next="/admin/")
    assert (answer.status, answer.header("Location")) == (302, "/admin/")
    cookies.take(answer)
    index = django.get("/admin/", cookies.header())
    assert "Site administration" in index.text
    add = django.get("/admin/auth/group/add/", cookies.header())
    cookies.take(add)
    answer = post_form(django, "/admin/auth/group/add/", cookies, add,
                       name="Writers", _save="Save")
    assert answer.status == 302
    listing = django.get("/admin/auth/group/", cookies.header())
    assert "Writers" in listing.text
    refused = django.post("/admin/auth/group/add/", b"name=x",
                          [("Content-Type",
                            "application/x-www-form-urlencoded")])
    assert refused.status in (302, 403)


class Cookies(dict):
    def take(self, answer):
        for line in answer.all("Set-Cookie"):
            name, value = line.split(";")[0].split("=", 1)
            self[name] = value
        return self

    def header(self):
        return [("Cookie", "; ".join(f"{n}={v}" for n, v in self.items()))]


def post_form(site, target, cookies, form_page, **fields):
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"',
                      form_page.text)[1]
    body = urlencode({"csrfmiddlewaretoken": token, **fields})
    return site.post(target, body, [
        ("Content-Type", "application/x-www-form-urlencoded"),
        *cookies.header()])


# -- Sinatra ---------------------------------------------------------------

SINATRA = """
require 'sinatra'

get '/' do
  erb :index
end

get '/hello/:name' do
  "Hello, #{params[:name]} at #{url('/here')}"
end

post '/upload' do
  file = params[:file]
  "#{file[:filename]} #{file[:tempfile].read.bytesize} #{params[:note]}"
end

get '/stream' do
  stream { |out| 3.times { |n| out << "part #{n}\\n" } }
end

get '/moved' do
  redirect to('/hello/world'), 303
end

__END__

@@ index
<h1>A page of <%= 6 * 7 %></h1>
"""


@pytest.fixture
def sinatra(httpd):
    if subprocess.run(["ruby", "-e", "require 'sinatra/base'"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("ruby-sinatra is not installed")
    h = httpd()
    app = h.rack_app("hello", "require './hello'\nrun Sinatra::Application\n")
    app.write("hello.rb", SINATRA)
    return h.vhost(app)


def test_a_sinatra_application_answers(sinatra):
    port = sinatra.httpd.address[1]
    assert sinatra.get("/").text == "<h1>A page of 42</h1>\n"
    answer = sinatra.get("/hello/caf%C3%A9", host=f"hello.test:{port}")
    assert answer.status == 200
    assert answer.text == f"Hello, caf\xe9 at http://hello.test:{port}/here"
    assert sinatra.get("/stream").body == b"part 0\npart 1\npart 2\n"
    moved = sinatra.get("/moved")
    assert moved.status == 303
    assert moved.header("Location").endswith("/hello/world")
    missing = sinatra.get("/nothing")
    assert missing.status == 404
    upload = (b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi'
              b'\r\n--B\r\nContent-Disposition: form-data; name="file"; '
              b'filename="a.bin"\r\n\r\n' + b"\0\r\n" * 1000 + b"\r\n--B--\r\n")
    answer = sinatra.post("/upload", upload, {
        "Content-Type": "multipart/form-data; boundary=B"})
    assert answer.body == b"a.bin 3000 hi"


# -- Mercurial's hgweb -----------------------------------------------------

HGWEB = """
from mercurial import demandimport
demandimport.enable()
from mercurial.hgweb import hgweb
application = hgweb(b"hgweb.config")
"""
HGWEB_CONFIG = """
[paths]
/ = repositories/*
[web]
allow-push = *
push_ssl = false
"""


def test_mercurial_clones_from_hgweb_and_pushes_to_it(httpd, tmp_path):
    if not shutil.which("hg"):
        pytest.skip("mercurial is not installed")
    h = httpd()
    app = h.wsgi_app("hg", HGWEB)
    app.write("hgweb.config", HGWEB_CONFIG)
    app.mkdir("repositories")
    run(app, "/usr/bin/hg", "init", "repositories/one")
    site = h.vhost(app)
    h.start()
    url = f"http://127.0.0.1:{h.address[1]}/one"
    hg(tmp_path, "clone", "-q", url, "copy")
    (tmp_path / "copy" / "file").write_bytes(b"\0\xff" * 300000)
    hg(tmp_path / "copy", "commit", "-q", "-A", "-m", "The first of all")
    hg(tmp_path / "copy", "push", "-q")
    assert "The first of all" in site.get("/one/").text
    assert site.get("/one/raw-file/tip/file").body == b"\0\xff" * 300000
    hg(tmp_path, "clone", "-q", url, "again")
    assert (tmp_path / "again" / "file").stat().st_size == 600000


def hg(folder, *arguments):
    subprocess.run(["hg", *arguments], cwd=folder, check=True, timeout=60,
                   env={"PATH": "/usr/bin:/bin", "HGRCPATH": "",
                        "HGUSER": "Ada", "HOME": str(folder)})
