"""Jobs: what is done after the answer, by a worker, from a queue in the same database as the data.

A job is delivered at least once: it runs again when its worker dies, and so must be safe to repeat. docs/jobs.md of
Casehard's guide says how to write one.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from . import resources
from .database import Database

Handler = Callable[[Database, dict[str, Any]], Awaitable[None]]
"""What does a job, with the payload. It opens sessions where it needs them, and so holds no connection while it waits
for anything else."""


class JobQueue(Protocol):
    """Where jobs are put. Another queue takes PostgreSQL's place by keeping this promise."""

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        payload: Mapping[str, Any],
        *,
        key: str | None = None,
        delay: timedelta | None = None,
    ) -> bool:
        """Put a job in the queue within the session's transaction: it is there once that commits, and else never was.

        `payload` is what JSON can hold. A job whose `key` is that of one that waits or runs is not added, and the
        answer is False. With `delay` it starts no sooner than that. Raises LookupError when no job has the name.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job. `cron` (five fields, UTC) is when the workers put one of them in the queue by themselves."""

    name: str
    handler: Handler
    cron: str | None = None


_jobs: dict[str, Job] = {}


def job(name: str, *, cron: str | None = None) -> Callable[[Handler], Handler]:
    """Register a function as the handler of the jobs of this name."""

    def register(handler: Handler) -> Handler:
        if name in _jobs:
            raise ValueError(f"There are two jobs with the name {name}.")
        _jobs[name] = Job(name, handler, cron)
        return handler

    return register


def find_jobs() -> Mapping[str, Job]:
    """Import the modules that register jobs, `jobs.py` of each resource that has one, and return all by name."""
    from . import housekeeping  # noqa: F401  # its jobs register themselves

    for resource in pkgutil.iter_modules(resources.__path__):
        module = f"{resources.__name__}.{resource.name}.jobs"
        if importlib.util.find_spec(module):
            importlib.import_module(module)
    return MappingProxyType(_jobs)


def require_job(name: str) -> Job:
    """Return a job by its name. Raises LookupError when there is none: no worker would ever do it."""
    try:
        return _jobs[name]
    except KeyError:
        raise LookupError(f"There is no job with the name {name}.") from None


async def _queue(request: Request) -> JobQueue:
    queue: JobQueue = request.app.state.jobs
    return queue


Jobs = Annotated[JobQueue, Depends(_queue)]
"""A parameter of a route that puts jobs in the queue."""
