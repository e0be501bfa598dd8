"""The worker as a process of its own: it does jobs, and answers /livez and /readyz and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from .hardening.asgi_types import ASGIApp
from .hardening.health import Health
from .jobs import find_jobs
from .settings import Settings
from .worker import Worker


def create_worker(settings: Settings) -> ASGIApp:
    """Make the application of the worker's process. It begins to take jobs when its lifespan starts."""
    worker = Worker(settings, find_jobs())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await worker.start()
        yield
        await worker.stop()

    return Health(
        Starlette(lifespan=lifespan),
        checks={"database": worker.check_database, "queue": worker.check_queue},
        timeout_seconds=settings.readiness_timeout_seconds,
    )


app = create_worker(Settings.load())
