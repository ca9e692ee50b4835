# What follows makes a foreign SCGI server of the probe: a thread a connection,
# one request on each, and its end is the response's.

import io
import socket
import socketserver
from wsgiref.handlers import SimpleHandler


# That they break off nobody could see.
del NAMES["late-boom"], NAMES["late-gone"]


class Body(io.RawIOBase):
    """What comes up to its length, and nothing behind it."""

    def __init__(self, stream, left):
        self.stream, self.left = stream, left

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self.stream.read1(min(len(buffer), self.left))
        if not data and self.left > 0:
            raise OSError("the body breaks off")
        buffer[:len(data)] = data
        self.left -= len(data)
        return len(data)


class Answer(SimpleHandler):
    os_environ = {}
    origin_server = False
    wsgi_file_wrapper = None


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.rfile.read(1)
            if not byte:
                return      # somebody only looked whether we are here
            length += byte
        fields = self.rfile.read(int(length[:-1])).decode("latin-1")
        fields = fields.split("\0")[:-1]
        self.rfile.read(1)
        environ = dict(zip(fields[::2], fields[1::2]))
        for name in ("SCGI", "APPPOOL_KEEPALIVE"):      # the protocol's own
            del environ[name]
        body = Body(self.rfile, int(environ["CONTENT_LENGTH"]))
        Answer(io.BufferedReader(body), self.wfile, sys.stderr,
               environ).run(application)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        return self.socket.accept()[0], ("", 0)


server = Server("", Connection, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
server.serve_forever()
