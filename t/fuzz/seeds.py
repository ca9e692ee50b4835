#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds in corpus/; a new one is a line here, or a file beside."""

import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
OK = b"HTTP/1.1 200 OK\r\n"
PLAIN, HEAD, UPGRADE = b"\x10", b"\x11", b"\x12"

HTTP = {
    "length": PLAIN + OK + b"Content-Length: 5\r\nA: b\r\n\r\nhello",
    "chunks": PLAIN + OK + b"Transfer-Encoding: chunked\r\n\r\n"
              b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
    "end": PLAIN + b"HTTP/1.0 404 Not Found\r\n\r\nhello",
    "keep-alive": PLAIN + b"HTTP/1.0 200\r\nConnection: keep-alive, a\r\n"
                  b"A: b\r\nContent-Length: 0\r\n\r\n",
    "interim": PLAIN + b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 Early\r\n"
               b"Link: <a>\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx",
    "head": HEAD + OK + b"Content-Length: 5\r\n\r\n",
    "no-content": PLAIN + b"HTTP/1.1 204 N\r\n\r\n",
    "switch": UPGRADE + b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n"
              b"Connection: upgrade\r\n\r\n\x81\x02hi",
    "both": PLAIN + OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked"
            b"\r\n\r\n0\r\n\r\n",
    "fold": PLAIN + OK + b"A: b\r\n c\r\n\r\n",
    "bare-lf": PLAIN + OK.replace(b"\r", b"") + b"Content-Length: 1\n\nx",
    "large": PLAIN + OK + b"A: " + b"x" * 3000 + b"\r\n\r\n",
}

SCGI = {
    "length": PLAIN + b"Status: 404 Not Here\r\nX-Apppool-Frame: 5\r\n"
              b"Content-Type: text/plain\r\n\r\nhello",
    "chunks": PLAIN + b"Status: 200 OK\r\nX-Apppool-Frame: chunked\r\n\r\n"
              b"3\r\nabc\r\n0\r\n\r\n",
    "inner": PLAIN + b"Transfer-Encoding: chunked\r\nX-Apppool-Frame: chunked"
             b"\r\n\r\nd\r\n3\r\nabc\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "end": PLAIN + b"Content-Length: 9\n\nabc",
    "cookies": PLAIN + b"Set-Cookie: a\r\nSet-Cookie: b\r\n"
               b"X-Apppool-Frame: 0\r\n\r\n",
    "bad-status": PLAIN + b"Status: abc\r\n\r\n",
}


def record(kind, content, padding=0, number=1):
    return (struct.pack(">BBHHBB", 1, kind, number, len(content), padding, 0)
            + content + b"\0" * padding)


def ended(status=0):
    return record(3, struct.pack(">IB3x", 0, status))


CGI = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
FASTCGI = {
    "whole": PLAIN + record(6, CGI) + record(6, b"") + ended(),
    "padded": PLAIN + record(6, CGI[:20], 4) + record(6, CGI[20:], 3) + ended(),
    "stderr": PLAIN + record(7, b"oops\n") + record(6, CGI) + record(7, b"x")
              + ended(),
    "overloaded": PLAIN + ended(2),
    "empty": PLAIN + ended(),
    "foreign": PLAIN + record(6, CGI, number=2) + ended(),
    "cut": PLAIN + record(6, CGI)[:-3],
}

CONFIG = {
    "once": b"""PoolMax 5
PoolMaxIdleTime 0
PoolMaxSpawning 1025
PoolMaxWaiting 99999999999999999999
PoolUserSwitching off
PoolLowestUser daemon
PoolServerUser nobody
PoolAllowRoots /srv/* /home/*/site relative
PoolBufferDir tmp
PoolControlSocket /run/apppool.sock
PoolServerExecutable lib/x
PoolSpawnServer /bin/sh
!
PoolMax 7
""",
    "command": b"""PoolAppType command
PoolAppCommand "bin/serve --port $PORT 'a b' \\"c\\""
PoolAppProtocol fastcgi
PoolAppRoot lib/
""",
    "command-empty": b"PoolAppCommand \"\"\nPoolAppCommand \" \"\n",
    "variables": b"""PoolSetEnv A "b c"
PoolSetEnv A= x
PoolSetEnv 1 x
PoolSetEnv "" x
PoolSetEnv USER x
PoolSetEnv PATH ${PATH}:/x
>
PoolSetEnv A ""
PoolAppEnvironment staging
PoolAppEnvironment a/b
""",
    "isolation": b"""PoolIsolation tmp ipc files signals
PoolIsolation memory=64 cpu=50 pids=9 cgroup=/sys/fs/cgroup/x
PoolIsolation "memory=64 cgroup=/x"
PoolIsolation memory=0x4 cgroup=/x
PoolIsolation cgroup=x pids=4194305
>
PoolIsolation off
""",
    "root": b"""PoolAppRoot /usr/
PoolBaseURI /shop//
PoolBaseURI /shop /usr/lib
PoolBaseURI /a?b
PoolStartupFile public/index.php
PoolAppType php
PoolAppType cobol
PoolPhp php-cgi
PoolPython /usr/bin
PoolRuby ""
PoolNode bin/node
PoolPerl /bin/false
>
PoolAppRoot /usr
PoolBaseURI /blog
""",
    "people": b"PoolUser daemon\nPoolGroup daemon\nPoolUser root\n"
              b"PoolUser nobody-of-this-name\nPoolGroup \"\"\n",
    "limits": b"""PoolMinInstances 3
PoolMaxPerApp 2
PoolMaxRequests 1e3
PoolMaxRequestTime 31536000
PoolResponseTimeout 31536001
PoolMaxQueueSize -1
PoolQueueTimeout +1
PoolStartTimeout 0
PoolConcurrency 065
PoolMemoryLimit " 1"
PoolThreads 1024
PoolBufferMemory 0
PoolBufferMaxFile 1073741824
PoolResponseHeaderLimit 65537
""",
    "flags": b"""PoolEnabled Off
PoolPreStart on
PoolRollingRestart maybe
PoolStickySessions on
PoolFriendlyErrorPages on
PoolBufferUpload off
PoolBufferResponse off
PoolErrorOverride on
PoolServerTiming on
PoolStatusActions on
PoolForwardedHeaders rfc7239
PoolForwardedHeaders both
PoolSpawnMethod smart
PoolSpawnMethod conservative
PoolStickyCookie a.b-c_d
PoolStickyCookie "a b"
PoolStickyRoute a/b
PoolRestartDir tmp
PoolLogFile "|/bin/cat -u"
PoolLogFile log/x
.
PoolEnabled on
PoolMax 5
""",
    "continued": b"PoolSetEnv \\\n  A \\\n 'b \"c'\nPoolSetEnv A\\\n",
}


def main():
    for name, seeds in (("http", HTTP), ("scgi", SCGI), ("fastcgi", FASTCGI),
                        ("config", CONFIG)):
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for seed, data in seeds.items():
            (CORPUS / name / seed).write_bytes(data)


if __name__ == "__main__":
    main()
