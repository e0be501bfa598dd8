"""Rate, errors and duration of requests for Prometheus, and the listener that shows all metrics of this process.

Labels take few values: methods that are standard, route templates and not paths, status codes.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from .access_log import route_template
from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .health import HEALTH_PATHS
from .settings import HardeningSettings

UNMATCHED = "unmatched"  # no route answered, or the framework does not tell which
_DEPLOYED_PORT = 9464  # where OpenTelemetry's Prometheus exporters listen, too
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # RFC 9110 and RFC 5789
_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "How long requests took until their answer was complete",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_ABANDONED = Counter("http_server_abandoned_requests", "Requests whose caller was gone before there was an answer")
_ACTIVE = Gauge("http_server_active_requests", "Requests that are being answered")
_BUILD = Gauge("build_info", "What runs: always 1", ("release", "environment", "python"))


class Metrics:
    """Count and time every request but health checks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._active = 0
        self._series: dict[tuple[str, str, int], Histogram] = {}
        _ACTIVE.set_function(lambda: self._active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._active += 1
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self._active -= 1
            if status:
                self._observe(scope, status, time.perf_counter() - started)
            else:
                _ABANDONED.inc()

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, route_template(scope) or UNMATCHED, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _DURATION.labels(method, key[1], str(status))
        request = current_request()
        sampled = request is not None and request.trace_flags == "01"
        series.observe(seconds, {"trace_id": request.trace_id} if request and sampled else None)


@contextmanager
def metrics_served(settings: HardeningSettings) -> Iterator[None]:
    """Serve /metrics on a port of its own, so that no route to the service leads there.

    Raises SystemExit with a sentence when the port is taken.
    """
    _BUILD.labels(settings.release, settings.environment, platform.python_version()).set(1)
    port = settings.metrics_port
    if port is None:
        port = _DEPLOYED_PORT if settings.deployed else 0
    if port == 0:
        yield
        return
    try:
        server, thread = start_http_server(port, settings.host)
    except OSError as error:
        raise SystemExit(f"Port {port} for /metrics can't be opened ({error.strerror}): set another one.") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
