"""What the workers clean up by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from .database import Database
from .idempotency import PostgresIdempotency
from .jobs import job

_KEPT = timedelta(days=30)  # of the queue's log: what ran when, and why it failed
_PURGE = (
    "delete from pgqueuer_log where created < :before",
    "delete from pgqueuer_statistics where created < :before",
    "delete from job_starts where not exists (select from pgqueuer where id = job_id)",
)


@job("housekeeping.purge_idempotency_keys", cron="7 * * * *")
async def purge_idempotency_keys(database: Database, _payload: dict[str, Any]) -> None:
    """Delete idempotency keys that have expired, in portions that lock little."""
    while await PostgresIdempotency(database).purge():
        pass


@job("housekeeping.purge_job_log", cron="37 3 * * *")
async def purge_job_log(database: Database, _payload: dict[str, Any]) -> None:
    """Delete what the queue remembers of jobs that ended long ago."""
    before = datetime.now(UTC) - _KEPT
    async with database.session() as session:
        for statement in _PURGE:
            await session.execute(text(statement), {"before": before} if ":before" in statement else {})
        await session.commit()
