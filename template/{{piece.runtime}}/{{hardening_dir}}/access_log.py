"""One log event for each request and each WebSocket connection."""

from __future__ import annotations

import logging
import random
import time
from functools import lru_cache

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .health import HEALTH_PATHS
from .logs import write_event
from .principal import ANONYMOUS
from .redaction import redact_text

_log = logging.getLogger("access")


class AccessLog:
    """Log method, route, status and duration when an answer is complete; query strings and bodies never.

    Health checks are left out. Of the successful requests (below 400) only a share of `sample_rate` is logged.
    """

    def __init__(self, app: ASGIApp, *, sample_rate: float) -> None:
        self.app = app
        self._sample_rate = sample_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"} or scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None  # as long as the caller has no answer
        sent = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status, sent
            type_ = message["type"]
            if type_ == "http.response.body":
                sent += len(message.get("body", b""))
            elif type_ == "http.response.start":
                status = message["status"]
            elif type_ == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self._log(scope, status, sent, time.perf_counter() - started)

    def _log(self, scope: Scope, status: int | None, sent: int, seconds: float) -> None:
        kind = scope["type"]
        level = logging.INFO
        if status is None:
            level = logging.WARNING
        elif kind == "http" and status >= 400:
            level = logging.ERROR if status >= 500 else logging.INFO
        elif self._sample_rate < 1 and random.random() >= self._sample_rate:  # noqa: S311  # a sample, no secret
            return
        fields: dict[str, object] = {"status": status, "duration_ms": round(seconds * 1000, 2)}
        route = route_template(scope)
        if route:
            fields["route"] = route
        else:
            fields["path"] = redact_text(scope["path"])
        if kind == "http":
            fields["method"] = scope["method"]
            fields["bytes"] = sent
        request = current_request()
        if request is not None and request.principal is not ANONYMOUS:
            fields["principal"] = _shown(request.principal.id)
        write_event(_log, level, f"{kind}_request", fields)


_shown = lru_cache(maxsize=1024)(redact_text)  # an issuer may name a person by an e-mail address


def route_template(scope: Scope) -> str | None:
    """Return the route that answered, like /v1/notes/{note_id}, where the framework tells it."""
    nested = scope.get("fastapi")  # FastAPI's routers inside routers
    if nested and (context := nested.get("effective_route_context")) is not None:
        template = getattr(context, "path_format", None)
        if isinstance(template, str):
            return template
    template = scope.get("route_template") or getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else None
