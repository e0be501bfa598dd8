"""What belongs to the request (or job) at hand: its ids, its deadline, who makes it.

One object for each request, in one context variable. Threads and tasks that a request starts see it too.
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .principal import ANONYMOUS, Principal

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class RequestContext:
    """The request at hand.

    `deadline` is a moment of `time.monotonic`, or None when it may take its time. A request that comes without a trace
    begins one; one that comes without an id gets that of its new trace, or, within a trace, one of its own.
    """

    __slots__ = (
        *("authentication_error", "deadline", "parent_id", "principal", "request_id"),
        *("span_id", "trace_flags", "trace_id", "tracer"),
    )

    def __init__(
        self, request_id: str | None = None, trace_id: str | None = None, parent_id: str = "", trace_flags: str = "00"
    ) -> None:
        fresh = "" if request_id and trace_id else os.urandom(16).hex()
        self.request_id = request_id or fresh
        self.trace_id = trace_id or fresh
        self.trace_flags = trace_flags
        self.parent_id = parent_id  # the caller's span
        self.span_id = ""
        self.tracer: Tracer | None = None  # makes spans within this request, when it is traced
        self.deadline: float | None = None
        self.principal: Principal = ANONYMOUS
        self.authentication_error: Exception | None = None  # why the credentials that were given are not believed

    @property
    def traceparent(self) -> str:
        """The request's place in its trace, as other services are told it (W3C Trace Context)."""
        if not self.span_id:
            self.span_id = os.urandom(8).hex()
        return f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}"


_request: ContextVar[RequestContext | None] = ContextVar("request", default=None)
enter_request = _request.set
leave_request = _request.reset


def current_request() -> RequestContext | None:
    """Return the request that is being answered, or None outside of one."""
    return _request.get()


def remaining_seconds() -> float | None:
    """Return how long the request at hand may still take, never below 0; None when nothing limits it."""
    request = _request.get()
    return None if request is None or request.deadline is None else max(0.0, request.deadline - time.monotonic())
