# SPDX-License-Identifier: Apache-2.0
"""Debian's DokuWiki, unchanged, in a folder of its own."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest

PACKAGE = Path("/usr/share/dokuwiki")
CONF = Path("/etc/dokuwiki")

pytestmark = pytest.mark.skipif(
    not PACKAGE.exists() or not shutil.which("php-cgi"),
    reason="dokuwiki or php-cgi is not installed")

SHARED_CONF = "PoolMax 6\nDirectoryIndex index.php"

# The package's own settings point into /etc and /var.
PRELOAD = """<?php
define('DOKU_CONF', __DIR__ . '/../conf/');
"""
LOCAL = """<?php
$conf['title'] = 'A wiki';
$conf['useacl'] = 0;
$conf['savedir'] = '{root}/data';
$conf['userewrite'] = 1;
"""
FOLDERS = """attic cache index locks log media media_attic media_meta meta pages
    tmp""".split()
REWRITES = """
RewriteEngine on
RewriteBase /
RewriteRule ^lib - [L]
RewriteRule ^doku.php - [L]
RewriteRule ^$ doku.php [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule (.*) doku.php?id=$1 [QSA,L]
"""


def other_languages(folder, names):
    """In DokuWiki's folders of translations."""
    return [name for name in names if name != "en"] \
        if folder.endswith("/lang") else []


def setup_shared(h):
    app = h.app("wiki", "php")
    shutil.copytree(PACKAGE, app.root, dirs_exist_ok=True,
                    ignore=other_languages)
    if h.runs_as_root:
        subprocess.run(["chown", "-R", f"{app.user}:", app.root], check=True)
    for name in ("dokuwiki.php", "mime.conf", "license.php", "plugins.php",
                 "plugins.required.php", "entities.conf", "acronyms.conf",
                 "smileys.conf", "interwiki.conf", "wordblock.conf",
                 "scheme.conf", "mediameta.php"):
        app.write(f"conf/{name}", (CONF / name).read_bytes())
    app.write("conf/local.php", LOCAL.format(root=app.root))
    app.write("inc/preload.php", PRELOAD)
    app.write(".htaccess", REWRITES)
    app.mkdir("data")
    for name in FOLDERS:
        app.mkdir(f"data/{name}")
    h.wiki = h.vhost(app, document_root=app.root, extra="PoolAppType php")


@pytest.fixture
def wiki(shared):
    return shared.wiki


def test_a_page_is_written_and_read_again(wiki):
    answer = wiki.get("/")
    assert answer.status == 200 and "A wiki" in answer.text

    form = wiki.get("/hello?do=edit")
    assert form.status == 200
    cookie = form.header("Set-Cookie").partition(";")[0]
    fields = dict(re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.text))
    fields |= {"id": "hello", "do[save]": "1",
               "wikitext": "====== Hello ======\nWritten by a //test//."}
    saved = wiki.post("/doku.php", urlencode(fields).encode(), {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": cookie})
    assert saved.status == 302
    for target in ("/hello", "/doku.php?id=hello"):
        assert "Written by a <em>test</em>." in wiki.get(target).text
    assert list((wiki.app.root / "data/pages").glob("hello.txt"))


def test_what_scripts_and_files_add_to_a_page_arrives(wiki):
    for path, kind in (("/lib/exe/css.php", "text/css"),
                       ("/lib/exe/js.php", "application/javascript"),
                       ("/lib/exe/jquery.php", "application/javascript"),
                       ("/lib/tpl/dokuwiki/images/logo.png", "image/png")):
        answer = wiki.get(path)
        assert answer.status == 200, path
        assert answer.header("Content-Type").startswith(kind)
        assert len(answer.body) > 1000
