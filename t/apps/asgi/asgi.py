# SPDX-License-Identifier: Apache-2.0
"""An ASGI application for t/loaders: the path says what it does."""

import asyncio
import json
import os

seen = []       # what happened to requests, for /seen


async def body_of(receive):
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the body was cut off")
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


async def answer(send, body, status=200, headers=(), more=False):
    await send({"type": "http.response.start", "status": status,
                "headers": list(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def show_scope(scope, receive, send):
    found = {name: str(value) for name, value in scope.items()}
    await answer(send, json.dumps(found).encode())


async def echo(scope, receive, send):
    await answer(send, await body_of(receive))


async def ignore(scope, receive, send):
    await answer(send, b"ignored")


async def count(scope, receive, send):
    try:
        size = len(await body_of(receive))
        seen.append("whole")
    except ConnectionError:
        seen.append("cut")
        return
    await answer(send, b"%d" % size)


async def stream(scope, receive, send):
    await answer(send, b"one,", more=True)
    await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"two"})


async def background(scope, receive, send):
    await answer(send, b"answered")
    await asyncio.sleep(0.2)
    seen.append("background")


async def wait(scope, receive, send):
    await answer(send, b"begun,", more=True)
    await body_of(receive)
    message = await receive()
    seen.append(message["type"])


async def slow(scope, receive, send):
    await answer(send, b"begun,", more=True)
    await asyncio.sleep(0.3)
    await send({"type": "http.response.body", "body": b"ended"})


async def boom(scope, receive, send):
    raise RuntimeError("boom before the header")


async def late_boom(scope, receive, send):
    await answer(send, b"begun,", more=True)
    raise RuntimeError("boom in mid-body")


async def nothing(scope, receive, send):
    return


async def short(scope, receive, send):
    await answer(send, b"short", headers=[(b"content-length", b"10")])


async def long(scope, receive, send):
    await answer(send, b"longer", headers=[(b"content-length", b"4")])


async def bad_header(scope, receive, send):
    await answer(send, b"", headers=[(b"x", b"a\r\nset-cookie: b")])


async def bodyful(scope, receive, send):
    await answer(send, b"forbidden", int(scope["query_string"] or 204))


async def hints(scope, receive, send):
    await send({"type": "http.response.early_hint",
                "links": [b"</a.css>; rel=preload"]})
    await answer(send, b"hinted")


async def big(scope, receive, send):
    await answer(send, b"", more=True)
    for _ in range(64):
        await send({"type": "http.response.body", "body": bytes(1 << 20),
                    "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def show_seen(scope, receive, send):
    await answer(send, json.dumps(seen).encode())


ACTIONS = {"scope": show_scope, "echo": echo, "ignore": ignore, "count": count,
           "stream": stream, "background": background, "wait": wait,
           "slow": slow, "boom": boom, "late-boom": late_boom, "short": short,
           "nothing": nothing, "long": long, "bad-header": bad_header,
           "bodyful": bodyful, "hints": hints, "big": big, "seen": show_seen}


async def websocket(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/refuse":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "headers": [(b"x-own", b"yes")],
                "subprotocol": next(iter(scope["subprotocols"]), None)})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            seen.append(message["code"])
            return
        if message["text"] == "close":
            await send({"type": "websocket.close", "code": 4321,
                        "reason": "asked"})
        elif message["text"] == "boom":
            raise RuntimeError("boom in a websocket")
        else:
            await send({"type": "websocket.send", "text": message["text"],
                        "bytes": message["bytes"]})


async def lifespan(scope, receive, send):
    if os.environ.get("NO_LIFESPAN"):
        raise ValueError("no lifespan here")
    await receive()
    if os.environ.get("FAIL"):
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        return
    scope.get("state", {})["from"] = "lifespan"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("shut down", flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket(scope, receive, send)
    else:
        name = scope["path"].rpartition("/")[2]
        await ACTIONS.get(name, show_scope)(scope, receive, send)
