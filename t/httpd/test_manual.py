# SPDX-License-Identifier: Apache-2.0
"""mod_apppool(5) says of each directive what the module itself says."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import Httpd

SOURCE = Path(__file__).resolve().parents[2]
MANUAL = SOURCE / "man/mod_apppool.5"


def directives_of_module(stage):
    """{name: help} as mod_info shows it."""
    with Httpd(stage=stage, modules=("info",)) as h:
        site = h.vhost(extra='<Location "/">\nSetHandler server-info\n'
                             'Require local\n</Location>')
        page = site.get("/?mod_apppool.c").body.decode()
    return {name: html.unescape(said) for name, said in re.findall(
        r"<dd><tt>(Pool\w+)[^<]* - <i>(.*?)</i></tt></dd>", page, re.S)}


def plain(text):
    return re.sub(r"\s+", " ", text.replace("\\-", "-").replace("\\e", "\\")
                  .replace("\\&", "").replace('""', '"')).strip()


def directives_of_manual():
    """{name: (context, default, text)}"""
    text = MANUAL.read_text()
    text = text[text.index("\n.SH DIRECTIVES"):text.index("\n.SH HANDLERS")]
    found = {}
    for part in text.split("\n.SS ")[1:]:
        head, _, rest = part.partition("\n")
        context, default = (re.search(rf"^{word}: *(.*)$", rest, re.M)[1]
                            for word in ("Context", "Default"))
        assert re.search(r"^Since: *\d", rest, re.M), head
        assert re.search(r"^\.EX\n(.*\n)*?.*Pool", rest, re.M), head
        found[head.strip('"').split()[0]] = (
            plain(context), plain(default), plain(rest.partition(".PP\n")[2]))
    return found


@pytest.fixture(scope="module")
def both(stage):
    module = directives_of_module(stage)
    assert len(module) > 50
    return module, directives_of_manual()


def test_manual_has_every_directive_and_no_other(both):
    module, manual = both
    assert sorted(module) == sorted(manual)


def test_manual_has_the_same_sentence_and_default(both):
    module, manual = both
    for name, said in module.items():
        sentence, _, default = said.partition("; default: ")
        _, printed, text = manual[name]
        assert printed == default, name
        assert text.lower().startswith(sentence.lower()), (name, text[:100])


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
@pytest.mark.parametrize("page", sorted(
    path.name for path in MANUAL.parent.iterdir()))
def test_page_is_formatted_without_a_warning(page):
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-rF0", MANUAL.parent / page],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
