# SPDX-License-Identifier: Apache-2.0
"""pool.py - plays the pool's part towards a loader.

Loader starts an interpreter with a loader as apppool-spawn would (listeners
and report socket inherited, stdin from /dev/null) and reads its reports;
Client is one connection, and speaks SCGI over it with or without keep-alive.
Everything waits on events with a deadline.
"""

import os
import select
import signal
import socket
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
APPS = os.path.join(TOP, "t", "apps")
PATIENCE_S = 30
FIRST_FD = 200      # where the inherited descriptors start


class Response:
    def __init__(self, status, headers, body, frame):
        self.status = status
        self.headers = headers      # list of (name, value), bytes
        self.body = body
        self.frame = frame          # bytes, None without keep-alive

    @property
    def code(self):
        """The reason phrase is the loader's to give or not."""
        return int(self.status[:3])

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]


class Cut(Exception):
    """The connection ended before the response did."""


def netstring(variables):
    data = b"".join(
        as_bytes(n) + b"\0" + as_bytes(v) + b"\0" for n, v in variables)
    return b"%d:%s," % (len(data), data)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def request_bytes(path="/", method="GET", body=b"", keep=True, length=None,
                  extra=()):
    path, _, query = path.partition("?")
    variables = {
        "CONTENT_LENGTH": str(len(body) if length is None else length),
        "SCGI": "1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": method,
        "REQUEST_URI": path + ("?" + query if query else ""),
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "Apache/2.4",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "4711",
        "HTTP_HOST": "localhost:8080",
        "HTTP_ACCEPT": "*/*",
    }
    if keep:
        variables["APPPOOL_KEEPALIVE"] = "1"
    variables.update(extra)
    return netstring(variables.items()) + body


class Client:
    """One connection to an application process."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(path)
        self.data = b""

    def get(self, path="/", method="GET", body=b"", keep=True, **more):
        self.send(request_bytes(path, method, body, keep, **more))
        return self.response(keep)

    def send(self, data):
        self.sock.sendall(data)

    def response(self, keep=True):
        status, headers = self.head()
        frames = [v for n, v in headers if n == b"X-Apppool-Frame"]
        assert len(frames) == (1 if keep else 0), headers
        frame = frames[0] if keep else None
        headers = [h for h in headers if h[0] != b"X-Apppool-Frame"]
        if not keep:
            body = self.to_end()
        elif frame == b"chunked":
            body = b"".join(self.chunks())
        else:
            body = self.exactly(int(frame))
        return Response(status, headers, body, frame)

    def head(self):
        lines = []
        while True:
            line = self.line()
            if not line:
                break
            lines.append(tuple(line.split(b": ", 1)))
        assert lines[0][0] == b"Status", lines
        return lines[0][1].decode("latin-1"), lines[1:]

    def line(self):
        while b"\r\n" not in self.data:
            self._more()
        line, self.data = self.data.split(b"\r\n", 1)
        assert b"\n" not in line and b"\r" not in line, line
        return line

    def exactly(self, size):
        pieces = [self.data[:size]]
        size -= len(pieces[0])
        self.data = self.data[len(pieces[0]):]
        while size:
            piece = self.sock.recv(min(size, 1 << 20))
            if not piece:
                raise Cut("%d bytes missing" % size)
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def chunks(self):
        while True:
            chunk = self.chunk()
            if not chunk:
                return
            yield chunk

    def chunk(self):
        size = int(self.line(), 16)
        data = self.exactly(size)
        assert self.line() == b""
        return data

    def to_end(self):
        data, self.data = self.data, b""
        pieces = [data]
        while pieces[-1] or len(pieces) == 1:
            pieces.append(self.sock.recv(1 << 20))
        return b"".join(pieces)

    def is_closed(self):
        """Waits for the other side to close; fails if data comes."""
        try:
            return self.sock.recv(1) == b"" and not self.data
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Cut("inside %r" % self.data[:100])
        self.data += data


class Loader:
    """A running loader, and the pool's end of its report socket."""

    def __init__(self, command, root, startup_file, folder, mode="direct",
                 listeners=1, threads=None, environ=None, more=()):
        self.folder = folder
        self._n_connected = 0
        self.log_path = os.path.join(folder, "log")
        self.report, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.report.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.paths, inherited = [], []
        for k in range(listeners):
            inherited.append(FIRST_FD + k)
            self._listen(FIRST_FD + k)
        inherited.append(FIRST_FD + listeners)
        os.dup2(theirs.fileno(), inherited[-1])
        theirs.close()
        words = command + [
            "--mode", mode, "--startup-file", startup_file,
            "--listen", str(FIRST_FD), "--listeners", str(listeners),
            "--report", str(inherited[-1])]
        if threads:
            words += ["--threads", str(threads)]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                words + list(more), cwd=root, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=inherited,
                env=environment(environ))
        for fd in inherited:
            os.close(fd)
        self.serving = set()    # pids that sent READY K

    def _listen(self, fd):
        path = os.path.join(self.folder, "s%d" % fd)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(path)
        sock.listen(128)
        os.dup2(sock.fileno(), fd)
        sock.close()
        self.paths.append(path)

    def message(self):
        """(text, pid) of the next report; ("", 0) at end of file."""
        if not select.select([self.report], [], [], PATIENCE_S)[0]:
            raise TimeoutError("no report; log:\n" + self.log())
        data, ancillary, _, _ = self.report.recvmsg(9000, 1024)
        if not data:
            return "", 0
        assert len(data) <= 8000
        pid = struct.unpack("iII", ancillary[0][2])[0]
        return data.decode("utf-8", "replace"), pid

    def expect(self, text):
        """Wait for this very report; returns the sender's pid."""
        got, pid = self.message()
        assert got == text, (got, self.log())
        return pid

    def fork(self, slot):
        self.report.send(b"FORK %d" % slot)
        pid = self.expect("READY %d" % slot)
        self.serving.add(pid)
        return pid

    def error(self):
        """The whole text of the ERROR reports of a start that failed."""
        pieces = []
        while True:
            text, _ = self.message()
            if not text:
                break
            assert text.startswith("ERROR "), text
            pieces.append(text[6:])
        assert self.process.wait(PATIENCE_S) == 1
        return pieces

    def connect(self, slot=0):
        return Client(self.paths[slot])

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_has(self, text):
        """Wait until the log has it."""
        return wait_for(lambda: text in self.log())

    def hang_up(self):
        self.report.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self):
        """End whatever is left, as the pool's last resort would."""
        self.report.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in self.serving:
            if not wait_for(lambda: not is_alive(pid), 5):
                os.kill(pid, signal.SIGKILL)


def environment(more):
    result = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
              "HOME": os.environ.get("HOME", "/"), "RACK_ENV": "production"}
    result.update(more or {})
    return result


def wait_for(condition, seconds=PATIENCE_S):
    """For what has no descriptor to wait on; True once it holds."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not condition():
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], pause)
        pause = min(pause * 2, 0.05)
    return True


def is_alive(pid):
    """A zombie that nobody reaped is not alive."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def rss_kib(pid, what="VmHWM"):
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    raise KeyError(what)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))
