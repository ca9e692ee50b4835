# SPDX-License-Identifier: Apache-2.0
"""HTML. Everything that a visitor wrote goes through escape()."""

from html import escape
from urllib.parse import quote

UNITS = ("B", "KiB", "MiB")


def page(base, title, body, footer):
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="{base}/logo.svg" type="image/svg+xml">
<link rel="stylesheet" href="{base}/style.css">
</head>
<body>
<header>
  <a class="brand" href="{base}/"><img src="{base}/logo.svg" alt="" width="44"
  height="44"><span>The Shelf</span></a>
  <nav><a href="{base}/">Home</a><a href="{base}/stream">A page that
  streams</a></nav>
</header>
<main>
{body}
</main>
<footer>{footer}</footer>
</body>
</html>
"""


def home(base, token, entries, files):
    return f"""<p class="lead">Leave a word, put something on the shelf.
Everything here is served by one small WSGI application.</p>
<div class="columns">
<section aria-labelledby="book">
<h2 id="book">Guest book</h2>
<form class="card" method="post" action="{base}/entries">
{_hidden(token)}
<label>Your name
<input name="name" maxlength="60" required autocomplete="name"></label>
<label>Your message
<textarea name="message" rows="3" maxlength="2000" required></textarea></label>
<button>Sign the book</button>
</form>
{_entries(entries)}
</section>
<section aria-labelledby="files">
<h2 id="files">Shelf</h2>
<form class="card" method="post" action="{base}/files"
 enctype="multipart/form-data">
{_hidden(token)}
<label>A file, up to 16 MiB <input type="file" name="file" required></label>
<button>Put it on the shelf</button>
</form>
{_files(base, token, files)}
</section>
</div>"""


def message(title, text, base):
    return (f'<section class="card"><h2>{escape(title)}</h2>'
            f'<p>{escape(text)}</p><p><a href="{base}/">Back to the shelf</a>'
            "</p></section>")


def stream_head(step_s):
    """The part of the streaming page before its first step; page() is split
    around it."""
    return f"""<section class="card stream">
<h2>A page that streams</h2>
<p>Each line leaves the application when it is written, {step_s} s apart.
No script runs here: the page simply has not ended yet.</p>
<div class="bar" role="img" aria-label="progress"><span></span></div>
<style>.bar span {{ width: 0; }}</style>
<ol class="steps">"""


def stream_step(number, steps, clock):
    return (f'<li value="{number}"><time>{clock}</time> step {number} of '
            f'{steps}<style>.bar span {{ width: {100 * number // steps}%; }}'
            "</style></li>\n")


def stream_end(base):
    return (f'</ol><p class="done">Done. <a href="{base}/stream">Once more'
            "</a></p></section>")


def footer(facts):
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}"
                    "</dd></div>" for name, value in facts)
    return f"<dl>{items}</dl>"


def size(count):
    """12 B, 3.4 KiB, 5.6 MiB"""
    value, unit = count, 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def _hidden(token):
    return f'<input type="hidden" name="token" value="{escape(token)}">'


def _entries(rows):
    if not rows:
        return '<p class="empty">Nobody has written yet. Be the first.</p>'
    return '<ul class="entries">' + "".join(
        f'<li class="card"><p>{escape(row["message"])}</p>'
        f'<p class="by"><strong>{escape(row["name"])}</strong> '
        f'<time>{row["written"]} UTC</time></p></li>'
        for row in rows) + "</ul>"


def _files(base, token, rows):
    if not rows:
        return '<p class="empty">The shelf is empty.</p>'
    return '<ul class="files">' + "".join(
        f'<li class="card"><div><a href="{base}/files/{row["id"]}/'
        f'{quote(row["name"], safe="")}">{escape(row["name"])}</a>'
        f'<p class="by">{size(row["size"])}, <time>{row["written"]} UTC'
        f'</time></p></div><form method="post" action="{base}/files/'
        f'{row["id"]}/remove">{_hidden(token)}<button class="quiet">Remove'
        "</button></form></li>"
        for row in rows) + "</ul>"
