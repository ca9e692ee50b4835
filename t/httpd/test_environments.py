# SPDX-License-Identifier: Apache-2.0
"""An application's own interpreter and libraries: virtual environments,
Bundler, local::lib; and what is said where one is missing."""

import shutil
import subprocess

import pytest

from harness import users

pytestmark = pytest.mark.both_privileges

SHOW = {
    "wsgi": """
import sys
import only_here
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["{} {}".format(only_here.NAME, sys.prefix).encode()]
""",
    "rack": """
require 'only_here'
run ->(env) { [200, { 'content-type' => 'text/plain' },
               ["#{OnlyHere::NAME} #{RbConfig.ruby}"]] }
""",
    "psgi": """
use OnlyHere;
sub { [200, ['Content-Type' => 'text/plain'], [OnlyHere::name(), " $^X"]] };
"""}


def run(app, *command):
    """As the application's owner, in its root."""
    become = {}
    if users.is_root():
        uid, gid = users.ids(app.user)
        become = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(command, cwd=app.root, check=True, timeout=60, env={
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(app.root)},
        **become)


def answer_of(httpd, app, extra=""):
    site = httpd.vhost(app, extra=extra)
    httpd.start()
    return site.get("/").text


def test_poolpython_names_a_virtual_environment(httpd):
    h = httpd()
    app = h.wsgi_app("site", SHOW["wsgi"])
    run(app, "/usr/bin/python3", "-m", "venv", "--without-pip", "venv")
    packages = next((app.root / "venv/lib").glob("python3*/site-packages"))
    app.write(packages.relative_to(app.root) / "only_here.py",
              "NAME = 'from the venv'\n")
    assert answer_of(h, app, f"PoolPython {app.root}/venv/bin/python3") == \
        f"from the venv {app.root}/venv"


def test_poolruby_names_a_ruby(httpd):
    h = httpd()
    app = h.rack_app("site", SHOW["rack"])
    app.write("lib/only_here.rb", "module OnlyHere; NAME = 'from lib'; end\n")
    ruby = shutil.which("ruby")
    assert answer_of(h, app, f"PoolRuby {ruby}\n"
                             f"PoolSetEnv RUBYLIB {app.root}/lib"
                     ).startswith("from lib ")


GEMSPEC = """
Gem::Specification.new do |s|
  s.name = 'only_here'
  s.version = '1.0'
  s.summary = s.authors = 'none'
  s.files = ['lib/only_here.rb']
end
"""


def test_a_gemfile_is_heeded(httpd):
    if not shutil.which("bundle"):
        pytest.skip("no bundler")
    h = httpd()
    app = h.rack_app("site", SHOW["rack"])
    app.write("Gemfile", "gem 'rack'\n"
                         "gem 'only_here', path: 'gems/only_here'\n")
    app.write("gems/only_here/only_here.gemspec", GEMSPEC)
    app.write("gems/only_here/lib/only_here.rb",
              "module OnlyHere; NAME = 'from the bundle'; end\n")
    run(app, "bundle", "install", "--local", "--quiet")
    assert answer_of(h, app).startswith("from the bundle ")


MODULE = "package OnlyHere; sub name { 'from %s' } 1;\n"


def test_perl5lib_and_poolperl_are_heeded(httpd):
    h = httpd()
    app = h.app("site", "psgi", SHOW["psgi"])
    app.write("else/lib/perl5/OnlyHere.pm", MODULE % "else")
    perl = shutil.which("perl")
    assert answer_of(h, app, f"PoolPerl {perl}\nPoolSetEnv PERL5LIB "
                             f"{app.root}/else/lib/perl5") == f"from else {perl}"


def test_local_lib_is_heeded(httpd):
    h = httpd()
    app = h.app("site", "psgi", "use FindBin;\nuse local::lib "
                "'--quiet', \"$FindBin::Bin/mine\";\n" + SHOW["psgi"])
    app.write("mine/lib/perl5/OnlyHere.pm", MODULE % "local::lib")
    if subprocess.run(["perl", "-Mlocal::lib", "-e1"], check=False,
                      capture_output=True, env={"HOME": str(h.folder),
                      "PATH": "/usr/bin:/bin"}).returncode:
        pytest.skip("no local::lib")
    assert answer_of(h, app).startswith("from local::lib ")


def test_what_carton_installs_is_found(httpd):
    h = httpd()
    app = h.app("site", "psgi", SHOW["psgi"])
    app.write("local/lib/perl5/OnlyHere.pm", MODULE % "local")
    assert answer_of(h, app).startswith("from local ")


@pytest.mark.parametrize("language, said", [
    ("wsgi", "The Python module only_here is not installed."),
    ("rack", "The Ruby library only_here is not installed."),
    ("psgi", "The Perl module OnlyHere is not installed.")])
def test_a_missing_module_is_named_by_page_and_log(httpd, language, said):
    h = httpd()
    site = h.vhost(h.app("site", language, SHOW[language]),
                   extra="PoolFriendlyErrorPages on")
    h.start()
    answer = site.get("/")
    assert answer.status == 500 and said in answer.text
    h.log.wait(said)


def test_a_missing_interpreter_is_named_by_page_and_log(httpd):
    h = httpd()
    site = h.vhost(h.app("site", "psgi", SHOW["psgi"]), extra="""
        PoolPerl no-such-perl
        PoolFriendlyErrorPages on""")
    h.start()
    answer = site.get("/")
    assert answer.status == 500
    said = "The program no-such-perl cannot be run"
    assert said in answer.text and "PoolPerl" in answer.text
    h.log.wait(said)
