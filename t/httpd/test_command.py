# SPDX-License-Identifier: Apache-2.0
"""Any program as an application (PoolAppCommand): how it finds its socket or
port, when it counts as started, how it ends."""

import importlib.util
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import eventually
from harness.procs import table

# An SCGI server without any help from a loader: at descriptor 3, or at the
# port of its first argument. Answers with what it finds.
SERVER = """
import json, os, signal, socket, sys
names = sys.argv[1:]
if names and names[0].isdigit():
    listener = socket.create_server(("127.0.0.1", int(names[0])))
else:
    assert os.environ["LISTEN_PID"] == str(os.getpid())
    listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    data = connection.recv(65536)
    if data:
        text = json.dumps({"pid": os.getpid(), "argv": sys.argv[1:],
                           "fds": os.listdir("/proc/self/fd"),
                           "environ": dict(os.environ)})
        connection.sendall(b"Status: 200 OK\\r\\n"
                           b"Content-Type: application/json\\r\\n\\r\\n"
                           + text.encode())
    connection.close()
"""


@pytest.fixture
def command(httpd):
    """command(line, extra): a started httpd whose only vhost runs it."""
    def start(line, code=SERVER, extra="PoolAppProtocol scgi"):
        h = httpd()
        app = h.app("command", "command")
        app.write("server.py", code)
        site = h.vhost(app, extra=f'PoolAppCommand "{line}"\n{extra}')
        h.start()
        return site
    return start


@pytest.mark.both_privileges
def test_a_command_takes_its_socket_over_and_words_as_httpd_quotes_them(
        command):
    site = command("python3 server.py 'two words' a\\\\b $HOME")
    found = site.get().json
    assert found["argv"] == ["two words", "a\\b", "$HOME"]
    assert found["environ"]["LISTEN_FDS"] == "1"
    assert "PORT" not in found["environ"]
    assert site.get().json["pid"] == found["pid"]
    assert site.httpd.status_of(site.app)["type"] == "command"


@pytest.mark.both_privileges
def test_a_command_with_a_port_gets_it_as_word_and_in_its_environment(command):
    site = command("python3 server.py $PORT --bind=localhost:$PORT")
    found = site.get().json
    port = found["environ"]["PORT"]
    assert found["argv"] == [port, f"--bind=localhost:{port}"]
    assert "LISTEN_FDS" not in found["environ"]
    assert site.get().json["pid"] == found["pid"]


@pytest.mark.both_privileges
def test_a_command_that_is_gone_is_started_anew_at_another_port(command):
    site = command("python3 server.py $PORT")
    first = site.get().json
    eventually(lambda: site.httpd.processes_of(site.app) == [first["pid"]])
    os.kill(first["pid"], signal.SIGKILL)
    site.httpd.log.wait(rf"pid {first['pid']}, .*was ended by signal 9")
    second = eventually(lambda: site.get().status == 200 and site.get().json)
    assert second["pid"] != first["pid"]


def test_a_command_that_ends_before_it_accepts_is_a_failed_start(command):
    site = command("python3 server.py", code="""
import sys
print("no such database", file=sys.stderr)
sys.exit(7)
""")
    answer = site.get()
    assert answer.status == 500
    site.httpd.log.wait("command.*exited with 7 before it was ready")
    site.httpd.log.wait("no such database")


def test_a_command_that_never_accepts_is_ended_after_the_start_timeout(
        command):
    site = command("sleep 600",
                   extra="PoolAppProtocol scgi\nPoolStartTimeout 1")
    assert site.get().status == 500
    site.httpd.log.wait("it was not ready after 1 s")
    eventually(lambda: not site.httpd.applications, 15)


def test_a_program_that_is_not_there_is_named_with_its_directive(command):
    site = command("no-such-program --fast")
    assert site.get().status == 500
    site.httpd.log.wait("no-such-program cannot be run by user .*not found "
                        ".PoolAppCommand")


@pytest.mark.both_privileges
def test_the_whole_process_group_of_a_command_ends_with_the_pool(command):
    site = command("sh -c 'sleep 601 & sleep 602 | sleep 603 & "
                   "exec python3 server.py'", extra="PoolAppProtocol scgi")
    # sh execs, so LISTEN_PID is right.
    pid = site.get().json["pid"]
    session = [e.pid for e in table().values() if e.sid == pid]
    assert len(session) == 4
    site.httpd.stop()
    left = [e.pid for e in table().values() if e.sid == pid]
    assert not left


@pytest.mark.parametrize("line", ["python3 server.py",
                                  "python3 server.py $PORT"])
def test_a_command_outlives_the_engine_and_a_graceful_restart(command, line):
    site = command(line)
    h = site.httpd
    pid = site.get().json["pid"]
    engine = h.status()["server"]["engine"]
    os.kill(engine, signal.SIGKILL)
    eventually(lambda: h.status()["server"]["engine"] not in (0, engine))
    assert site.get().json["pid"] == pid
    h.graceful()
    assert site.get().json["pid"] == pid
    assert h.processes_of(site.app) == [pid]


# -- servers that nobody here wrote -------------------------------------------

FILES = {
    "wsgi.py": """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return [("%(PATH_INFO)s %(HTTP_X_FORWARDED_FOR)s " % environ).encode(),
            environ["wsgi.input"].read(length)]
""",
    "asgi.py": """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    client = dict(scope["headers"])[b"x-forwarded-for"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body":
                scope["path"].encode() + b" " + client + b" " + body})
""",
    "config.ru": """
run lambda { |env| [200, {"content-type" => "text/plain"},
  ["#{env["PATH_INFO"]} #{env["HTTP_X_FORWARDED_FOR"]} ",
   env["rack.input"].read]] }
""",
    "server.js": """
require('http').createServer(async (request, response) => {
    response.write(`${request.url} ${request.headers['x-forwarded-for']} `);
    for await (const piece of request) response.write(piece);
    response.end();
}).listen(process.argv[2] ?? {fd: 3});
""",
}
# (what has to be there, the command)
SERVERS = [
    ("gunicorn", "gunicorn wsgi"),
    ("gunicorn", "gunicorn --workers 2 wsgi"),
    ("gunicorn", "gunicorn -b 127.0.0.1:$PORT wsgi"),
    ("uvicorn", "/usr/bin/python3 -m uvicorn --fd 3 asgi:app"),
    ("uvicorn", "/usr/bin/python3 -m uvicorn --port $PORT asgi:app"),
    ("hypercorn", "/usr/bin/python3 -m hypercorn --bind fd://3 asgi:app"),
    ("puma", "puma --bind-to-activated-sockets=only"),
    ("puma", "puma -b tcp://127.0.0.1:$PORT"),
    ("node", "node server.js"),
    ("node", "node server.js $PORT"),
]


def is_there(name):
    return shutil.which(name) or importlib.util.find_spec(name)


@pytest.mark.parametrize("name, line", SERVERS,
                         ids=[line.split("/")[-1] for _, line in SERVERS])
def test_a_server_is_run_unchanged(httpd, name, line):
    if not is_there(name):
        pytest.skip(f"no {name}")
    h = httpd()
    app = h.app("command", "command")
    for file, text in FILES.items():
        app.write(file, text)
    site = h.vhost(app, extra=f'PoolAppCommand "{line}"')
    h.start()
    for i in range(3):
        answer = site.post(f"/a%20b/{i}", b"body")
        assert answer.status == 200, answer
        assert answer.text in (f"/a%20b/{i} 127.0.0.1 body",
                               f"/a b/{i} 127.0.0.1 body")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: site.get(f"/{n}"), range(40)))
    assert [a.text for a in answers] == [f"/{n} 127.0.0.1 " for n in range(40)]
    assert len(h.processes_of(app)) == 1
    h.stop()
    assert not h.applications


SILENT = """
import socket, threading
def serve(connection):
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return
        data += piece
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    connection.close()
listener = socket.socket(fileno=3)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
"""


def test_a_server_that_closes_each_connection_without_a_word_loses_nothing(
        command):
    site = command("python3 server.py", code=SILENT, extra="")
    assert site.get().body == b"ok"
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda n: site.get(f"/{n}").status,
                                range(1500)))
    assert set(answers) == {200}


def test_a_plain_file_server_runs_at_a_port(command):
    site = command("python3 -m http.server --bind 127.0.0.1 $PORT", extra="")
    site.app.write("hello.txt", "hello")
    assert site.get("/hello.txt").body == b"hello"
    assert site.get("/no-such-file").status == 404
