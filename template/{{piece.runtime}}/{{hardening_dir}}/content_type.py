"""Refuse bodies of media types that the application does not read (RFC 9110, 15.5.16)."""

from __future__ import annotations

import re
from functools import lru_cache

from .asgi_types import ASGIApp, Receive, Scope, Send, has_body, header
from .problems import send_problem
from .refused_body import CLOSE

_NAME = r"[A-Za-z0-9!#$&^_.-]+"  # RFC 6838, 4.2, without +
MEDIA_RANGE = re.compile(rf"{_NAME}/(\*|(\*\+)?{_NAME}(\+{_NAME})*)")
"""A media type like application/json, or a range: image/* is all of a type, application/*+json all of a suffix."""

_HEADER_OF_METHOD = {"POST": b"accept-post", "PATCH": b"accept-patch"}  # Linked Data Platform 1.0, 7.1; RFC 5789, 3.1


class ContentType:
    """Answer 415 to a body whose Content-Type is none of `accepted`, and say in Accept which are.

    A body without a Content-Type is refused, too; a request without a body needs none.
    """

    def __init__(self, app: ASGIApp, *, accepted: tuple[str, ...]) -> None:
        self.app = app
        self._accepted = ", ".join(accepted)
        ranges = (re.escape(kind.lower()).replace(r"\*", "[^/]+") for kind in accepted)
        self._matches = lru_cache(maxsize=256)(re.compile("|".join(ranges)).fullmatch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self.app(scope, receive, send)
            return
        kind = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower().decode("latin-1")
        if self._matches(kind):
            await self.app(scope, receive, send)
            return
        accepted = self._accepted.encode("latin-1")
        headers = [(b"accept", accepted), CLOSE]
        if name := _HEADER_OF_METHOD.get(scope["method"]):
            headers.append((name, accepted))
        await send_problem(send, 415, f"The body must be {self._accepted}.", headers)
