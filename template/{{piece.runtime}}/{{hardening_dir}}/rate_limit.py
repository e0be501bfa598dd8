"""Limit how many requests one client address may make."""

from __future__ import annotations

import math
import time
from typing import Any

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .problems import send_problem

_log = structlog.stdlib.get_logger("rate_limit")
_REDIS_TIMEOUT = 0.25  # seconds
_RETRY_REDIS_AFTER = 5.0  # seconds


class RateLimit:
    """Answer 429 with Retry-After to an address that asks too often; say in RateLimit headers what is left.

    The count is shared through Redis when a URL is given. While Redis does not answer, each process counts for itself,
    and Redis is asked again only every few seconds, so that requests don't wait for it. The address is that of the
    connection; behind a proxy it is the forwarded one if the server trusts the proxy (setting `trusted_proxies`).
    """

    def __init__(self, app: ASGIApp, *, limit: str, redis_url: str | None) -> None:
        self.app = app
        self._limit: RateLimitItem = parse(limit)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._shared_again_at = 0.0
        self._pool: ConnectionPool | None = None
        if redis_url:
            self._pool = ConnectionPool.from_url(
                redis_url, socket_timeout=_REDIS_TIMEOUT, socket_connect_timeout=_REDIS_TIMEOUT
            )
            options: dict[str, Any] = {"implementation": "redispy", "connection_pool": self._pool}
            storage = RedisStorage(f"async+{redis_url}", **options)
            self._shared = SlidingWindowCounterRateLimiter(storage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            if scope["type"] == "lifespan" and self._pool is not None:  # the process is about to end
                await self._pool.aclose()
            return
        address = scope["client"][0] if scope.get("client") else "unknown"
        allowed, remaining, reset = await self._hit(address)
        state = (
            (b"ratelimit-limit", str(self._limit.amount).encode()),
            (b"ratelimit-remaining", str(remaining).encode()),
            (b"ratelimit-reset", str(reset).encode()),
        )
        if not allowed:
            retry = (b"retry-after", str(reset).encode())
            await send_problem(send, 429, f"At most {self._limit}; try again in {reset} seconds.", (*state, retry))
            return

        async def send_with_state(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *state]
            await send(message)

        await self.app(scope, receive, send_with_state)

    async def _hit(self, address: str) -> tuple[bool, int, int]:
        if self._shared is not None and time.monotonic() >= self._shared_again_at:
            try:
                return await self._count(self._shared, address)
            except (RedisError, OSError) as error:
                self._shared_again_at = time.monotonic() + _RETRY_REDIS_AFTER
                _log.warning("rate_limit_counts_locally", reason=type(error).__name__, seconds=_RETRY_REDIS_AFTER)
        return await self._count(self._local, address)

    async def _count(self, limiter: SlidingWindowCounterRateLimiter, address: str) -> tuple[bool, int, int]:
        allowed = await limiter.hit(self._limit, "address", address)
        window = await limiter.get_window_stats(self._limit, "address", address)
        return allowed, max(0, window.remaining), max(1, math.ceil(window.reset_time - time.time()))
