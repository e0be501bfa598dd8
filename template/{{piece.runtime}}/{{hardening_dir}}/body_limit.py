"""Refuse request bodies that are too large: by their Content-Length, or by counting what arrives."""

from __future__ import annotations

from .asgi_types import ASGIApp, Message, Receive, Scope, Send, has_body, header
from .problems import send_problem
from .refused_body import CLOSE, BodyRefusedError, call_or_refuse

_FORM = b"multipart/form-data"


class BodyLimit:
    """Answer 413 to a body of more than `limit` bytes, or `upload_limit` when it is multipart/form-data.

    The application never gets more than that to read.
    """

    def __init__(self, app: ASGIApp, *, limit: int, upload_limit: int) -> None:
        self.app = app
        self._limit = limit
        self._upload_limit = upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self.app(scope, receive, send)
            return
        upload = (header(scope, b"content-type") or b"").lower().startswith(_FORM)
        limit = self._upload_limit if upload else self._limit
        detail = f"The body may have at most {limit} bytes."
        length = header(scope, b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            await send_problem(send, 413, detail, (CLOSE,))
            return
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise BodyRefusedError(413, detail)
            return message

        await call_or_refuse(self.app, scope, receive_counted, send)
