"""Every request has an id and a trace id: in its log lines, in its answer, in its errors."""

from __future__ import annotations

import re
import uuid

import structlog

from .asgi_types import ASGIApp, Message, Receive, Scope, Send, header

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


class RequestId:
    """Take over a well-formed X-Request-ID, else make an id; go on with the trace that a traceparent names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        incoming = header(scope, b"x-request-id")
        request_id = incoming if incoming and _REQUEST_ID.fullmatch(incoming) else uuid.uuid4().hex.encode()
        parent = _TRACEPARENT.fullmatch(header(scope, b"traceparent") or b"")
        trace_id = parent[1].decode() if parent and parent[1].strip(b"0") else uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                others = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"x-request-id"]
                message["headers"] = [*others, (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode(), trace_id=trace_id):
            await self.app(scope, receive, send_with_id)


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, or None outside a request."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return request_id if isinstance(request_id, str) else None
