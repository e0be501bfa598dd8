"""Answer only for host names of ours: links, redirects and caches must not carry a name that a caller made up."""

from __future__ import annotations

from .asgi_types import ASGIApp, Receive, Scope, Send, header
from .problems import send_problem


class TrustedHosts:
    """Answer 421 (RFC 9110, 15.5.20) to a Host that is none of `hosts`; *.example.com is every name below example.com.

    Starlette's middleware does the same, but with answers in plain text.
    """

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...]) -> None:
        self.app = app
        self._names = frozenset(host.lower() for host in hosts)
        self._suffixes = tuple(host[1:].lower() for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or self._trusts(header(scope, b"host") or b""):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":  # closed before it is accepted: the server answers the handshake with 403
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send_problem(send, 421, "This service does not answer for the host name of the request.")

    def _trusts(self, host: bytes) -> bool:
        name = host.decode("latin-1").lower()
        if not name.endswith("]"):  # of an IPv6 address without a port
            name = name.rpartition(":")[0] or name
        return name in self._names or name.endswith(self._suffixes)
