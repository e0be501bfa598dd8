"""One run of a job: counted before it starts, bounded in time, logged and measured, and never lost."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import nullcontext, suppress
from datetime import timedelta

import structlog
from opentelemetry.trace import SpanKind
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from .database import Database, DatabaseUnavailableError
from .hardening.context import RequestContext, enter_request
from .hardening.tracing import Tracer
from .job_queue import JobStart
from .jobs import Job
from .settings import JobSettings

_RUNS = Counter("job_runs_total", "Runs of jobs by outcome: done, retried, held or interrupted", ["job", "outcome"])
_DURATION = Histogram("job_duration_seconds", "How long runs of jobs took", ["job"])
_RUNNING = Gauge("jobs_running", "Jobs that this process does now")

_MAX_RETRY_SECONDS = 600.0
_log = structlog.stdlib.get_logger("jobs")


class AttemptsUsedUpError(Exception):
    """A job was started as often as it may, and its workers ended before it did."""


class JobRunner:
    """Runs jobs, each in its own task. A job that fails goes back into the queue, and after `max_attempts` is held.

    A start is counted before the job runs. So a job that ends its worker, by its memory for example, is held as well.
    """

    def __init__(self, database: Database, settings: JobSettings, tracer: Tracer | None = None) -> None:
        self._database = database
        self._tracer = tracer
        self._settings = settings

    async def run(self, job: Job, queued: QueuedJob) -> None:
        """Do a job. Raises RetryRequested when it shall be done again, and another error when it is to be held."""
        request = self._context(queued)
        enter_request(request)  # for good: the task is the job's own, and what ends it is logged with it
        started = time.perf_counter()
        attempt, outcome, delay = 0, "done", 0.0
        failure: BaseException | None = None
        try:
            with _RUNNING.track_inprogress():
                attempt = await self._count_start(queued.id)
                if attempt > self._settings.max_attempts:
                    raise AttemptsUsedUpError(f"It was started {attempt - 1} times and did not end.")
                with self._tracer.span(request, job.name, SpanKind.CONSUMER) if self._tracer else nullcontext():
                    await self._handle(job, queued)
        except asyncio.CancelledError as error:  # the worker ends; PgQueuer would take it for the wish to drop the job
            outcome, failure = "interrupted", error
        except Exception as error:  # noqa: BLE001  # every failure of a job is treated alike
            failure = error
            outcome = "held" if attempt >= self._settings.max_attempts else "retried"
            delay = self._delay(attempt)
        seconds = time.perf_counter() - started
        _DURATION.labels(job.name).observe(seconds)
        _RUNS.labels(job.name, outcome).inc()
        reason = {"error": f"{type(failure).__name__}: {failure}".partition("\n")[0]} if failure else {}
        level = {"done": "info", "held": "error"}.get(outcome, "warning")
        getattr(_log, level)(
            f"job_{outcome}",
            job=job.name,
            attempt=attempt,
            duration_ms=round(seconds * 1000, 2),
            requested_by=(queued.headers or {}).get("request_id"),
            **reason,
        )
        if outcome in {"held", "interrupted"}:
            await self._take_back_starts(queued.id, attempt if outcome == "held" else 1)
        if outcome == "held" and failure is not None:
            raise failure
        if failure is not None:
            raise RetryRequested(timedelta(seconds=delay), reason["error"]) from failure

    async def _handle(self, job: Job, queued: QueuedJob) -> None:
        async with asyncio.timeout(self._settings.timeout_seconds):
            await job.handler(self._database, json.loads(queued.payload or b"{}"))

    def _context(self, queued: QueuedJob) -> RequestContext:
        request_id = f"job-{queued.id}"
        match str((queued.headers or {}).get("traceparent")).split("-"):
            case [_, trace_id, parent_id, flags]:
                request = RequestContext(request_id, trace_id, parent_id, flags)
            case _:
                request = RequestContext(request_id)
        request.deadline = time.monotonic() + self._settings.timeout_seconds
        return request

    def _delay(self, attempt: int) -> float:
        """Return seconds until the next attempt: twice as long each time, and not the same for all that failed."""
        longest = min(self._settings.retry_seconds * 2.0 ** max(0, attempt - 1), _MAX_RETRY_SECONDS)
        return longest * random.uniform(0.5, 1)  # noqa: S311  # no secret

    async def _count_start(self, job_id: int) -> int:
        start = insert(JobStart).values(job_id=job_id, starts=1)
        start = start.on_conflict_do_update(index_elements=[JobStart.job_id], set_={"starts": JobStart.starts + 1})
        async with self._database.session() as session:
            starts = (await session.execute(start.returning(JobStart.starts))).scalar_one()
            await session.commit()
        return starts

    async def _take_back_starts(self, job_id: int, count: int) -> None:
        """Forget starts: one that was interrupted is not the job's fault, and one that is put back has all attempts."""
        change = update(JobStart).where(JobStart.job_id == job_id).values(starts=JobStart.starts - count)
        with suppress(DatabaseUnavailableError):  # then they count, which is safe
            async with self._database.session() as session:
                await session.execute(change)
                await session.commit()
