# SPDX-License-Identifier: Apache-2.0
"""apppool_http.py - reads what HTTP/1.1 (RFC 9112) has around a body."""


class BadRequest(Exception):
    """What came over the connection is not an HTTP request."""


def parse_head(head):
    """(method, target, version, headers, named): the last has the headers
    that count here, by name."""
    lines = head.split(b"\r\n")
    try:
        method, target, version = lines[0].split(b" ")
    except ValueError:
        raise BadRequest("a request line of %d bytes" % len(lines[0]))
    if not version.startswith(b"HTTP/1."):
        raise BadRequest("version %a" % version)
    headers = []
    named = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest("a header line without colon")
        name = name.lower()
        value = value.strip(b" \t")
        headers.append((name, value))
        named[name] = value
    return method.decode("ascii"), target, version[5:].decode(), headers, named


def content_length(value):
    if not value.isdigit():
        raise ValueError("Content-Length is %a" % value)
    return int(value)


def skip_trailers(rest):
    """What comes after the last chunk's line; None: it is not all there."""
    if rest.startswith(b"\r\n"):
        return rest[2:]
    end = rest.find(b"\r\n\r\n")
    return None if end < 0 else rest[end + 4:]
