"""Liveness and readiness, answered before anything else has to work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog

from .asgi_types import ASGIApp, Receive, Scope, Send
from .dependency import degraded
from .drain import drain

Check = Callable[[], Coroutine[Any, Any, object]]

HEALTH_PATHS = frozenset({"/livez", "/readyz"})
_log = structlog.stdlib.get_logger("health")
_FRESH_SECONDS = 1.0  # one round of checks serves all who ask within this time
_PORTS = {
    "amqp": 5672,
    "mongodb": 27017,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
}


class Health:
    """Answer GET /livez (the process runs) and GET /readyz (it can serve: not draining, every dependency answers).

    A check is a coroutine function that raises when its dependency is not usable; it may take `timeout_seconds`.
    Callers learn which check failed; the reason stands in the log. "degraded" names what the service does without at
    the moment: it is ready nevertheless.
    """

    def __init__(self, app: ASGIApp, *, checks: Mapping[str, Check], timeout_seconds: float) -> None:
        self.app = app
        self._checks = dict(checks)
        self._timeout = timeout_seconds
        self._round: asyncio.Task[dict[str, str]] | None = None
        self._round_ended = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in HEALTH_PATHS or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
        elif scope["path"] == "/livez":
            await _answer(send, 200, {"status": "alive"})
        elif drain.started:
            await _answer(send, 503, {"status": "draining"})
        else:
            checks = await self._run_checks()
            ready = all(outcome == "ok" for outcome in checks.values())
            without = degraded()
            status = "not ready" if not ready else "degraded" if without else "ready"
            members = {"degraded": without} if without else {}
            await _answer(send, 200 if ready else 503, {"status": status, "checks": checks, **members})

    async def _run_checks(self) -> dict[str, str]:
        stale = time.monotonic() - self._round_ended > _FRESH_SECONDS
        if self._round is None or (self._round.done() and stale):
            self._round = asyncio.ensure_future(self._check_all())
        return await asyncio.shield(self._round)

    async def _check_all(self) -> dict[str, str]:
        outcomes = await asyncio.gather(*(self._check(name, check) for name, check in self._checks.items()))
        self._round_ended = time.monotonic()
        return dict(zip(self._checks, outcomes, strict=True))

    async def _check(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                await check()
        except TimeoutError:
            _log.warning("dependency_timeout", dependency=name, timeout_seconds=self._timeout)
            return "timeout"
        except Exception as error:  # noqa: BLE001  # whatever a client library raises means the same here
            _log.warning("dependency_failed", dependency=name, error=f"{type(error).__name__}: {error}")
            return "failed"
        return "ok"


def connection_checks(*variables: str) -> dict[str, Check]:
    """Return a check for each of these variables that holds a server's URL: does it accept a connection?"""
    checks: dict[str, Check] = {}
    for variable in variables:
        url = urlsplit(os.environ.get(variable, ""))
        port = url.port or _PORTS.get(url.scheme.partition("+")[0])
        if url.hostname and port:
            checks[variable.lower().removesuffix("_url")] = _connection_check(url.hostname, port)
    return checks


def _connection_check(host: str, port: int) -> Check:
    async def check() -> None:
        _reader, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return check


async def _answer(send: Send, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
