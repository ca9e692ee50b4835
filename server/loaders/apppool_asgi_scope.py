# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi_scope.py - what an application is told of a request."""

from urllib.parse import unquote


def make_scope(kind, request_line, headers, root_path, state):
    method, target, version = request_line
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii", "replace")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": version,
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": root_path,
        "headers": headers,
        "client": None,
        "server": None,
        "state": state.copy(),
    }
    if kind == "http":
        scope["method"] = method
        scope["extensions"] = {"http.response.early_hint": {}}
    else:
        scope["subprotocols"] = [
            part.strip().decode("latin-1")
            for name, value in headers if name == b"sec-websocket-protocol"
            for part in value.split(b",")]
    return scope
