# SPDX-License-Identifier: Apache-2.0
"""apppool_report.py - what a loader tells: the pool, and the log."""

import os
import socket
import sys
import threading
import traceback

# One packet on the report socket (README).
MAX_PACKET = 8000


def log(text):
    """Write to the log in one piece, whatever became of sys.stderr."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def log_threads(who):
    """Where each thread is just now."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    text = ["%s: backtraces of process %d\n" % (who, os.getpid())]
    for ident, frame in sys._current_frames().items():
        text.append("Thread %s:\n" % names.get(ident, ident))
        text += traceback.format_stack(frame)
    log("".join(text))


def format_error(error):
    """Its traceback, from where the application begins."""
    trace = error.__traceback__
    while trace and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def is_ours(filename):
    return (os.path.dirname(filename) == os.path.dirname(__file__)
            or filename.startswith("<frozen importlib"))


class Report:
    """The socket over which the pool hears how the start went."""

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)

    def fileno(self):
        return self._socket.fileno()

    def ready(self, slot=None):
        self._send("READY" if slot is None else "READY %d" % slot)

    def failed(self, slot, reason):
        self._send("FAILED %d %s" % (slot, reason))

    def error(self, text):
        data = text.encode("utf-8", "backslashreplace") or b"unknown"
        step = MAX_PACKET - len(b"ERROR ")
        for start in range(0, len(data), step):
            self._send_bytes(b"ERROR " + data[start:start + step])

    def receive(self):
        """The next message, None when the pool is gone."""
        try:
            data = self._socket.recv(MAX_PACKET)
        except ConnectionError:
            return None
        return data.decode("ascii", "replace") if data else None

    def _send(self, text):
        self._send_bytes(text.encode("utf-8", "backslashreplace")[:MAX_PACKET])

    def _send_bytes(self, packet):
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL)
        except OSError as error:
            log("loader: no pool to report to (%s): %s\n"
                % (error, packet.decode("utf-8", "replace")))
