"""Every request has an id and a trace id: in its log lines, in its answer, in its errors, in the calls it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import RequestContext, current_request, enter_request, leave_request

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class RequestId:
    """Take over a well-formed X-Request-ID, else make an id; go on with the trace that a traceparent names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        request = _request_of(scope["headers"])
        added = (b"x-request-id", request.request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                headers = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
                headers.append(added)
                message["headers"] = headers
            await send(message)

        token = enter_request(request)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            leave_request(token)


def _request_of(headers: Iterable[tuple[bytes, bytes]]) -> RequestContext:
    request_id = trace_id = None
    parent_id, flags = "", "00"
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent" and (parent := _TRACEPARENT.fullmatch(value)) and parent[1].strip(b"0"):
            trace_id, parent_id, flags = parent[1].decode(), parent[2].decode(), parent[3].decode()
    return RequestContext(request_id, trace_id, parent_id, flags)


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, or None outside a request."""
    request = current_request()
    return request.request_id if request else None
