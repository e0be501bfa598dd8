"""A span for each statement of a request that is traced: its text with placeholders, never its values."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from .hardening.context import current_request
from .hardening.tracing import child_span

_SPAN = "statement_span"


def trace_statements(engine: Engine) -> None:
    """Make spans for what this engine executes (OpenTelemetry's conventions for databases)."""
    event.listen(engine, "before_cursor_execute", _begin)
    event.listen(engine, "after_cursor_execute", _end)
    event.listen(engine, "handle_error", _fail)


def _begin(connection: Connection, _cursor: Any, statement: str, *_rest: object) -> None:
    request = current_request()
    if request is not None and request.tracer is not None:
        words = statement.split(maxsplit=1)
        attributes = {"db.system.name": "postgresql", "db.query.text": statement}
        connection.info[_SPAN] = stack = ExitStack()
        stack.enter_context(child_span(words[0].upper() if words else "SQL", attributes))


def _end(connection: Connection, *_rest: object) -> None:
    if stack := connection.info.pop(_SPAN, None):
        stack.close()


def _fail(context: ExceptionContext) -> None:
    error = context.original_exception
    if context.connection is not None and (stack := context.connection.info.pop(_SPAN, None)):
        stack.__exit__(type(error), error, error.__traceback__)
