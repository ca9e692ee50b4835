# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client without TLS (prior knowledge), on python3-h2."""

import http.client
import socket
import struct
import time

try:
    import hpack
    import h2.config
    import h2.connection
    import h2.events
    import h2.exceptions
    HAVE_H2 = True
except ImportError:     # the tests that need it are left out
    HAVE_H2 = False

WINDOW = 1 << 24
UNLIMITED = 1 << 30


class StreamReset(http.client.IncompleteRead):
    """A response that was cut off, as HTTP/1.1's IncompleteRead."""

    def __init__(self, code, partial=b""):
        super().__init__(partial)
        self.code = code

    def __str__(self):
        return f"stream reset with {self.code}, {len(self.partial)} bytes"


class Stream:
    """What came on one stream so far."""

    def __init__(self):
        self.status = None
        self.headers = []
        self.interim = []       # [(status, headers)] before the response
        self.body = bytearray()
        self.size = 0           # bytes of body, kept or not
        self.ended = False
        self.reset = None       # the code it was reset with


class Http2:
    """One connection; requests by number of stream.

    with Http2(address) as connection:
        number = connection.send("GET", "/", host="x.test")
        stream = connection.wait(number)
    """

    def __init__(self, address, timeout=30, keep_bodies=True,
                 window=WINDOW):
        self.timeout = timeout
        self.streams = {}
        self.goaway = None
        self._keep = keep_bodies
        self._shut = set()
        self._window = window
        self._sock = socket.create_connection(address, timeout)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="latin-1", validate_inbound_headers=False))
        self._h2.initiate_connection()
        self._h2.update_settings({4: window})       # INITIAL_WINDOW_SIZE
        self._h2.increment_flow_control_window(UNLIMITED)
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._sock.close()

    def send(self, method, target, headers=(), body=None, host="localhost",
             end=True):
        """Begin a request, return its stream's number. A body that is bytes
        goes with its length, an iterator without."""
        number = self._h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"),
                  (":authority", host), (":path", target)]
        fields += [(name.lower(), value) for name, value in headers]
        if isinstance(body, (bytes, str)):
            body = body.encode() if isinstance(body, str) else body
            if not any(name == "content-length" for name, _ in fields):
                fields.append(("content-length", str(len(body))))
            body = [body]
        self._h2.send_headers(
            number, [(name.encode("latin-1"), value.encode("latin-1"))
                     for name, value in fields],
            end_stream=body is None and end)
        self.streams[number] = Stream()
        self._flush()
        for piece in body or ():
            self.send_data(number, piece)
        if body is not None and end:
            self._end(number)
        return number

    def send_data(self, number, data):
        """As fast as the server's windows allow; stops when it resets."""
        deadline = time.monotonic() + self.timeout
        while data and not self._is_over(number):
            room = min(self._h2.local_flow_control_window(number),
                       self._h2.max_outbound_frame_size)
            if room > 0:
                self._h2.send_data(number, data[:room])
                data = data[room:]
                self._flush()
            else:
                self._receive(deadline)

    def send_raw_data(self, number, data):
        """Data that ends the stream, whatever length was said."""
        self._h2.send_data(number, data, end_stream=True)
        self._flush()

    def keep_window_shut(self, number):
        """Take no more of this stream."""
        self._shut.add(number)

    def reset(self, number, code=8):
        self._h2.reset_stream(number, code)
        self._flush()

    def wait(self, number, until=None):
        """The stream, when it has ended or `until(stream)` holds."""
        deadline = time.monotonic() + self.timeout
        stream = self.streams[number]
        while not self._is_over(number) and not (until and until(stream)):
            self._receive(deadline)
        return stream

    def _is_over(self, number):
        stream = self.streams[number]
        return stream.ended or stream.reset is not None

    def _end(self, number):
        if not self._is_over(number):
            self._h2.end_stream(number)
            self._flush()

    def _flush(self):
        data = self._h2.data_to_send()
        if data:
            try:
                self._sock.sendall(data)
            except BrokenPipeError:
                pass        # what the server said last is still to be read

    def _receive(self, deadline):
        self._sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self._sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            for stream in self.streams.values():
                if not stream.ended and stream.reset is None:
                    stream.reset = "end of connection"
            return
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        if stream is None:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            fields = dict(event.headers)
            stream.interim.append((int(fields.pop(":status")), fields))
        elif isinstance(event, h2.events.ResponseReceived):
            fields = [tuple(field) for field in event.headers]
            stream.status = int(fields[0][1])
            stream.headers = fields[1:]
        elif isinstance(event, h2.events.DataReceived):
            stream.size += len(event.data)
            if self._keep:
                stream.body += event.data
            if event.stream_id not in self._shut:
                self._h2.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if not stream.ended:
                stream.reset = event.error_code


# RFC 9113: types and flags of frames, and one setting.
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xffff,
                       kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(
        struct.pack(">HI", *pair) for pair in pairs))


class RawHttp2:
    """A connection whose frames make sense only if the test wants it."""

    def __init__(self, address, *first):
        self._sock = socket.create_connection(address, 5)
        self._encoder = hpack.Encoder()
        self.send(PREFACE, settings(*first))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._sock.close()

    def send(self, *frames):
        """False: the server has closed the connection, or takes no more."""
        try:
            self._sock.sendall(b"".join(frames))
        except (ConnectionError, TimeoutError):
            return False
        return True

    def request(self, stream, host, target, method="GET", flags=END_STREAM,
                headers=()):
        """The frame of a request's header."""
        return frame(HEADERS, flags | END_HEADERS, stream,
                     self._encoder.encode([
                         (":method", method), (":scheme", "http"),
                         (":authority", host), (":path", target), *headers]))

    def upload(self, stream, host):
        """One of 9 bytes, which do not come."""
        return self.request(stream, host, "/echo", "POST", 0,
                            [("content-length", "9")])
