"""Limit how many requests one caller may make."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from prometheus_client import Counter
from redis.asyncio import Redis

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .principal import ANONYMOUS
from .problems import send_problem
from .rate_limit_counters import Count, LocalCounter, SharedCounter
from .rate_limit_policies import Policy

_requests = Counter(
    "rate_limit_requests_total",
    "Requests by the limit they fall under, and what became of them: allowed, refused (429), or, while Redis is down, "
    "uncounted (let through) and unavailable (503)",
    ("policy", "outcome"),
)


class RateLimit:
    """Answer 429 with Retry-After to a caller who asks too often; say in RateLimit headers what is left.

    A request falls under the first of `policies` that covers it. The last one covers all. The caller is the principal,
    or the address of the connection when there is none; behind a proxy it is the forwarded address if the server trusts
    the proxy (setting `trusted_proxies`). Addresses of IPv6 count by their /64 network, because a caller has one.

    Counts are shared through Redis when there is one. Each policy says what happens while it is down.
    """

    def __init__(self, app: ASGIApp, *, policies: tuple[Policy, ...], redis: Redis | None) -> None:
        self.app = app
        self._limits = tuple(_Limit(policy) for policy in policies)
        self._shared = SharedCounter(redis) if redis is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        policy = limit.policy
        caller = _caller(scope)
        count: Count | None = None
        if self._shared is not None:
            count = await self._shared.hit(policy, caller)
        if count is None:
            if self._shared is None or policy.without_redis == "local":
                count = limit.local.hit(caller)
            elif policy.without_redis == "open":
                limit.uncounted.inc()
                await self.app(scope, receive, send)
                return
            else:
                limit.unavailable.inc()
                retry = (b"retry-after", b"%d" % self._shared.retry_after)
                await _refuse(kind, send, 503, "Limits can't be counted now; try again later.", (retry,))
                return
        state = (
            limit.header,
            (b"ratelimit-remaining", b"%d" % count.remaining),
            (b"ratelimit-reset", b"%d" % count.reset),
        )
        if not count.allowed:
            limit.refused.inc()
            detail = (
                f"At most {policy.amount} requests in {policy.seconds} seconds; try again in {count.reset} seconds."
            )
            await _refuse(kind, send, 429, detail, (*state, (b"retry-after", b"%d" % count.reset)))
            return
        limit.allowed.inc()

        async def send_with_state(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *state]
            await send(message)

        await self.app(scope, receive, send_with_state)

    def _limit_of(self, scope: Scope) -> _Limit:
        limits = self._limits
        if len(limits) > 1:
            method, path = scope.get("method", "GET"), scope["path"]  # the handshake of a WebSocket is a GET
            for limit in limits[:-1]:
                if limit.policy.covers(method, path):
                    return limit
        return limits[-1]


class _Limit:
    """A policy with what is made once for it."""

    __slots__ = ("allowed", "header", "local", "policy", "refused", "unavailable", "uncounted")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.local = LocalCounter(policy)
        self.header = (b"ratelimit-limit", b"%d" % policy.amount)
        self.allowed = _requests.labels(policy.name, "allowed")
        self.refused = _requests.labels(policy.name, "refused")
        self.uncounted = _requests.labels(policy.name, "uncounted")
        self.unavailable = _requests.labels(policy.name, "unavailable")


def _caller(scope: Scope) -> str:
    request = current_request()
    if request is not None and request.principal is not ANONYMOUS:
        return f"principal:{request.principal.id}"
    client = scope.get("client")
    return _network(client[0]) if client else "unknown"


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))


async def _refuse(kind: str, send: Send, status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    if kind == "websocket":  # closed before it is accepted: the server answers the handshake with 403
        await send({"type": "websocket.close", "code": 1008 if status == 429 else 1013})
    else:
        await send_problem(send, status, detail, headers)
