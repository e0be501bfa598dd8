"""Tell callers in time which endpoints will go (RFC 9745, RFC 8594)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, TypeVar

from .asgi_types import ASGIApp, Message, Receive, Scope, Send

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_ATTRIBUTE = "__deprecation_headers__"


def deprecated(*, since: date, sunset: date | None = None, link: str | None = None) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint as deprecated since a day (it may lie ahead); it may be gone from the `sunset` day on.

    `link` is where callers read what to use instead. Days begin at midnight UTC. Write it below the route's decorator:

        @router.get("/prices")
        @deprecated(since=date(2026, 1, 31), sunset=date(2026, 12, 31), link="https://example.com/prices")
        async def prices() -> list[Price]: ...

    Raises ValueError when the sunset is before the deprecation.
    """
    if sunset is not None and sunset < since:
        raise ValueError("an endpoint is deprecated before it goes")
    headers = [(b"deprecation", b"@%d" % _midnight(since).timestamp())]
    if sunset is not None:
        headers.append((b"sunset", format_datetime(_midnight(sunset), usegmt=True).encode()))
    if link is not None:
        headers.append((b"link", f'<{link}>; rel="deprecation"; type="text/html"'.encode("ascii")))

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, tuple(headers))
        return endpoint

    return mark


def deprecation_headers(endpoint: object) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a deprecated endpoint, and none of any other."""
    headers: tuple[tuple[bytes, bytes], ...] = getattr(endpoint, _ATTRIBUTE, ())
    return headers


class Deprecation:
    """Add Deprecation, Sunset and Link headers to the answers of endpoints that are marked with `deprecated`.

    It works where the framework tells the endpoint in the ASGI scope: FastAPI and Starlette do.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_notice(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = deprecation_headers(scope.get("endpoint"))
                if headers:
                    message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self.app(scope, receive, send_with_notice)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
