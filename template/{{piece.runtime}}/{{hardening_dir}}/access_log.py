"""One log event for each request and each WebSocket connection."""

from __future__ import annotations

import time
from typing import Any

import structlog

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .health import HEALTH_PATHS

_log = structlog.stdlib.get_logger("access")


class AccessLog:
    """Log method, route, status and duration when an answer is complete; query strings and bodies never.

    Health checks are left out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"} or scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        seen: dict[str, Any] = {"status": None, "bytes": 0}

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            elif message["type"] == "http.response.body":
                seen["bytes"] += len(message.get("body", b""))
            elif message["type"] == "websocket.close":
                seen["status"] = message.get("code", 1000)
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = route_template(scope)
            fields: dict[str, Any] = {"route": route} if route else {"path": scope["path"]}
            if kind == "http":
                fields |= {"method": scope["method"], "bytes": seen["bytes"]}
            status = seen["status"]  # None when the caller went away before there was an answer
            level = "warning" if status is None else "error" if kind == "http" and status >= 500 else "info"
            getattr(_log, level)(
                f"{kind}_request",
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                **fields,
            )


def route_template(scope: Scope) -> str | None:
    """Return the route that answered, like /v1/notes/{note_id}, where the framework tells it."""
    nested = scope.get("fastapi", {}).get("effective_route_context")  # FastAPI's routers inside routers
    template = getattr(nested, "path_format", None) or getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else None
