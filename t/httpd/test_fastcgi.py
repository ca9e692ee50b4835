# SPDX-License-Identifier: Apache-2.0
"""FastCGI and SCGI programs that nobody here wrote a loader for: how many
connections they are given, and what is said of those that do not speak."""

import subprocess
import threading

import pytest

from harness import eventually
from harness.languages import LANGUAGES

pytestmark = pytest.mark.skipif(not LANGUAGES["fastcgi"].is_there,
                                reason="libfcgi-dev is not installed")

THREADED = r"""
#include <fcgiapp.h>
#include <pthread.h>
#include <unistd.h>

static void *serve(void *unused)
{
    FCGX_Request request;

    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        while (FCGX_GetParam("QUERY_STRING", request.envp)[0] == 'w' &&
               access("go", F_OK) != 0) {
            usleep(10000);
        }
        FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%d",
                     (int)getpid());
        FCGX_Finish_r(&request);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;

    FCGX_Init();
    for (int i = 0; i < 2; i++) {
        pthread_create(&thread, 0, serve, 0);
    }
    serve(0);
    return 0;
}
"""


def compiled(app, name, code):
    """A program in the application's root."""
    source = app.write(f"{name}.c", code)
    program = app.root / name
    subprocess.run(["cc", "-pthread", "-o", program, source, "-lfcgi"],
                   check=True)
    program.chmod(0o755)


def at_once(site, target, n):
    """Answers of n requests made at the same time."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        site.get(target))) for _ in range(n)]
    for thread in threads:
        thread.start()
    return threads, answers


def finish(threads, answers, n):
    for thread in threads:
        thread.join(20)
    assert [answer.status for answer in answers] == [200] * n
    return {answer.body for answer in answers}


def test_a_program_with_threads_serves_as_many_at_once(httpd):
    h = httpd(conf="PoolMax 4")
    app = h.app("threads", "command")
    compiled(app, "threads", THREADED)
    site = h.vhost(app, extra="""PoolAppCommand ./threads
        PoolAppProtocol fastcgi
        PoolConcurrency 3""")
    site.get("/")
    threads, answers = at_once(site, "/?w", 3)
    eventually(lambda: [p["sessions"] for p in h.serving(app)] == [3], 10)
    app.write("go", "")
    assert len(finish(threads, answers, 3)) == 1
    for _ in range(3):      # kept connections are in nobody's way
        threads, answers = at_once(site, "/", 8)
        finish(threads, answers, 8)


@pytest.mark.all_mpms
@pytest.mark.parametrize("concurrency", ["0", "1"])
def test_one_process_goes_from_child_to_child(httpd, concurrency):
    h = httpd(conf="PoolMax 4")
    app = h.app("one", "fastcgi", LANGUAGES["fastcgi"].code)
    site = h.vhost(app, extra=f"""{LANGUAGES['fastcgi'].conf}
        PoolConcurrency {concurrency}
        PoolMaxPerApp 1""")
    h.start()
    for _ in range(5):
        threads, answers = at_once(site, "/pid", 8)
        assert len(finish(threads, answers, 8)) == 1


def test_without_a_word_each_process_serves_one_request(httpd):
    h = httpd(conf="PoolMax 3")
    app = h.app("several", "fastcgi", LANGUAGES["fastcgi"].code)
    site = h.vhost(app, extra=LANGUAGES["fastcgi"].conf)
    h.start()
    threads, answers = at_once(site, "/hold/go", 3)
    eventually(lambda: len(list(app.root.glob("go.waits.*"))) == 3, 10)
    app.write("go", "")
    assert len(finish(threads, answers, 3)) == 3


OTHER = """
import socket
listener = socket.socket(fileno=0)
while True:
    connection, _ = listener.accept()
    if connection.recv(65536):
        connection.sendall({answer!r})
    connection.close()
"""


@pytest.mark.parametrize("answer, status, words", [
    (b"HTTP/1.1 200 OK\r\n\r\n", 502, "it does not speak FastCGI"),
    (b"\1\3\0\1\0\10\0\0\0\0\0\0\2\0\0\0", 503, "overloaded"),
    (b"\1\3\0\1\0\10\0\0\0\0\0\7\0\0\0\0", 502, "application status 7"),
    (b"\1\6\0\1\0\5\0\0abcde", 502, "ended within the response's header"),
    (b"", 502, "it ended without a response"),
], ids=["http", "overloaded", "status", "cut", "nothing"])
def test_what_is_no_response_is_an_error_and_the_log_says_why(
        httpd, answer, status, words):
    h = httpd()
    app = h.app("odd", "command")
    app.write("odd.py", OTHER.format(answer=answer))
    site = h.vhost(app, extra="""PoolAppCommand "python3 odd.py"
        PoolAppProtocol fastcgi""")
    assert site.post("/", b"x").status == status
    h.log.wait(words)
