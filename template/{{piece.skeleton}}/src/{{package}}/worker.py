"""The worker: takes jobs from the queue until it is stopped.

After SIGTERM it takes no more, and what runs gets `shutdown_timeout_seconds` to end; what takes longer goes back into
the queue. While PostgreSQL is away, the worker waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import Schedule, TableChangedEvent, TracebackRecord
from pgqueuer.queries import Queries
from prometheus_client import Gauge

from .database import Database
from .hardening.tracing import Tracer
from .job_queue import PostgresJobQueue
from .job_runner import JobRunner
from .jobs import Job, find_jobs
from .settings import QUEUE_CONNECTIONS, Settings

_QUEUE = Gauge("jobs_in_queue", "Jobs in the queue by state: queued, picked or failed (held)", ["job", "state"])
_STATES = ("queued", "picked", "failed")

_log = structlog.stdlib.get_logger("worker")
_POLL = timedelta(seconds=5)  # a notification that is lost delays a job no longer than this
_AGAIN_SECONDS = 1.0  # until PostgreSQL is tried again
_COUNT_SECONDS = 15.0  # between two looks at the length of the queue


class Worker:
    """Does jobs from `start` to `stop`. `jobs` are the kinds that it knows, by name."""

    def __init__(self, settings: Settings, jobs: Mapping[str, Job]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._database = Database(settings.database)
        self._tracer = Tracer(settings) if settings.otlp_endpoint else None
        self._runner = JobRunner(self._database, settings.jobs, self._tracer)
        self._stopping = asyncio.Event()
        self._queuer: PgQueuer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take jobs. PostgreSQL need not be there yet."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Take no more jobs, and return when none runs."""
        self._stopping.set()
        if self._queuer is not None:
            self._queuer.shutdown.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._settings.shutdown_timeout_seconds)
            self._task.cancel()  # the runner puts back what runs still
            with suppress(asyncio.CancelledError):
                await self._task
        await self._database.close()
        if self._tracer is not None:
            await self._tracer.close()

    async def check_database(self) -> None:
        """Raise an error unless the database answers."""
        await self._database.ping()

    async def check_queue(self) -> None:
        """Raise an error unless jobs are taken from the queue."""
        if self._queuer is None:
            raise ConnectionError("No jobs are taken.")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._take_jobs()
            except Exception as error:  # noqa: BLE001  # whatever ended it, it begins anew
                _log.warning("queue_lost", error=f"{type(error).__name__}: {error}", again_seconds=_AGAIN_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _AGAIN_SECONDS)

    async def _take_jobs(self) -> None:
        database = self._settings.database
        pool = await asyncpg.create_pool(**database.connect_arguments(), min_size=0, max_size=QUEUE_CONNECTIONS)
        queries = _PatientQueries(AsyncpgPoolDriver(pool))
        queuer = PgQueuer(queries.driver, queries=queries)
        for job in self._jobs.values():
            queuer.entrypoint(job.name, on_failure="hold", accepts_context=False)(partial(self._runner.run, job))
            if job.cron is not None:
                queuer.schedule(job.name, job.cron, accepts_context=False)(partial(self._enqueue, job))
        at_once = max(2, min(self._settings.jobs.concurrency, database.connections))
        counting: asyncio.Task[None] | None = None
        try:
            await queuer.qm.verify_structure()
            counting = asyncio.create_task(self._count_queue(queries))
            if not self._stopping.is_set():
                self._queuer = queuer
                _log.info("worker_takes_jobs", jobs=sorted(self._jobs), at_once=at_once)
                await queuer.run(
                    dequeue_timeout=_POLL,
                    batch_size=at_once // 2,
                    max_concurrent_tasks=at_once,
                    shutdown_on_listener_failure=True,
                    heartbeat_timeout=timedelta(seconds=self._settings.jobs.heartbeat_timeout_seconds),
                )
        finally:
            self._queuer = None
            if counting is not None:
                counting.cancel()
            pool.terminate()

    async def _enqueue(self, job: Job, _schedule: Schedule) -> None:
        async with self._database.session() as session:
            # With a key: while one waits, there is no second one.
            await PostgresJobQueue().enqueue(session, job.name, {}, key=f"schedule:{job.name}")
            await session.commit()

    async def _count_queue(self, queries: Queries) -> None:
        while True:
            counts = {(name, state): 0 for name in self._jobs for state in _STATES}
            try:
                for row in await queries.queue_size():
                    place = row.entrypoint, row.status
                    counts[place] = counts.get(place, 0) + row.count
            except Exception as error:  # noqa: BLE001  # the next time, or the queue is found lost elsewhere
                _log.warning("queue_not_counted", error=f"{type(error).__name__}: {error}")
            else:
                for (name, state), count in counts.items():
                    _QUEUE.labels(name, state).set(count)
            await asyncio.sleep(_COUNT_SECONDS)


@dataclass
class _PatientQueries(Queries):
    """PgQueuer's statements, but a job that can't be put back because PostgreSQL is away is not held for that.

    Workers are told of a job that was put back, so that it waits as long as it shall and not until they look again.
    """

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        try:
            await super().retry_job(job, delay, traceback_record)
            channel = self.qbe.settings.channel
            changed = TableChangedEvent(
                channel=channel,
                sent_at=datetime.now(UTC),
                type="table_changed_event",
                operation="update",
                table=self.qbe.settings.queue_table,
            )
            await self.driver.notify(channel, changed.model_dump_json())
        except Exception as error:  # noqa: BLE001  # whatever it is: the job's heartbeat ends, then it is taken up again
            _log.warning("job_left", job=job.entrypoint, job_id=job.id, error=f"{type(error).__name__}: {error}")


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Worker]:
    """Do jobs while the context lasts."""
    worker = Worker(settings, find_jobs())
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()
