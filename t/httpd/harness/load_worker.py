# SPDX-License-Identifier: Apache-2.0
"""One process of load: threads that ask without a pause; see load.py.

Run as a program with a JSON plan as its first line of input. A line with the
number of good answers of applications goes out ten times a second; when
standard input ends, a last one
with everything that was counted.
"""

import json
import socket
import sys
import threading
import time
from collections import Counter

SAMPLES = 5             # failures of a kind that are told in full
EVENTS = 20000          # failures that are told with their time


class Failed(Exception):
    """What became of a request in place of its answer."""

    def __init__(self, cause, detail="", unanswered=False):
        super().__init__(cause)
        self.cause, self.detail = cause, detail
        self.unanswered = unanswered    # the connection ended before any byte


class Connection:
    """A socket, and how often it has carried a request."""

    def __init__(self, address, timeout):
        try:
            self.sock = socket.create_connection(address, timeout)
        except OSError as error:
            raise Failed("no connection", repr(error)) from None
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.used = 0
        self.buffer = b""

    def close(self):
        self.sock.close()

    def exchange(self, request):
        """(status, body, kept) of one answer."""
        self.used += 1
        try:
            self.sock.sendall(request)
        except OSError:
            pass                        # what it answered may still be there
        head = self._read_head()
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        status = int(lines[0].split(" ")[1])
        body = self._read_body(fields)
        return status, body, fields.get("connection", "").lower() != "close"

    def _more(self, begun):
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise Failed("no answer in time" if not begun
                         else "silence in mid-response") from None
        except OSError as error:
            raise Failed("cut in mid-response" if begun else "no answer",
                         repr(error), not begun) from None
        self.buffer += data
        return data

    def _read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            begun = bool(self.buffer)
            if not self._more(begun):
                raise Failed("cut in mid-response" if begun else "no answer",
                             "end of file", not begun)
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def _take(self, size):
        while len(self.buffer) < size:
            if not self._more(True):
                raise Failed("cut in mid-response")
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _read_body(self, fields):
        if "content-length" in fields:
            return self._take(int(fields["content-length"]))
        if fields.get("transfer-encoding", "").lower() != "chunked":
            while self._more(True):
                pass
            found, self.buffer = self.buffer, b""
            return found
        pieces = []
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more(True):
                    raise Failed("cut in mid-response")
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            pieces.append(self._take(size))
            self._take(2)
            if size == 0:
                return b"".join(pieces)


class Counts:
    """What all threads of this process have seen; by kind of request."""

    def __init__(self):
        self.lock = threading.Lock()
        self.good, self.failed = Counter(), Counter()
        self.samples, self.slowest = {}, Counter()
        self.events = []        # (ended, seconds, kind, cause)
        self.repeats = 0

    def add_good(self, kind, seconds):
        with self.lock:
            self.good[kind] += 1
            if seconds > self.slowest[kind]:
                self.slowest[kind] = seconds

    def add_failed(self, kind, cause, detail, seconds):
        with self.lock:
            self.failed[f"{kind}: {cause}"] += 1
            if len(self.events) < EVENTS:
                self.events.append((time.monotonic(), seconds, kind, cause))
            told = self.samples.setdefault(f"{kind}: {cause}", [])
            if len(told) < SAMPLES:
                told.append(f"{time.strftime('%H:%M:%S')} after "
                            f"{seconds:.3f} s {detail[:300]}")

    def of_applications(self):
        with self.lock:
            return sum(n for kind, n in self.good.items() if kind != "static")

    def as_json(self):
        with self.lock:
            return json.dumps({
                "good": self.good, "failed": self.failed,
                "samples": self.samples, "slowest": self.slowest,
                "events": self.events,
                "repeats": self.repeats})


class Asker(threading.Thread):
    """Asks one request after another."""

    def __init__(self, plan, keep, number, counts, stop):
        super().__init__(daemon=True)
        self.address = tuple(plan["address"])
        self.timeout = plan["timeout"]
        self.pause = plan["pause"]
        self.requests = plan["requests"]
        self.at = number
        self.keep, self.counts, self.stop = keep, counts, stop
        self.connection = None

    def run(self):
        while not self.stop.is_set():
            request = self.requests[self.at % len(self.requests)]
            self.at += 1
            self.ask(request)
            if self.pause:
                time.sleep(self.pause)
        self.drop()

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def text_of(self, request):
        body = request.get("body", "").encode("latin-1")
        lines = [f"{request['method']} {request['target']} HTTP/1.1",
                 f"Host: {request['host']}"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        if not self.keep:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def ask(self, request):
        began = time.monotonic()
        kind = request["kind"]
        try:
            status, body = self.answer_to(self.text_of(request))
            seconds = time.monotonic() - began
            if status != 200:
                raise Failed(f"status {status}", repr(body[-300:]))
            if not is_expected(request, body):
                raise Failed("wrong body", repr(body[:80]))
            self.counts.add_good(kind, seconds)
        except Failed as failure:
            self.drop()
            if not self.stop.is_set() or failure.cause.startswith("status"):
                self.counts.add_failed(kind, failure.cause,
                                       f"{request['method']} "
                                       f"{request['target']} {failure.detail}",
                                       time.monotonic() - began)

    def answer_to(self, text):
        """A reused connection that ends before any byte says nothing of the
        request: it is asked again, on a fresh one."""
        for _ in range(2):
            reused = self.connection is not None
            if not reused:
                self.connection = Connection(self.address, self.timeout)
            try:
                status, body, kept = self.connection.exchange(text)
            except Failed as failure:
                self.drop()
                if reused and failure.unanswered:
                    with self.counts.lock:
                        self.counts.repeats += 1
                    continue
                raise
            if not (kept and self.keep):
                self.drop()
            return status, body
        raise Failed("no answer")


def is_expected(request, body):
    if "expect" in request:
        return body == request["expect"].encode("latin-1")
    if "expect_size" in request:
        return len(body) == request["expect_size"]
    return len(body) > 0


def main():
    """Threads until standard input ends, then the counts."""
    plan = json.loads(sys.stdin.readline())
    counts, stop = Counts(), threading.Event()
    askers = [Asker(plan, number < plan["kept"], plan["first"] + number,
                    counts, stop)
              for number in range(plan["kept"] + plan["fresh"])]
    for asker in askers:
        asker.start()

    def tell():
        while not stop.wait(0.1):
            print(counts.of_applications(), flush=True)
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    sys.stdin.read()
    stop.set()
    teller.join()
    for asker in askers:
        asker.join(plan["timeout"] + 5)
    print(counts.as_json(), flush=True)


if __name__ == "__main__":
    main()
