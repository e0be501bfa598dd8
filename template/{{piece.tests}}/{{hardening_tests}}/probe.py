"""A small ASGI application that does what the hardening layer has to cope with. It uses no framework."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]


@dataclass(frozen=True)
class Route:
    """What a framework leaves in the scope: the route that matched."""

    path: str


class Probe:
    """Each path behaves in one way. Tests let blocked handlers go on through `release`."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            message = await receive()
            await send({"type": "websocket.send", "text": message["text"]})
            await send({"type": "websocket.close", "code": 1000})
        else:
            self.seen.append(scope["path"])
            if scope["path"].startswith("/routed/"):
                scope["route"] = Route("/routed/{number}")
                await answer(send, 200, {"status": "ok"})
                return
            await getattr(self, "_" + scope["path"].strip("/").replace("-", "_"), self._missing)(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

    async def _ok(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 200, {"status": "ok"})

    async def _page(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 200, "<p>hello</p>", b"text/html; charset=utf-8")

    async def _framed(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 200, "<p>hello</p>", b"text/html", [(b"X-Frame-Options", b"ALLOWALL")])

    async def _missing(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 404, {"detail": "There is no such thing."})

    async def _not_allowed(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 405, "no", b"text/plain", [(b"Allow", b"GET, POST")])

    async def _invalid(self, _scope: Scope, _receive: Any, send: Any) -> None:
        fault = {"loc": ["body", "pin"], "msg": "too short", "type": "value", "input": "hunter2-hunter2"}
        await answer(send, 422, {"detail": [fault]})

    async def _own_problem(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 409, {"type": "https://example.com/taken"}, b"application/problem+json")

    async def _crash(self, _scope: Scope, _receive: Any, _send: Any) -> None:
        raise RuntimeError("internals: password=hunter2-hunter2")

    async def _crash_late(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("too late")

    async def _debug_page(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 500, "<pre>internals of line 42</pre>", b"text/html")

    async def _own_failure(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 500, {"error": "own words"})

    async def _length(self, _scope: Scope, receive: Any, send: Any) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
        await answer(send, 200, {"length": length})

    async def _stuck(self, _scope: Scope, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    async def _blocked(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await asyncio.to_thread(self.release.wait, 60)
        await answer(send, 200, {"status": "released"})

    async def _stream(self, _scope: Scope, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
        await asyncio.to_thread(self.release.wait, 60)
        await send({"type": "http.response.body", "body": b"last\n"})


async def answer(
    send: Any,
    status: int,
    body: object,
    kind: bytes = b"application/json",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a whole response."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *headers]})
    await send({"type": "http.response.body", "body": content})


app = Probe()
