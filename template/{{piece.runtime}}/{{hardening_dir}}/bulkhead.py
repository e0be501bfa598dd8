"""Bulkhead: one slow dependency may not take every connection and all memory of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge

from .context import remaining_seconds
from .unavailable import BulkheadFullError

_IN_USE = Gauge("dependency_bulkhead_in_use", "Calls to a dependency that are under way", ["dependency"])
_WAITING = Gauge("dependency_bulkhead_waiting", "Calls to a dependency that wait for their turn", ["dependency"])


class Bulkhead:
    """Let `concurrency` calls be under way at a time, and `waiting` others wait up to `max_wait_seconds`.

    Nobody waits longer than the request at hand may still take.
    """

    def __init__(
        self, dependency: str, *, concurrency: int = 50, waiting: int = 50, max_wait_seconds: float = 1.0
    ) -> None:
        self._dependency = dependency
        self._places = asyncio.Semaphore(concurrency)
        self._max_waiting = waiting
        self._max_wait_seconds = max_wait_seconds
        self._waiting = 0
        self._in_use_gauge = _IN_USE.labels(dependency)
        self._waiting_gauge = _WAITING.labels(dependency)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Make one call inside. Raises BulkheadFullError when there is no place for it in time."""
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        self._in_use_gauge.inc()
        try:
            yield
        finally:
            self._in_use_gauge.dec()
            self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._max_waiting:
            raise BulkheadFullError(self._dependency, "has too many calls under way")
        remaining = remaining_seconds()
        limit = self._max_wait_seconds if remaining is None else min(self._max_wait_seconds, remaining)
        self._waiting += 1
        self._waiting_gauge.inc()
        try:
            async with asyncio.timeout(limit):
                await self._places.acquire()
        except TimeoutError:
            raise BulkheadFullError(self._dependency, f"had no place for a call within {limit:g} seconds") from None
        finally:
            self._waiting -= 1
            self._waiting_gauge.dec()
