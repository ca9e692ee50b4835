# SPDX-License-Identifier: Apache-2.0
"""test_process.py - signals, threads, forks, the pool's end, all languages."""

import os
import signal
import threading

import pool
import pytest


def answer(client, fifo, text="done"):
    with open(fifo, "w") as writer:
        writer.write(text)
    return client.response()


@pytest.fixture(params=[1, 4])
def app(start, request):
    """Once in one thread, once in several."""
    loader = start(threads=request.param)
    loader.expect("READY")
    return loader


def test_sigterm_ends_an_idle_process(app):
    client = app.connect()
    client.get("/")
    assert app.terminate() == 0
    assert client.is_closed()
    assert app.log() == ""


def test_sigterm_lets_the_request_at_hand_finish(app, fifo):
    client, idle = app.connect(), app.connect()
    idle.get("/")
    client.send(pool.request_bytes("/block?" + fifo))
    writer = open(fifo, "w")        # the application has opened its end
    app.process.send_signal(signal.SIGTERM)
    writer.write("done")
    writer.close()
    assert client.response().body == b"done"
    assert client.is_closed() and idle.is_closed()
    assert app.process.wait(pool.PATIENCE_S) == 0


def test_the_pools_end_ends_an_idle_process(app):
    app.connect().get("/")
    app.hang_up()
    assert app.process.wait(pool.PATIENCE_S) == 0


def test_the_pools_end_lets_the_request_at_hand_finish(app, fifo):
    client = app.connect()
    client.send(pool.request_bytes("/block?" + fifo))
    writer = open(fifo, "w")
    app.hang_up()
    writer.write("done")
    writer.close()
    assert client.response().body == b"done"
    assert app.process.wait(pool.PATIENCE_S) == 0


def test_sigabrt_logs_backtraces_and_goes_on(app, language, fifo):
    client = app.connect()
    client.send(pool.request_bytes("/block?" + fifo))
    writer = open(fifo, "w")
    app.process.send_signal(signal.SIGABRT)
    assert app.log_has("backtraces of process %d" % app.process.pid)
    assert app.log_has("block")
    writer.write("done")
    writer.close()
    assert client.response().body == b"done"
    assert client.get("/").code == 200
    app.process.send_signal(signal.SIGABRT)
    assert pool.wait_for(lambda: app.log().count("backtraces of") == 2)


def test_other_signals_are_ignored(app):
    client = app.connect()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        app.process.send_signal(number)
        assert client.get("/").code == 200


def test_signals_to_a_fork_of_the_application_stay_there(app):
    client = app.connect()
    assert client.get("/orphan").body == b"%d" % signal.SIGTERM
    assert client.get("/").code == 200


def test_a_fork_of_the_application_that_raises_does_not_answer(app):
    client = app.connect()
    assert client.get("/fork-raises").body == b"256"        # exit(1)
    assert client.get("/").body == b"Hello, world!\n"


def test_descriptors_come_back(app):
    app.connect().get("/")
    assert pool.wait_for(lambda: pool.descriptors(app.process.pid) > 3)
    first = app.connect()
    first.get("/")
    before = pool.descriptors(app.process.pid)
    for _ in range(50):
        client = app.connect()
        client.get("/whole", "POST", b"x" * 100000)
        client.close()
    assert pool.wait_for(
        lambda: pool.descriptors(app.process.pid) <= before)


def test_many_kept_connections_are_served_in_turn(app):
    clients = [app.connect() for _ in range(100)]
    for _ in range(3):
        for client in clients:
            assert client.get("/").body == b"Hello, world!\n"


def test_threads_answer_beside_a_blocked_one(start, folder):
    app = start(threads=3)
    app.expect("READY")
    writers, clients = [], []
    for number in range(2):
        fifo = os.path.join(folder, "f%d" % number)
        os.mkfifo(fifo)
        client = app.connect()
        client.send(pool.request_bytes("/block?" + fifo))
        writers.append(open(fifo, "w"))
        clients.append(client)
    quick = app.connect()
    for _ in range(100):
        assert quick.get("/").code == 200
    for writer, client in zip(writers, clients):
        writer.write("done")
        writer.close()
        assert client.response().body == b"done"


def test_threads_under_load(start):
    app = start(threads=4)
    app.expect("READY")
    wrong = []

    def work(number):
        client = app.connect()
        for i in range(200):
            body = b"%d-%d" % (number, i) * (i % 50)
            if client.get("/whole", "POST", body).body != body:
                wrong.append((number, i))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(pool.PATIENCE_S)
    assert not wrong and app.log() == ""


def test_environment_tells_threads(app, language):
    import json
    environ = json.loads(app.connect().get("/echo").body)
    threads = app.process.args[-1] if "--threads" in app.process.args else "1"
    assert environ[language.name + ".multithread"] is (threads != "1")
    assert environ[language.name + ".multiprocess"] is True
    assert environ[language.name + ".run_once"] is False


def test_a_preloader_forks_processes(start):
    loader = start(mode="preload", listeners=3)
    preloader = loader.expect("READY")
    assert preloader == loader.process.pid
    pids = [loader.fork(k) for k in (0, 2, 1)]
    assert len(set(pids + [preloader])) == 4
    for slot, pid in zip((0, 2, 1), pids):
        client = loader.connect(slot)
        assert client.get("/pid").body == b"%d" % pid
        assert os.getsid(pid) != os.getsid(preloader)
        assert parent(pid) != preloader
    assert pool.wait_for(lambda: children(preloader) == [])


def test_forks_draw_different_random_numbers(start):
    loader = start(mode="preload", listeners=3)
    loader.expect("READY")
    numbers = set()
    for slot in range(3):
        loader.fork(slot)
        numbers.add(loader.connect(slot).get("/number").body)
    assert len(numbers) == 3


def test_a_listener_is_used_again_after_its_process(start):
    loader = start(mode="preload", listeners=2)
    loader.expect("READY")
    for _ in range(3):
        pid = loader.fork(1)
        client = loader.connect(1)
        assert client.get("/pid").body == b"%d" % pid
        os.kill(pid, signal.SIGTERM)
        assert client.is_closed()
        assert pool.wait_for(lambda: not pool.is_alive(pid))
        waiting = loader.connect(1)         # the preloader's copy listens
        waiting.send(pool.request_bytes("/pid"))
        pid = loader.fork(1)
        assert waiting.response().body == b"%d" % pid
        os.kill(pid, signal.SIGTERM)
        assert pool.wait_for(lambda: not pool.is_alive(pid))


def test_forks_have_no_descriptor_too_many(start):
    loader = start(mode="preload", listeners=20)
    loader.expect("READY")
    pid = loader.fork(7)
    loader.connect(7).get("/")
    assert pool.descriptors(pid) < 16
    assert pool.descriptors(loader.process.pid) >= 20


def test_forks_outlive_the_preloader(start):
    loader = start(mode="preload")
    loader.expect("READY")
    pid = loader.fork(0)
    client = loader.connect()
    assert loader.terminate() == 0
    assert client.get("/pid").body == b"%d" % pid


def test_the_pools_end_ends_preloader_and_forks(start):
    loader = start(mode="preload", listeners=2)
    loader.expect("READY")
    pids = [loader.fork(0), loader.fork(1)]
    loader.hang_up()
    assert loader.process.wait(pool.PATIENCE_S) == 0
    for pid in pids:
        assert pool.wait_for(lambda: not pool.is_alive(pid))


def test_threads_in_forks(start, language):
    loader = start(mode="preload", listeners=2, threads=2)
    loader.expect("READY")
    pid = loader.fork(1)
    assert loader.connect(1).get("/pid").body == b"%d" % pid
    os.kill(pid, signal.SIGABRT)
    assert loader.log_has("backtraces of process %d" % pid)
    loader.process.send_signal(signal.SIGABRT)
    assert loader.log_has("backtraces of process %d" % loader.process.pid)
    loader.fork(0)


def test_a_fork_that_fails_is_reported(start):
    loader = start(mode="preload")
    loader.expect("READY")
    loader.report.send(b"FORK 1")       # there is no such listener
    assert loader.log_has("unknown message")
    loader.fork(0)


def parent(pid):
    with open("/proc/%d/stat" % pid) as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as found:
        return found.read().split()
