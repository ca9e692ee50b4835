# SPDX-License-Identifier: Apache-2.0
"""The pages of doc/ that tell a new user what to do: their first application,
as it stands there, runs under the virtual host that stands there."""

import re
import textwrap
from pathlib import Path

import pytest

DOC = Path(__file__).resolve().parents[2] / "doc"
PAGES = ("wsgi", "rack", "psgi")


def block_after(page, line):
    """What is indented further than the line before it."""
    lines = (DOC / page).read_text().splitlines()
    start = lines.index(line) + 1
    depth = len(line) - len(line.lstrip()) + 1
    block = []
    for text in lines[start:]:
        if text.strip() and not text.startswith(" " * depth):
            break
        block.append(text)
    return textwrap.dedent("\n".join(block))


def first_application(page):
    """(name of its startup file, its text)"""
    name = re.search(r"^    /srv/hello/(\S+\.\w+)$", (DOC / page).read_text(),
                     re.M)[1]
    return name, block_after(page, f"    /srv/hello/{name}")


def vhost_lines(page):
    """Inside the <VirtualHost>, but for its name."""
    lines = block_after(page, "    <VirtualHost *:80>").splitlines()
    return "\n".join(line for line in lines if "ServerName" not in line)


@pytest.mark.parametrize("page", PAGES)
def test_the_first_application_of_a_page_answers(httpd, page):
    h = httpd()
    app = h.app("hello", page)
    name, text = first_application(page)
    app.write(name, text)
    site = h.vhost(app, extra=vhost_lines(page).replace("/srv/hello",
                                                        str(app.root)))
    answer = site.get("/")
    assert answer.status == 200, answer.text
    assert answer.text.startswith("Hello")
    assert answer.header("Content-Type").startswith("text/plain")
