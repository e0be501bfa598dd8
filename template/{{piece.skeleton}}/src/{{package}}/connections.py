"""How many connections PostgreSQL has for this service: asked at start, and measured while it runs."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

import asyncpg
from prometheus_client import Counter, Gauge
from sqlalchemy import QueuePool

from .settings import QUEUE_CONNECTIONS, DatabaseSettings

_pools: WeakSet[QueuePool] = WeakSet()

pool_timeouts = Counter("database_pool_timeouts_total", "Requests and jobs for which no connection became free in time")
_SIZE = Gauge("database_pool_connections", "Connections that the pool may have")
_SIZE.set_function(lambda: sum(pool.size() for pool in _pools))
_IN_USE = Gauge("database_pool_connections_in_use", "Connections of the pool that are in use")
_IN_USE.set_function(lambda: sum(pool.checkedout() for pool in _pools))

_LIMIT = """
    select least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true), '0')::int,
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
    )
"""


def measure_pool(pool: QueuePool) -> None:
    """Count a pool in the metrics until it is gone."""
    _pools.add(pool)


def forget_pool(pool: QueuePool) -> None:
    """Count a pool no more."""
    _pools.discard(pool)


def check_connections(settings: DatabaseSettings) -> None:
    """Raise SystemExit with a sentence when all processes together would need more connections than there are.

    Otherwise the last ones would fail under load, when it hurts. While PostgreSQL can't be reached there is no answer:
    the process starts, and readiness says what is wrong.
    """
    try:
        limit = asyncio.run(_limit(settings))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return
    each = settings.connections + QUEUE_CONNECTIONS
    if settings.replicas * each > limit:
        raise SystemExit(
            f"The database allows {limit} connections, but {settings.replicas} processes with up to {each} each need "
            f"{settings.replicas * each}: lower APP_DATABASE__POOL_SIZE or APP_DATABASE__REPLICAS, or raise its "
            "max_connections and APP_DATABASE__MAX_CONNECTIONS."
        )


async def _limit(settings: DatabaseSettings) -> int:
    connection = await asyncpg.connect(**settings.connect_arguments())
    try:
        limit: int = await connection.fetchval(_LIMIT)
    finally:
        await connection.close(timeout=settings.pool_timeout_seconds)
    return limit
