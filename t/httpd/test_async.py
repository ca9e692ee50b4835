# SPDX-License-Identifier: Apache-2.0
"""Node.js and ASGI applications as users have them: frameworks, package.json,
many requests at once in one process, new code under load."""

import asyncio
import importlib.util
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.load import Load, ask, still

DEBIAN_MODULES = "PoolSetEnv NODE_PATH /usr/share/nodejs"
SERVERS = ("own", "uvicorn", "hypercorn")


def need(*names):
    for name in names:
        if not (importlib.util.find_spec(name) or shutil.which(name)
                or Path("/usr/share/nodejs", name).exists()):
            pytest.skip(f"no {name}")


def app_of(h, language, code, name="app", extra="", files=None):
    app = h.app(name, language, code)
    for path, text in (files or {}).items():
        app.write(path, text)
    return h.vhost(app, extra=extra)


# -- both ---------------------------------------------------------------------

@pytest.mark.parametrize("language", ["node", "asgi"])
def test_streams_and_slow_requests_keep_no_quick_one_waiting(httpd, language):
    """BEHAVIOUR 29: all of them in one process"""
    need("node" if language == "node" else "python3")
    h = httpd()
    site = app_of(h, language, PROBE_CODE[language])
    h.start()
    assert site.get("/pid").status == 200
    with ThreadPoolExecutor(30) as pool:
        slow = [pool.submit(site.get, "/trickle/20/0.1") for _ in range(20)]
        slow += [pool.submit(site.get, "/sleep/2") for _ in range(8)]
        began = time.monotonic()
        pids = {site.get("/pid").body for _ in range(20)}
        assert time.monotonic() - began < 1.5
        assert len(pids) == 1
        assert not any(task.done() for task in slow)
        assert all(task.result().status == 200 for task in slow)
    assert len(h.processes_of(site.app)) == 1


@pytest.mark.parametrize("language", ["node", "asgi"])
def test_new_code_comes_without_a_lost_request(httpd, language):
    need("node" if language == "node" else "python3")
    h = httpd()
    site = app_of(h, language, PROBE_CODE[language])
    site.app.write("public/x.txt", "static")
    h.start()
    assert site.get("/pid").status == 200
    with Load(h.address, [ask(site, "/size/5000", expect_size=5000),
                          ask(site, "/pid"), ask(site, "/sleep/0.05"),
                          still(site, "/x.txt")]) as load:
        for n in range(3):
            load.more(50)
            before = h.processes_of(site.app)
            site.app.write("tmp/restart.txt", str(n))
            eventually(lambda: h.processes_of(site.app) and not
                       set(before) & set(h.processes_of(site.app)), 20)
        load.more(50)
    assert not load.lost, load.report()


@pytest.mark.parametrize("language", ["node", "asgi"])
def test_threads_of_the_main_server_are_for_others(httpd, language):
    """PoolThreads means nothing to what a startup file shows to be another
    kind of application."""
    need("node" if language == "node" else "python3")
    h = httpd(conf="PoolThreads 4\nPoolPython /usr/bin/python3\nPoolNode node")
    site = app_of(h, language, PROBE_CODE[language])
    h.start()
    assert site.get("/pid").status == 200
    status = h.status_of(site.app)
    assert status["type"] == language
    assert len(status["processes"]) == 1


@pytest.mark.parametrize("language", ["node", "asgi"])
def test_nothing_of_the_pools_is_left_to_what_an_application_starts(
        httpd, language):
    need("node" if language == "node" else "python3")
    h = httpd()
    site = app_of(h, language, PROBE_CODE[language])
    h.start()
    child = int(site.get("/fork").body)
    links = eventually(lambda: sorted(
        Path(f"/proc/{child}/fd").iterdir(), key=lambda p: int(p.name)))
    assert not [link for link in links
                if str(link.readlink()).startswith("socket:")]


# -- Node.js ------------------------------------------------------------------

def test_a_missing_package_is_named_with_the_command_that_installs_it(httpd):
    need("node")
    h = httpd()
    site = app_of(h, "node", "require('nobody-has-this')();",
                  extra="PoolFriendlyErrorPages on")
    h.start()
    answer = site.get()
    assert answer.status == 500
    assert "npm install nobody-has-this" in answer.text
    h.log.wait("npm install nobody-has-this")


def test_package_json_starts_an_application_of_type_node(httpd):
    need("node")
    h = httpd()
    site = app_of(h, "node", None, extra="PoolAppType node", files={
        "package.json": '{"scripts": {"start": "node lib/main.mjs --fast"}}',
        "lib/main.mjs": """
import { createServer } from 'node:http';
createServer((request, response) =>
    response.end(JSON.stringify(process.argv.slice(2)))).listen(8080);
"""})
    h.start()
    assert site.get().json == ["--fast"]


def test_express_answers_below_a_base_uri_and_knows_its_client(httpd):
    need("express")
    h = httpd(conf=DEBIAN_MODULES)
    app = h.app("shop", "node", """
const express = require('express');
const app = express(), shop = express.Router();
app.set('trust proxy', 1);
shop.get('/who', (request, response) => response.json(
    [request.ip, request.protocol, request.get('host'), request.originalUrl,
     request.url, request.baseUrl]));
shop.post('/sum', express.json(), (request, response) =>
    response.json(request.body.a + request.body.b));
shop.get('/boom', () => { throw new Error('boom in express'); });
app.use('/shop', shop).listen(3000);
""")
    site = h.vhost(name="shop.test", document_root=h.folder / "empty",
                   extra=f"PoolBaseURI /shop {app.root}\n<Directory "
                         f"{app.root}>\nRequire all granted\n</Directory>")
    h.start()
    answer = site.get("/shop/who?x=%20", {"X-Forwarded-For": "6.6.6.6",
                                          "X-Forwarded-Proto": "https"})
    assert answer.json == ["127.0.0.1", "http", "shop.test",
                           "/shop/who?x=%20", "/who?x=%20", "/shop"]
    assert site.post("/shop/sum", json.dumps({"a": 2, "b": 3}), [
        ("Content-Type", "application/json")]).json == 5
    assert site.get("/shop/boom").status == 500
    h.log.wait("boom in express")


# -- ASGI ---------------------------------------------------------------------

SOCKETS = """
import os
async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return await page(scope, receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": "%s %s" % (
            message["text"], scope["path"])})

async def page(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})
"""


@pytest.mark.parametrize("server", SERVERS)
def test_websockets_work_whoever_serves(httpd, server):
    websockets = pytest.importorskip("websockets")
    need(*({server} - {"own"}))
    h = httpd()
    site = app_of(h, "asgi", SOCKETS,
                  extra=f"PoolSetEnv APPPOOL_ASGI_SERVER {server}")
    h.start()

    async def talk():
        host, port = h.address
        async with websockets.connect(
                f"ws://{site.name}:{port}/chat", host=host, port=port) as ws:
            for text in ("hello", "x" * 70000):
                await ws.send(text)
                assert await ws.recv() == f"{text} /chat"
    asyncio.run(asyncio.wait_for(talk(), 30))
    assert site.get().body == b"page"


FRAMEWORKS = {
    "starlette": """
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

async def who(request):
    return JSONResponse([request.client.host, str(request.url)],
                        background=BackgroundTask(print, "afterwards"))

async def stream(request):
    async def pieces():
        for n in range(3):
            yield b"%d," % n
    return StreamingResponse(pieces())

app = Starlette(routes=[Route("/who", who), Route("/stream", stream)])
""",
    "fastapi": """
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
app = FastAPI()

@app.get("/who")
def who(request: Request, tasks: BackgroundTasks):
    tasks.add_task(print, "afterwards")
    return [request.client.host, str(request.url)]

@app.get("/stream")
async def stream():
    return StreamingResponse(iter([b"0,", b"1,", b"2,"]))
""",
    "django": """
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x",
                   SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))

async def who(request):
    print("afterwards")
    return JsonResponse([request.META["REMOTE_ADDR"],
                         request.build_absolute_uri()], safe=False)

def stream(request):
    return StreamingHttpResponse(iter([b"0,", b"1,", b"2,"]))

urlpatterns = [path("who", who), path("stream", stream)]
application = get_asgi_application()
""",
}


@pytest.mark.parametrize("server", ["own", "uvicorn"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_runs_unchanged(httpd, framework, server):
    need(framework, *({server} - {"own"}))
    h = httpd()
    site = app_of(h, "asgi", FRAMEWORKS[framework],
                  extra=f"PoolSetEnv APPPOOL_ASGI_SERVER {server}")
    h.start()
    host = f"{site.name}:{h.address[1]}"
    answer = site.get("/who", {"X-Forwarded-For": "6.6.6.6", "Host": host})
    assert answer.json == ["127.0.0.1", f"http://{host}/who"]
    h.log.wait("afterwards")
    assert site.get("/stream").body == b"0,1,2,"
    assert site.get("/nowhere").status == 404


def test_uvicorn_of_the_applications_environment_is_used_by_itself(httpd):
    need("uvicorn")
    h = httpd()
    site = app_of(h, "asgi", """
import sys
async def application(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body":
                repr("uvicorn" in sys.modules).encode()})
""")
    h.start()
    assert site.get().body == b"True"
