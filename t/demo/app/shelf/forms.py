# SPDX-License-Identifier: Apache-2.0
"""The two ways in which a browser sends a form."""

import re
from collections import namedtuple
from email.message import Message
from urllib.parse import parse_qsl

MAX_BYTES = 16 << 20

Upload = namedtuple("Upload", "name type data")


class FormError(Exception):
    """(status line, what to tell the visitor)"""


def read_form(environ):
    """{field: text or Upload} of a POST."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise FormError("400 Bad Request", "That length makes no sense.")
    if length > MAX_BYTES:
        raise FormError("413 Content Too Large",
                        f"At most {MAX_BYTES >> 20} MiB, please.")
    body = environ["wsgi.input"].read(length)
    if len(body) != length:
        raise FormError("400 Bad Request", "The upload ended too early.")
    kind, options = _parse_type(environ.get("CONTENT_TYPE", ""))
    if kind == "multipart/form-data" and options.get("boundary"):
        return _multipart(body, options["boundary"].encode("latin-1"))
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode("ascii", "replace")))
    raise FormError("415 Unsupported Media Type", "That is no form.")


def _parse_type(value):
    header = Message()
    header["Content-Type"] = value
    return header.get_content_type(), dict(header.get_params([])[1:])


def _multipart(body, boundary):
    """RFC 7578. Bytes of a file are never looked into."""
    fields = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    for part in parts[1:]:
        if part.startswith(b"--"):
            return fields
        head, found, data = part.partition(b"\r\n\r\n")
        if not found:
            break
        name, upload_name, kind = _part_head(head.decode("utf-8", "replace"))
        if upload_name is None:
            fields[name] = data.decode("utf-8", "replace")
        else:
            fields[name] = Upload(upload_name, kind, data)
    raise FormError("400 Bad Request", "The form ended too early.")


def _part_head(text):
    """(field, file name or None, type) from the header of a part."""
    headers = dict(line.lower().split(":", 1)[:1] + [line.split(":", 1)[1]]
                   for line in text.split("\r\n") if ":" in line)
    disposition = headers.get("content-disposition", "")
    values = dict(re.findall(r';\s*(\w+)="([^"]*)"', disposition))
    upload_name = values.get("filename")
    if upload_name is not None:
        # Browsers send %22 for a quote; some send whole paths.
        upload_name = re.split(r"[/\\]", upload_name.replace("%22", '"'))[-1]
    kind = headers.get("content-type", "application/octet-stream").strip()
    return values.get("name", ""), upload_name, kind
