# SPDX-License-Identifier: Apache-2.0
"""What code in a daemon of mod_wsgi can do with the descriptors that it has
inherited from the httpd parent, without having been executed anew.

GET /try    uses every socket of our kind, as client and as server; answers with
            what came of it
GET /occupy empties every socket of our kind and puts offers of its own there
GET /steal  for 2 s takes whatever arrives at such a socket, and uses it
GET /stolen what came of that
GET /shut   shuts all of them down
GET /mute   has the kernel drop, for ever, what is sent to any of them
GET /wait   whether anybody has spoken to the sockets that /try planted
"""

import array
import json
import os
import select
import socket
import struct
import threading
import time

PATIENCE_S = 0.4
HELLO = struct.pack("=BBHII", 1, 1, 0, 1, 0)
CONFIGURE = struct.pack("=BBHII", 1, 64, 0, 1, 0)
planted = []


def unix_sockets():
    """Those that carry packets: mod_wsgi's own are streams."""
    for name in os.listdir("/proc/self/fd"):
        try:
            fd = os.dup(int(name))
        except OSError:     # the folder's own, closed by now
            continue
        try:
            copy = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)    # a file
            continue
        if (copy.family, copy.type) == (socket.AF_UNIX,
                                        socket.SOCK_SEQPACKET):
            yield int(name), copy


def receive(sock):
    """(bytes, descriptors) that come within the patience."""
    if not select.select([sock], [], [], PATIENCE_S)[0]:
        return b"", []
    fds = array.array("i")
    data, ancillary, _, _ = sock.recvmsg(
        65536, 4096, socket.MSG_DONTWAIT)
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
    return data, list(fds)


def speak(fd):
    """What a descriptor that was handed out answers to a HELLO."""
    with socket.socket(fileno=fd) as channel:
        for words in (HELLO, CONFIGURE):
            try:
                channel.send(words)
                data, _ = receive(channel)
            except OSError as error:
                return f"error {error.errno}"
            if data:
                return "answer of type %d" % data[1]
    return "silence"


def ask(sock, byte):
    try:
        sock.send(byte, socket.MSG_DONTWAIT)
        data, fds = receive(sock)
    except OSError as error:
        return f"error {error.errno}"
    if fds:
        return [speak(fd) for fd in fds]
    if data in (b"c", b"d"):
        return "echo"   # it holds both ends of this pair: its own word
    return "bytes " + data.hex() if data else "silence"


def plant(sock):
    """Offer a connection of ours, as the parent does it in the mailbox."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    planted.append(ours)
    with theirs:
        try:
            sock.sendmsg([b"c"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                   array.array("i", [theirs.fileno()]))],
                         socket.MSG_DONTWAIT)
        except OSError as error:
            return f"error {error.errno}"
    return "sent"


def try_all():
    found = {}
    for fd, sock in unix_sockets():
        with sock:
            found[fd] = {"channel": ask(sock, b"c"), "config": ask(sock, b"d"),
                         "planted": plant(sock)}
    return found


def occupy_all():
    taken = 0
    while planted:
        planted.pop().close()
    for _, sock in unix_sockets():
        with sock:
            try:
                for _ in range(100):    # the kernel closes what is passed
                    sock.recv(100, socket.MSG_DONTWAIT)
                    taken += 1
            except OSError:
                pass
            plant(sock)
    return taken


class Thief(threading.Thread):
    """Takes the answers that are meant for httpd's children."""

    def __init__(self):
        super().__init__(daemon=True)
        self.got = []
        self.start()

    def run(self):
        mine = [sock for _, sock in unix_sockets()]
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for sock in select.select(mine, [], [], 0.1)[0]:
                try:
                    self.got += [speak(fd) for fd in receive(sock)[1]]
                except OSError:
                    mine.remove(sock)
        for sock in mine:
            sock.close()


def shut_all():
    done = 0
    for _, sock in unix_sockets():
        with sock:
            sock.shutdown(socket.SHUT_RDWR)
            done += 1
    return done


def mute_all():
    """SO_ATTACH_FILTER and SO_LOCK_FILTER, unknown to Python."""
    drop = array.array("B", struct.pack("=HBBI", 0x06, 0, 0, 0))
    program = struct.pack("@HP", 1, drop.buffer_info()[0])
    done = 0
    for _, sock in unix_sockets():
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, 26, program)
            sock.setsockopt(socket.SOL_SOCKET, 44, 1)
            done += 1
    return done


def heard():
    """What the planted sockets were told."""
    ready = select.select(planted, [], [], PATIENCE_S)[0] if planted else []
    words = []
    for sock in ready:
        try:
            words.append(sock.recv(100, socket.MSG_DONTWAIT).hex())
        except OSError:
            pass
    return [word for word in words if word]


def steal():
    global thief
    thief = Thief()


def stolen():
    thief.join()
    return thief.got


ACTIONS = {"/try": try_all, "/occupy": lambda: {"taken": occupy_all()},
           "/steal": steal, "/stolen": stolen, "/shut": shut_all,
           "/mute": mute_all,
           "/wait": lambda: {"heard": heard(), "planted": len(planted)}}


def application(environ, start_response):
    result = ACTIONS[environ["PATH_INFO"]]()
    body = json.dumps({"uid": os.getuid(), "result": result}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
