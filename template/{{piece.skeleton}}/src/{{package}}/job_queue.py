"""The queue in PostgreSQL, kept by PgQueuer (https://pgqueuer.readthedocs.io): it needs no other server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from pgqueuer.queries import Queries
from sqlalchemy import BigInteger
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from .database import Base
from .hardening.context import current_request
from .jobs import require_job

if TYPE_CHECKING:
    from pgqueuer.ports.driver import Driver


class JobStart(Base):
    """How often a job has been started: PgQueuer counts failures, but not the times that a worker died of the job."""

    __tablename__ = "job_starts"

    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    starts: Mapped[int]


class PostgresJobQueue:
    """A `JobQueue` whose jobs are rows: they come into being with the data they are about, or not at all.

    Each job carries the id and the trace context of the request that asked for it.
    """

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        payload: Mapping[str, Any],
        *,
        key: str | None = None,
        delay: timedelta | None = None,
    ) -> bool:
        """Put a job in the queue within the session's transaction, see `JobQueue`."""
        require_job(name)
        request = current_request()
        headers = {"request_id": request.request_id, "traceparent": request.traceparent} if request else {}
        [job_id] = await Queries(cast("Driver", _SessionDriver(session))).enqueue(
            name,
            json.dumps(dict(payload)).encode(),
            execute_after=delay,
            dedupe_key=key,
            headers=headers,
            on_conflict="skip",
        )
        return job_id is not None


class _SessionDriver:
    """PgQueuer's statements within a session's transaction. Of a driver, enqueueing uses `fetch` and nothing else."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()]
