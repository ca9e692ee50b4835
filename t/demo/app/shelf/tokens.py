# SPDX-License-Identifier: Apache-2.0
"""Form tokens against forged requests: a cookie that only this site can read,
and its signature in every form."""

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

COOKIE = "shelf_visitor"


def visitor_of(environ):
    """The visitor's cookie; None for one that has not been here."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None


def new_visitor():
    return secrets.token_urlsafe(16)


def cookie_header(visitor, path, secure):
    """The Set-Cookie value that makes a visitor known."""
    return (f"{COOKIE}={visitor}; Path={path}; HttpOnly; SameSite=Lax"
            + ("; Secure" if secure else ""))


def sign(secret, visitor):
    return hmac.new(secret, visitor.encode(), hashlib.sha256).hexdigest()


def is_valid(secret, visitor, token):
    return bool(visitor and token) and hmac.compare_digest(
        sign(secret, visitor).encode(), token.encode("utf-8", "replace"))
