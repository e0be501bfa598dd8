"""The connections to Redis that the layers share."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from .asgi_types import ASGIApp, Message, Receive, Scope, Send

TIMEOUT = 0.25  # seconds: Redis is near, or it is of no use
_MAX_CONNECTIONS = 50


def redis_client(url: str) -> Redis:
    """Return a client that gives up soon. A connection that was cut since it was last used is replaced once."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_MAX_CONNECTIONS,
        timeout=TIMEOUT,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis(connection_pool=pool)


class RedisConnections:
    """Close the connections when the process ends."""

    def __init__(self, app: ASGIApp, *, redis: Redis) -> None:
        self.app = app
        self._redis = redis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_when_closed(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._redis.connection_pool.aclose()
            await send(message)

        await self.app(scope, receive, send_when_closed)
