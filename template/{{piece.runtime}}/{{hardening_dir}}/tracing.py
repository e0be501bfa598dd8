"""Traces over OTLP: a span for each request, with the trace's id in the log lines; query strings are never recorded.

Without an endpoint no layer is added and no SDK is loaded. The provider is not made the global one: frameworks that
trace by themselves (FastAPI from 0.142 on) would then make a second span for each request, with its query string.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from .access_log import route_template
from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import RequestContext, current_request
from .health import HEALTH_PATHS
from .redaction import redact_text
from .settings import HardeningSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Tracer:
    """Makes the spans of this process and sends them to `settings.otlp_endpoint`."""

    def __init__(self, settings: HardeningSettings) -> None:
        self._provider = _provider(settings)
        self._tracer = self._provider.get_tracer("hardening")
        self._bound = round(settings.trace_sample_rate * 2**64)

    @contextmanager
    def span(self, request: RequestContext, name: str, kind: SpanKind) -> Iterator[Span | None]:
        """Make a span of a request, or a job; None when it is not sampled. Spans within the context are its children.

        Who began the trace has decided whether it is sampled; a new one is by its id, as every service would decide.
        """
        if request.parent_id:
            sampled = int(request.trace_flags, 16) & TraceFlags.SAMPLED != 0
        else:
            sampled = int(request.trace_id[16:], 16) < self._bound
        if not sampled:
            request.trace_flags = "00"
            yield None
            return
        span = self._tracer.start_span(name, _parent(request), kind)
        request.span_id, request.trace_flags = f"{span.get_span_context().span_id:016x}", "01"
        request.tracer = self._tracer
        token = context.attach(trace.set_span_in_context(span))
        try:
            yield span
        finally:
            context.detach(token)
            span.end()

    async def close(self) -> None:
        """Send what is not sent yet."""
        await asyncio.to_thread(self._provider.shutdown)


class Tracing:
    """Make a span for each request but health checks; what is still unsent at shutdown is sent then.

    Attributes follow OpenTelemetry's conventions for HTTP; neither the query string nor an exception's message is among
    them.
    """

    def __init__(self, app: ASGIApp, *, settings: HardeningSettings) -> None:
        self.app = app
        self._tracer = Tracer(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                await self._tracer.close()
            return
        request = current_request()
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS or request is None:
            await self.app(scope, receive, send)
            return
        with self._tracer.span(request, scope["method"], SpanKind.SERVER) as span:
            if span is None:
                await self.app(scope, receive, send)
                return

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message["status"])
                await send(message)

            await self.app(scope, receive, send_and_note)


@contextmanager
def child_span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Span | None]:
    """Make a span of a call to another system, where the request at hand is traced. A failure is marked, not told."""
    request = current_request()
    if request is None or request.tracer is None:
        yield None
        return
    span = request.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=dict(attributes))
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        context.detach(token)
        span.end()


def traceparent(span: Span) -> str:
    """Return a span's place in its trace, as other services are told it (W3C Trace Context)."""
    own = span.get_span_context()
    return f"00-{own.trace_id:032x}-{own.span_id:016x}-01"


def _parent(request: RequestContext) -> context.Context:
    """Return the caller's span as the context to start in; an empty one when the trace begins here."""
    if not request.parent_id:
        return context.Context()
    sampled = TraceFlags(TraceFlags.SAMPLED)
    remote = SpanContext(int(request.trace_id, 16), int(request.parent_id, 16), is_remote=True, trace_flags=sampled)
    return trace.set_span_in_context(NonRecordingSpan(remote), context.Context())


def _describe(span: Span, scope: Scope, status: int) -> None:
    route = route_template(scope)
    if route:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    span.set_attributes(
        {
            "http.request.method": scope["method"],
            "http.response.status_code": status,
            "url.path": redact_text(scope["path"]),
            "url.scheme": scope.get("scheme", "http"),
        }
    )
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def _provider(settings: HardeningSettings) -> TracerProvider:
    """Send the spans of this process to `settings.otlp_endpoint`, in the background and in batches."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    class RequestIds(RandomIdGenerator):
        """Begin traces under the id that the request's log lines have already."""

        def generate_trace_id(self) -> int:
            request = current_request()
            return int(request.trace_id, 16) if request else super().generate_trace_id()

    resource = Resource.create(
        {
            "service.name": settings.service_name,
            "service.version": settings.release,
            "service.instance.id": f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
            "deployment.environment.name": settings.environment.value,
        }
    )
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, id_generator=RequestIds())  # we sample ourselves
    endpoint = f"{(settings.otlp_endpoint or '').rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return provider
