# SPDX-License-Identifier: Apache-2.0
"""An SCGI server that answers with the bytes that the query string has in
hexadecimal, in pieces of `step` bytes (0: at once), then ends the connection:
?BYTES&STEP. Without a query string it answers "plain"."""

import socket
import time

PLAIN = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nplain"


def variables(connection):
    """The request's variables; what comes behind them is left unread."""
    stream = connection.makefile("rb")
    digits = b""
    while not digits.endswith(b":"):
        digits += stream.read(1) or b":"
    if digits == b":":
        return None
    fields = stream.read(int(digits[:-1]) + 1).split(b"\0")
    return dict(zip(fields[::2], fields[1::2]))


def answer(connection, query):
    data, step = PLAIN, 0
    if query:
        data, step = query.split("&")
        data, step = bytes.fromhex(data), int(step)
    for start in range(0, len(data), step or len(data)):
        connection.sendall(data[start:start + (step or len(data))])
        if step:
            time.sleep(0.0001)      # a packet of its own


server = socket.socket(fileno=3)
while True:
    peer, _ = server.accept()
    with peer:
        peer.setblocking(True)
        found = variables(peer)
        try:
            if found is not None:
                answer(peer, found[b"QUERY_STRING"].decode())
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
        except OSError:
            pass        # the other side has had enough
