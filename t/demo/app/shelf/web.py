# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: which request gets which answer."""

import getpass
import itertools
import os
import re
import time
from urllib.parse import quote
from wsgiref.util import FileWrapper

from . import pages, tokens
from .forms import FormError, Upload, read_form
from .store import Store

STEPS = 20
STEP_S = 0.25
SAFE_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy",
     "default-src 'self'; style-src 'self' 'unsafe-inline'; "
     "frame-ancestors 'none'; form-action 'self'"),
]


class Shelf:
    def __init__(self, folder):
        self._store = Store(folder)
        self._secret = self._store.secret()
        self._served = itertools.count(1)

    def __call__(self, environ, start_response):
        request = Request(environ, start_response, next(self._served))
        for method, pattern, handler in self.ROUTES:
            match = re.fullmatch(pattern, environ.get("PATH_INFO", "") or "/")
            if match and request.method in method:
                try:
                    return handler(self, request, *match.groups())
                except FormError as error:
                    return request.message(*error.args)
        return request.message("404 Not Found", "There is nothing here.")

    def home(self, request):
        visitor = tokens.visitor_of(request.environ)
        headers = []
        if visitor is None:
            visitor = tokens.new_visitor()
            headers = [("Set-Cookie", tokens.cookie_header(
                visitor, request.base + "/", request.is_secure))]
        return request.page("200 OK", "The Shelf", pages.home(
            request.base, tokens.sign(self._secret, visitor),
            self._store.entries(), self._store.files()), headers)

    def add_entry(self, request):
        form = self._checked_form(request)
        name, text = (str(form.get(key, "")).strip()
                      for key in ("name", "message"))
        if not name or not text:
            raise FormError("400 Bad Request", "A name and a message, please.")
        self._store.add_entry(name[:60], text[:2000])
        return request.see_other("/")

    def add_file(self, request):
        upload = self._checked_form(request).get("file")
        if not isinstance(upload, Upload) or not upload.name:
            raise FormError("400 Bad Request", "No file was chosen.")
        self._store.add_file(upload.name[:200], upload.type, upload.data)
        return request.see_other("/")

    def send_file(self, request, number, _name):
        found = self._store.file(int(number))
        if found is None:
            return request.message("404 Not Found", "No such file.")
        row, file = found
        # Only as a download: a visitor's HTML is never a page of ours.
        kind = row["type"] if SAFE_TYPE.fullmatch(row["type"]) else \
            "application/octet-stream"
        request.start("200 OK", [
            ("Content-Type", kind), ("Content-Length", str(row["size"])),
            ("Content-Disposition", "attachment; filename*=UTF-8''"
             + quote(row["name"], safe=""))])
        if request.method == "HEAD":
            file.close()
            return []
        wrapper = request.environ.get("wsgi.file_wrapper", FileWrapper)
        return wrapper(file, 65536)

    def remove_file(self, request, number):
        self._checked_form(request)
        self._store.remove_file(int(number))
        return request.see_other("/")

    def stream(self, request):
        request.start("200 OK", [("Content-Type", "text/html; charset=utf-8"),
                                 ("X-Accel-Buffering", "no")])
        mark = "<!-- here -->"
        head, tail = pages.page(request.base, "A page that streams", mark,
                                request.footer()).split(mark)
        if request.method == "HEAD":
            return []
        return _steps(head, tail, request.base)

    def _checked_form(self, request):
        form = read_form(request.environ)
        if not tokens.is_valid(self._secret,
                               tokens.visitor_of(request.environ),
                               form.get("token")):
            raise FormError("403 Forbidden", "This form is not from here, or "
                            "your cookie is gone. Please try once more.")
        return form

    ROUTES = (
        (("GET", "HEAD"), r"/", home),
        (("POST",), r"/entries", add_entry),
        (("POST",), r"/files", add_file),
        (("GET", "HEAD"), r"/files/(\d{1,9})/([^/]*)", send_file),
        (("POST",), r"/files/(\d{1,9})/remove", remove_file),
        (("GET", "HEAD"), r"/stream", stream),
    )


def _steps(head, tail, base):
    yield (head + pages.stream_head(STEP_S)).encode()
    for number in range(1, STEPS + 1):
        time.sleep(STEP_S)
        clock = time.strftime("%H:%M:%S")
        yield pages.stream_step(number, STEPS, clock).encode()
    yield (pages.stream_end(base) + tail).encode()


class Request:
    """One request, and the ways to answer it."""

    def __init__(self, environ, start_response, served):
        self.environ = environ
        self.method = environ["REQUEST_METHOD"]
        self.base = quote(environ.get("SCRIPT_NAME", ""), encoding="latin-1")
        self.is_secure = environ["wsgi.url_scheme"] == "https"
        self._start_response = start_response
        self._served = served

    def start(self, status, headers):
        self._start_response(status, headers + HEADERS)

    def page(self, status, title, body, headers=()):
        data = pages.page(self.base, title, body, self.footer()).encode()
        self.start(status, [("Content-Type", "text/html; charset=utf-8"),
                            ("Content-Length", str(len(data))),
                            ("Cache-Control", "no-store"), *headers])
        return [] if self.method == "HEAD" else [data]

    def message(self, status, text):
        return self.page(status, status[4:],
                         pages.message(status[4:], text, self.base))

    def see_other(self, path):
        self.start("303 See Other", [("Location", self.base + path),
                                     ("Content-Type", "text/plain"),
                                     ("Content-Length", "0")])
        return []

    def footer(self):
        return pages.footer((
            ("served by", self.environ.get("SERVER_SOFTWARE", "unknown")),
            ("process", os.getpid()), ("user", _user()),
            ("requests of this process", self._served)))


def _user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
