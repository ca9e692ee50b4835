# SPDX-License-Identifier: Apache-2.0
"""What the application learns about a request: path, server, client, and what
other modules have left for it. (More of it in test_request.)"""

import base64
import hashlib
import json

import pytest

from harness.tls import self_signed

SHARED_MODULES = ("ssl", "remoteip", "vhost_alias", "macro")
VHOSTS = {
    "on": "AllowEncodedSlashes On",
    "nodecode": "AllowEncodedSlashes NoDecode",
    "unmerged": "MergeSlashes Off",
    "rewrite": """
        RewriteEngine on
        RewriteRule ^/old/(.*)$ /env/new/$1 [PT,QSA,E=FROM_RULE:yes]
        RewriteRule ^/more/(.*)$ /env/$1?added=1 [PT,QSA]""",
    "canonical": "UseCanonicalName On\nServerAlias other.@NAME@.test",
    "remote": "RemoteIPHeader X-Real-Client\nRemoteIPInternalProxy 127.0.0.1",
    "one": """
        SetEnv FROM_CONF one
        SetEnvIf User-Agent "^(robot)" FROM_IF=$1
        RequestHeader set X-From-Httpd "set here"
        RequestHeader unset X-Unwanted""",
    "two": "SetEnv FROM_CONF two",
    "forged": """
        SetEnv CONTENT_LENGTH 99
        SetEnv SCRIPT_NAME /forged
        SetEnv REQUEST_METHOD BREW
        SetEnv REMOTE_USER root
        SetEnv SCGI 0
        SetEnv APPPOOL_KEEPALIVE 7
        SetEnv HTTP_X_FORGED yes
        SetEnv USER root
        SetEnv HTTPS on""",
    "auth": """
        <Location />
            AuthType Basic
            AuthName x
            AuthUserFile @FOLDER@/users
            Require valid-user
        </Location>
        <Location /env/passed>
            CGIPassAuth On
        </Location>""",
}
LOGIN = {"Authorization": "Basic YWRhOnNlY3JldA=="}


def setup_shared(h):
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (h.folder / "users").write_text("ada:{SHA}" + digest)


def vhosts(h, app, language, lines):
    if not hasattr(h, "tls_address"):
        h.tls_address, h.six_address = h.listen(), h.listen("::1")
        h.tls_lines = self_signed(h.folder)
    name = language.name
    return {
        "tls": h.vhost(app, lines + h.tls_lines
                       + "\nSSLOptions +StdEnvVars +ExportCertData",
                       f"tls.{name}.test", address=h.tls_address, tls=True),
        "six": h.vhost(app, lines, f"six.{name}.test", address=h.six_address),
    }


# -- path ------------------------------------------------------------------

def decoded(probe, plain, raw):
    """What the language's standard makes of a path."""
    return plain if probe.language.path == "decoded" else raw


@pytest.mark.everywhere
@pytest.mark.every_version
def test_path_info_is_decoded_once_or_not_at_all(probe):
    """BEHAVIOUR 1"""
    got = probe.env("/env/%2c/%252c/%41%20b;v=1?q=%2c")
    assert got["PATH_INFO"] == decoded(probe, "/env/,/%2c/A b;v=1",
                                       "/env/%2c/%252c/%41%20b;v=1")
    assert got["REQUEST_URI"] == "/env/%2c/%252c/%41%20b;v=1?q=%2c"
    assert got["QUERY_STRING"] == "q=%2c"
    assert got.get("SCRIPT_NAME", "") == probe.language.script


@pytest.mark.languages("wsgi", "rack", "psgi", "fcgi", "php")
def test_bytes_of_a_path_are_passed_as_they_are(probe):
    """BEHAVIOUR 1"""
    got = probe.env("/env/caf%c3%a9/%ff")["PATH_INFO"]
    if probe.language.path == "raw":
        assert got == "/env/caf%c3%a9/%ff"
    else:
        assert got.encode("latin-1") == b"/env/caf\xc3\xa9/\xff"


@pytest.mark.needs("variables")
def test_after_a_rewrite_path_info_is_the_new_path(probe):
    """BEHAVIOUR 1"""
    got = probe.at("rewrite").env("/old/a%20b?q=1")
    assert got["PATH_INFO"] == decoded(probe, "/env/new/a b",
                                       "/env/new/a%20b")
    assert got["QUERY_STRING"] == "q=1"
    assert got["REQUEST_URI"] == "/old/a%20b?q=1"
    assert probe.at("rewrite").env("/more/x?q=1")["QUERY_STRING"] == \
        "added=1&q=1"


@pytest.mark.needs("variables")
def test_an_encoded_slash_is_404_unless_allowed(probe):
    """BEHAVIOUR 2"""
    assert probe.get("/env/a%2Fb").status == 404
    assert probe.get("/env/a%2fb").status == 404
    got = probe.at("on").env("/env/a%2Fb%2c")
    assert got["PATH_INFO"] == decoded(probe, "/env/a/b,", "/env/a%2Fb%2c")
    got = probe.at("nodecode").env("/env/a%2Fb%2c")
    assert got["PATH_INFO"] == decoded(probe, "/env/a%2Fb,", "/env/a%2Fb%2c")
    assert got["REQUEST_URI"] == "/env/a%2Fb%2c"


@pytest.mark.parametrize("vhost", ["on", "unmerged"])
@pytest.mark.needs("variables")
def test_double_slashes_never_end_up_in_script_name(probe, vhost):
    """BEHAVIOUR 2"""
    got = probe.at(vhost).env("//env//x")
    assert got["SCRIPT_NAME"] == probe.language.script
    assert got["REQUEST_URI"] == "//env//x"
    assert got["PATH_INFO"].startswith("/")


def test_a_leading_double_slash_is_kept_where_slashes_are_not_merged(probe):
    """BEHAVIOUR 31"""
    got = probe.at("unmerged").env("//env//x?y")
    assert got["REQUEST_URI"] == "//env//x?y"
    assert got["PATH_INFO"] in ("/env//x", "//env//x")


def test_a_target_with_scheme_and_host_loses_both(shared, probe):
    """BEHAVIOUR 1"""
    answer = shared.raw(
        f"GET http://{probe.name}/env/a%20b?q HTTP/1.1\r\nHost: other\r\n"
        "Connection: close\r\n\r\n")
    got = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert got["REQUEST_URI"] == "/env/a%20b?q"
    assert got["QUERY_STRING"] == "q"
    assert got["SERVER_NAME"] == probe.name


# -- server and client -----------------------------------------------------

@pytest.mark.versions("1.0", "1.1")     # our client of HTTP/2 has no TLS
def test_tls_shows_in_scheme_port_and_https(probe):
    """BEHAVIOUR 3"""
    site = probe.at("tls")
    got = site.env()
    assert got["HTTPS"] == "on"
    assert got["REQUEST_SCHEME"] == "https"
    assert (got["SERVER_NAME"], got["SERVER_PORT"]) == \
        (site.name, str(site.address[1]))
    scheme = got.get("wsgi.url_scheme", got.get("rack.url_scheme", "https"))
    assert scheme == "https"
    plain = probe.env()
    assert plain.get("HTTPS", "off") in ("", "off")
    assert plain["REQUEST_SCHEME"] == "http"


@pytest.mark.versions("1.0", "1.1")
@pytest.mark.needs("variables")
def test_variables_of_mod_ssl_reach_the_request(probe):
    """BEHAVIOUR 5"""
    got = probe.at("tls").env()
    assert got["SSL_PROTOCOL"].startswith("TLSv1")
    assert got["SSL_CIPHER"]
    assert "BEGIN CERTIFICATE" in got["SSL_SERVER_CERT"]


@pytest.mark.needs("variables")
def test_use_canonical_name_gives_the_configured_name_and_port(probe):
    """BEHAVIOUR 3"""
    site = probe.at("canonical")
    other = f"other.{probe.language.name}.test:1234"
    got = site.env(host=other)
    assert got["SERVER_NAME"] == site.name
    assert got["HTTP_HOST"] == other


@pytest.mark.versions("1.0", "1.1")
@pytest.mark.needs("variables")
def test_name_and_port_are_those_of_host_and_socket(probe):
    """BEHAVIOUR 31"""
    port = str(probe.address[1])
    got = probe.env(host=probe.name)
    assert (got["SERVER_NAME"], got["SERVER_PORT"]) == (probe.name, port)
    assert got["SERVER_ADDR"] == "127.0.0.1"


def test_an_ipv6_client_and_server_are_named_as_such(probe):
    """BEHAVIOUR 33"""
    site = probe.at("six")
    got = site.env(host=f"[::1]:{site.address[1]}")
    assert got["REMOTE_ADDR"] == "::1"
    assert got["SERVER_NAME"] == "[::1]"
    assert got["SERVER_PORT"] == str(site.address[1])


def test_remote_addr_follows_mod_remoteip(probe):
    """BEHAVIOUR 3"""
    got = probe.at("remote").env(headers={"X-Real-Client": "192.0.2.7"})
    assert got["REMOTE_ADDR"] == "192.0.2.7"
    assert probe.env(headers={"X-Real-Client": "192.0.2.7"})[
        "REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.needs("variables")
def test_the_user_of_httpds_authentication_is_passed_without_password(probe):
    """BEHAVIOUR 3"""
    site = probe.at("auth")
    assert site.get("/env").status == 401
    got = site.env(headers=LOGIN)
    assert (got["REMOTE_USER"], got["AUTH_TYPE"]) == ("ada", "Basic")
    assert "HTTP_AUTHORIZATION" not in got
    got = site.env("/env/passed", LOGIN)
    assert got["HTTP_AUTHORIZATION"] == LOGIN["Authorization"]
    got = probe.env(headers=LOGIN)
    assert got["HTTP_AUTHORIZATION"] == LOGIN["Authorization"]
    assert "REMOTE_USER" not in got


# -- headers ---------------------------------------------------------------

@pytest.mark.everywhere
def test_headers_of_one_name_are_joined_with_comma_cookies_with_semicolon(
        probe):
    """BEHAVIOUR 4"""
    got = probe.env(headers=[("X-A", "1"), ("Cookie", "a=1; b=2"),
                             ("X-A", "2"), ("Cookie", "c=3"), ("x-a", "3")])
    assert got["HTTP_X_A"] == "1, 2, 3"
    assert got["HTTP_COOKIE"] == "a=1; b=2; c=3"


def test_a_cookie_with_commas_of_its_own_keeps_them(probe):
    """BEHAVIOUR 4"""
    cookie = 'date="Mon, 5 May"; list=1,2, 3'
    assert probe.env(headers={"Cookie": cookie})["HTTP_COOKIE"] == cookie


@pytest.mark.parametrize("name", [
    "Content_Length", "Remote_User", "X_Under", "X.Dot", "X~Tilde", "X!y",
    "X'y", "X|y", "X+y", "X%y"])
@pytest.mark.parametrize("value", ["forged-5ac"])
def test_a_header_with_an_odd_byte_in_its_name_is_dropped(probe, name, value):
    """BEHAVIOUR 4"""
    got = probe.env(headers=[(name, value)])
    assert value not in json.dumps(got)


@pytest.mark.needs("variables")
def test_no_header_sets_a_variable_of_the_server(probe):
    """BEHAVIOUR 4"""
    names = ["Content-Length", "Remote-User", "Remote-Addr", "Https",
             "Request-Method", "Script-Name", "Path-Info", "Server-Name",
             "Query-String", "Auth-Type", "Scgi", "Apppool-Keepalive",
             "Document-Root", "Proxy", "Gateway-Interface"]
    usual = probe.env()
    got = probe.env(headers=[(name, "0") for name in names])
    extra = {name: value for name, value in got.items()
             if value == "0" and usual.get(name) != "0"
             and name != "CONTENT_LENGTH"}     # that one says so
    assert all(name.startswith("HTTP_") for name in extra), extra
    assert "HTTP_PROXY" not in got
    assert "HTTP_CONTENT_LENGTH" not in got


@pytest.mark.versions("1.0", "1.1")
def test_headers_for_the_next_hop_stop_here(probe):
    """BEHAVIOUR 4"""
    got = probe.env(headers=[
        ("Connection", "close, X-Mine, x-other"), ("X-Mine", "1"),
        ("X-Other", "1"), ("X-Kept", "1"), ("Keep-Alive", "9"),
        ("Proxy-Authorization", "Basic xyz"), ("Proxy-Connection", "close"),
        ("TE", "trailers"), ("Trailer", "X"), ("Upgrade", "nothing")])
    assert got["HTTP_X_KEPT"] == "1"
    assert not {"HTTP_CONNECTION", "HTTP_X_MINE", "HTTP_X_OTHER",
                "HTTP_KEEP_ALIVE", "HTTP_PROXY_AUTHORIZATION",
                "HTTP_PROXY_CONNECTION", "HTTP_TE", "HTTP_TRAILER",
                "HTTP_UPGRADE"} & got.keys()


def test_an_empty_header_is_empty_not_missing(probe):
    """BEHAVIOUR 4"""
    assert probe.env(headers={"X-Empty": ""})["HTTP_X_EMPTY"] == ""


def test_bytes_of_a_header_are_passed_as_they_are(probe):
    """BEHAVIOUR 4"""
    got = probe.env(headers={"X-Bytes": "caf\xe9"})["HTTP_X_BYTES"]
    assert got == "caf\xe9"


@pytest.mark.parametrize("name", ["Host", "Destination", "If-Match", "If",
                                  "Depth", "Lock-Token", "Overwrite"])
@pytest.mark.versions("1.0", "1.1")
def test_headers_of_webdav_are_untouched(probe, name):
    """BEHAVIOUR 27"""
    value = {"Host": f"{probe.name}:81"}.get(name, f"<http://{probe.name}/x>")
    got = probe.env(headers={name: value})
    assert got["HTTP_" + name.upper().replace("-", "_")] == value


# -- what other modules left -----------------------------------------------

@pytest.mark.needs("variables")
def test_set_env_reaches_the_request_of_its_own_vhost_only(probe):
    """BEHAVIOUR 5"""
    one = probe.at("one").env(headers={"User-Agent": "robot/1",
                                       "X-Unwanted": "x"})
    assert (one["FROM_CONF"], one["FROM_IF"]) == ("one", "robot")
    assert one["HTTP_X_FROM_HTTPD"] == "set here"
    assert "HTTP_X_UNWANTED" not in one
    assert probe.at("two").env()["FROM_CONF"] == "two"
    assert "FROM_CONF" not in probe.env()
    got = probe.at("rewrite").env("/old/x")
    assert got["FROM_RULE"] == "yes"


@pytest.mark.needs("variables")
def test_set_env_changes_neither_the_request_nor_the_application(probe):
    """BEHAVIOUR 5"""
    site = probe.at("forged")
    assert site.post("/digest", b"abc").json["content_length"] == "3"
    got = site.env()
    assert got["SCRIPT_NAME"] == probe.language.script
    assert got["REQUEST_METHOD"] == "GET"
    assert "REMOTE_USER" not in got
    if probe.language.name not in ("php", "fastcgi"):   # they have no such
        assert not {"SCGI", "APPPOOL_KEEPALIVE"} & got.keys()
    mine, usual = site.get("/inside").json, probe.get("/inside").json
    assert mine["uids"] == usual["uids"]
    assert mine["environ"] == usual["environ"]
