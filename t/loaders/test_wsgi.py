# SPDX-License-Identifier: Apache-2.0
"""test_wsgi.py - what only PEP 3333 and Python know."""

import gzip
import os
import subprocess

import pool
import pytest
from conftest import languages


language = languages("wsgi")


@pytest.fixture
def run(start, folder):
    """Runs an application of this text (indented by four) as wsgi.py."""
    def run_text(body, before="", **more):
        with open(os.path.join(folder, "wsgi.py"), "w") as file:
            file.write(before + "\ndef application(environ, start_response):\n"
                       + body)
        loader = start(root=folder, **more)
        assert loader.message()[0] == "READY", loader.log()
        return loader
    return run_text


OK = "    start_response('200 OK', [])\n"


@pytest.mark.parametrize("body, reason", [
    ("    return [b'x']\n", "no start_response"),
    ("    return []\n", "no start_response"),
    ("    return None\n", "NoneType"),
    (OK + "    return ['text']\n", "str"),
    (OK + "    return b'bytes'\n", "int"),
    (OK + "    return iter(['text'])\n", "must consist of bytes"),
    (OK + OK + "    return []\n", "a second time"),
    ("    start_response(b'200 OK', [])\n    return []\n", "status"),
    ("    start_response(200, [])\n    return []\n", "status"),
    ("    start_response('OK', [])\n    return []\n", "status"),
    ("    start_response('200 OK\\r\\nX: y', [])\n    return []\n", "illegal"),
    ("    start_response('200 OK', [('X-A: b', 'c')])\n    return []\n", "illegal"),
    ("    start_response('200 OK', [(b'A', 'b')])\n    return []\n", "str"),
    ("    start_response('200 OK', [('A', 1)])\n    return []\n", "str"),
    ("    start_response('200 OK', [('A', '\\u20ac')])\n    return []\n",
     "latin-1"),
    ("    start_response('200 OK', [('Content-Length', 'x')])\n"
     "    return []\n", "Content-Length"),
])
def test_mistakes_are_500_and_say_what_is_wrong(run, body, reason):
    app = run(body)
    client = app.connect()
    assert client.get("/").code == 500
    assert reason in app.log()
    assert client.get("/").code == 500    # on the same one


def test_tracebacks_begin_where_the_application_does(run):
    app = run("    raise ValueError('mine')\n")
    assert app.connect().get("/").code == 500
    assert app.log_has("ValueError: mine")
    assert app.log().count("File ") == 1 and "/loaders/" not in app.log()


def test_write_sends_at_once(run, fifo):
    app = run("    write = start_response('200 OK', [])\n"
              "    write(b'one')\n"
              "    write(open(environ['QUERY_STRING']).read().encode())\n"
              "    return [b'three']\n")
    client = app.connect()
    client.send(pool.request_bytes("/?" + fifo))
    client.head()
    assert client.chunk() == b"one"
    with open(fifo, "w") as writer:
        writer.write("two")
    assert list(client.chunks()) == [b"two", b"three"]


def test_exc_info_replaces_the_header_before_it_was_sent(run):
    app = run("    import sys\n"
              "    start_response('200 OK', [('A', 'b')])\n"
              "    try:\n"
              "        raise ValueError('replaced')\n"
              "    except ValueError:\n"
              "        start_response('503 Oh', [], sys.exc_info())\n"
              "    return [b'sorry']\n")
    response = app.connect().get("/")
    assert (response.status, response.headers) == ("503 Oh", [])
    assert response.body == b"sorry"


def test_exc_info_is_raised_after_the_header_was_sent(run):
    app = run("    import sys\n"
              "    start_response('200 OK', [])\n"
              "    yield b'begun'\n"
              "    try:\n"
              "        raise ValueError('too late')\n"
              "    except ValueError:\n"
              "        start_response('503 Oh', [], sys.exc_info())\n"
              "    yield b'never'\n")
    with pytest.raises(pool.Cut):
        app.connect().get("/")
    assert app.log_has("too late")


def test_an_exception_in_close_is_logged_only(run):
    app = run("    class Body(list):\n"
              "        def close(self):\n"
              "            raise ValueError('in close')\n"
              + OK + "    return Body([b'all'])\n")
    client = app.connect()
    assert client.get("/").body == b"all"
    assert client.get("/").body == b"all"
    assert app.log_has("in close")


def test_code_after_the_last_piece_runs(run):
    app = run("    start_response('200 OK', [('Content-Length', '1')])\n"
              "    yield b'a'\n"
              "    print('after the last', flush=True)\n")
    assert app.connect().get("/").body == b"a"
    assert app.log_has("after the last")


def test_file_wrapper(run, folder):
    path = os.path.join(folder, "data")
    with open(path, "wb") as file:
        file.write(b"0123456789" * 10000)
    with gzip.open(path + ".gz", "wb") as file:
        file.write(b"unpacked")
    app = run("    import gzip, io\n"
              "    how, path = environ['PATH_INFO'], environ['QUERY_STRING']\n"
              "    file = (gzip.open(path) if how == '/gzip' else\n"
              "            io.BytesIO(b'memory') if how == '/bytes' else\n"
              "            open(path, 'rb', 0 if how == '/raw' else -1))\n"
              "    if how in ('/seek', '/raw'):\n"
              "        file.seek(99995)\n"
              "    start_response('200 OK', [('Content-Length', '3')]\n"
              "                   if how == '/short' else [])\n"
              "    return environ['wsgi.file_wrapper'](file)\n")
    client = app.connect()
    assert client.get("/seek?" + path).body == b"56789"
    assert client.get("/raw?" + path).body == b"56789"
    assert client.get("/short?" + path).body == b"012"
    assert client.get("/all?" + path).body == b"0123456789" * 10000
    assert client.get("/bytes?").body == b"memory"
    assert client.get("/gzip?" + path + ".gz").body == b"unpacked"
    assert client.get("/all?" + path, keep=False).body[:3] == b"012"
    before = pool.descriptors(app.process.pid)
    other = app.connect()
    for _ in range(20):
        other.get("/all?" + path)
    assert pool.descriptors(app.process.pid) <= before + 1


def test_siblings_and_the_own_module_can_be_imported(run, folder):
    with open(os.path.join(folder, "sibling.py"), "w") as file:
        file.write("import wsgi\nname = 'sibling'\n")
    app = run("    import pickle\n" + OK
              + "    return [sibling.name.encode(), sibling.wsgi.__name__"
              ".encode(), pickle.dumps(Thing())[:1]]\n",
              before="import sibling\nclass Thing: pass\n")
    assert app.connect().get("/").body == b"siblingwsgi\x80"


def test_a_startup_file_may_be_called_like_a_library(start, folder):
    with open(os.path.join(folder, "socket.py"), "w") as file:
        file.write("def application(environ, start_response):\n" + OK
                   + "    return [b'mine']\n")
    loader = start(root=folder, startup_file="socket.py")
    loader.expect("READY")
    assert loader.connect().get("/").body == b"mine"


def test_a_default_timeout_of_sockets_is_not_ours(run):
    app = run(OK + "    return [environ['wsgi.input'].read()]\n",
              before="import socket\nsocket.setdefaulttimeout(0.01)\n")
    client = app.connect()
    client.send(pool.request_bytes("/", "POST", b"a", length=2))
    client.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.sock.recv(1)
    client.sock.settimeout(pool.PATIENCE_S)
    client.send(b"b")
    assert client.response().body == b"ab"


def test_a_signal_handler_of_the_application_does_not_survive(run):
    app = run(OK + "    return [b'x']\n",
              before="import signal\n"
                     "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
    assert app.terminate() == 0


def test_exit_handlers_run(run):
    app = run(OK + "    return []\n",
              before="import atexit\natexit.register(print, 'at exit')\n")
    app.connect().get("/")
    assert app.terminate() == 0
    assert "at exit" in app.log()


def test_fork_hooks_run_in_each_process(start, folder):
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("import os\npids = []\n"
                   "os.register_at_fork(after_in_child=lambda:"
                   " pids.append(os.getpid()))\n"
                   "def application(environ, start_response):\n" + OK
                   + "    return [b'%d' % pids[-1]]\n")
    loader = start(root=folder, mode="preload", listeners=2)
    loader.expect("READY")
    for slot in range(2):
        pid = loader.fork(slot)
        assert loader.connect(slot).get("/").body == b"%d" % pid


def test_used_up_descriptors_do_not_hang_the_client(run):
    app = run("    if environ['PATH_INFO'] == '/limit':\n"
              "        limit = (20, 20)\n"
              "        resource.setrlimit(resource.RLIMIT_NOFILE, limit)\n"
              + OK + "    return [b'x']\n", before="import resource\n")
    client = app.connect()
    client.get("/limit")
    others = []
    with pytest.raises((pool.Cut, ConnectionError)):
        for _ in range(100):
            others.append(app.connect())
            others[-1].get("/")
    assert app.log_has("no descriptor left")
    assert client.get("/").body == b"x"


def test_a_virtual_environment_is_used(launch, folder, language):
    venv = os.path.join(folder, "venv")
    subprocess.run([language.command[0], "-m", "venv", "--without-pip", venv],
                   check=True)
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("import sys\n"
                   "def application(environ, start_response):\n" + OK
                   + "    return [sys.prefix.encode()]\n")
    loader = launch([venv + "/bin/python3"] + language.command[1:], folder,
                    "wsgi.py")
    loader.expect("READY")
    assert loader.connect().get("/").body == venv.encode()


def test_the_validator_sees_its_streams_used(start, language):
    """Reading, errors and a HEAD, in threads (see lint in test_request)."""
    app = start(startup_file=language.lint_file, threads=2)
    app.expect("READY")
    client = app.connect()
    assert client.get("/error").code == 200, app.log()
    assert client.get("/half", "POST", b"0123456789ab").body == b"0123456789"
    assert client.get("/pieces?4", "HEAD").body == b""


def test_a_virtual_environment_without_a_module_is_named(launch, folder,
                                                         language):
    venv = os.path.join(folder, "venv")
    subprocess.run([language.command[0], "-m", "venv", "--without-pip", venv],
                   check=True)
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("import no_such_module\n")
    loader = launch([venv + "/bin/python3"] + language.command[1:], folder,
                    "wsgi.py")
    text = "".join(loader.error())
    assert "%s/bin/pip install no_such_module" % venv in text


def test_a_module_that_another_exception_tells_of_is_named(start, folder):
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("try:\n    import no_such_driver\nexcept ImportError as e:\n"
                   "    raise RuntimeError('no driver') from e\n")
    text = "".join(start(root=folder).error())
    assert "The Python module no_such_driver is not installed." in text


def test_threads_do_not_delay_the_end_of_a_failed_start(start, folder):
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("import atexit, threading\natexit.register(print, 'at exit')\n"
                   "threading.Thread(target=threading.Event().wait).start()\n"
                   "raise ValueError('too late')\n")
    loader = start(root=folder)
    assert "too late" in "".join(loader.error())
    assert "at exit" in loader.log()


def test_a_missing_part_of_the_application_is_no_package(start, folder):
    os.mkdir(os.path.join(folder, "site_x"))
    with open(os.path.join(folder, "wsgi.py"), "w") as file:
        file.write("import site_x.settings\n")
    text = "".join(start(root=folder).error())
    assert "site_x.settings" in text and "not installed" not in text
