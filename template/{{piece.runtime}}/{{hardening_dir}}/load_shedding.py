"""Refuse soon what can't be answered in time, so that the rest is answered in time."""

from __future__ import annotations

import asyncio
import math

from prometheus_client import Counter, Gauge

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .problems import send_problem

_in_progress = Gauge("load_shedding_requests_in_progress", "Requests that hold a slot")
_waiting = Gauge("load_shedding_requests_waiting", "Requests that wait for a slot")
_refused = Counter(
    "load_shedding_refused_total",
    "Requests that were answered with 503, because too many waited already (full) or they waited too long (late)",
    ("reason",),
)


class LoadShedding:
    """Answer `concurrent` requests at a time; `waiting` more wait up to `wait_seconds`; all others get 503.

    First come, first served: the wait is so short that no caller has given up when its turn comes, and a queue that
    serves the newest first would starve the oldest for nothing.

    An answer without a Content-Length gives its slot back when it starts: streams last as long as their readers like.
    They and WebSockets are bounded by the server's limit of connections.
    """

    def __init__(self, app: ASGIApp, *, concurrent: int, waiting: int, wait_seconds: float) -> None:
        self.app = app
        self._slots = asyncio.Semaphore(concurrent)
        self._in_progress = 0
        self._waiting = 0
        self._max_waiting = waiting
        self._wait_seconds = wait_seconds
        self._retry_after = (b"retry-after", b"%d" % math.ceil(wait_seconds))
        _in_progress.set_function(lambda: self._in_progress)
        _waiting.set_function(lambda: self._waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._slots.locked():
            reason = await self._wait()
            if reason is not None:
                _refused.labels(reason).inc()
                await send_problem(send, 503, "Too many requests are being answered.", (self._retry_after,))
                return
        else:
            await self._slots.acquire()  # at once
        self._in_progress += 1
        holds = True

        async def send_and_release(message: Message) -> None:
            nonlocal holds
            if holds and message["type"] == "http.response.start" and _is_stream(message):
                holds = False
                self._release()
            await send(message)

        try:
            await self.app(scope, receive, send_and_release)
        finally:
            if holds:
                self._release()

    async def _wait(self) -> str | None:
        if self._waiting >= self._max_waiting:
            return "full"
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            return "late"
        finally:
            self._waiting -= 1
        return None

    def _release(self) -> None:
        self._in_progress -= 1
        self._slots.release()


def _is_stream(start: Message) -> bool:
    for name, _value in start.get("headers", ()):
        if name == b"content-length" or name.lower() == b"content-length":
            return False
    return True
