"""Structured logs: one JSON object a line, or a readable form on a developer's terminal.

Every record takes the same way, whether it comes from structlog, the standard library, uvicorn or SQLAlchemy: it gets
the request's id and trace id, and loses secrets and personal data. Handlers that the application adds itself get
redacted messages and tracebacks too.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import nullcontext
from typing import Any, TextIO

import structlog
from pydantic_core import to_json
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from .context import current_request
from .redaction import redact, redact_text
from .settings import Environment, HardeningSettings

_OURS = frozenset({"timestamp", "level", "logger", "request_id", "trace_id"})
# httpx2 logs the URL of each call, with its query string.
_NOISY = {
    "alembic.runtime.plugins": logging.WARNING,
    "httpx2": logging.WARNING,  # it logs whole URLs
    "uvicorn.access": logging.CRITICAL,
    "watchfiles": logging.WARNING,
}


def configure_logging(settings: HardeningSettings) -> None:
    """Send all logs of this process to standard output, in one form.

    Call it again after code that adds handlers to the root logger.
    """
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and settings.environment is Environment.DEVELOPMENT
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stdout) if console else _JsonHandler(sys.stdout)
    _fast[:] = [handler] if isinstance(handler, _JsonHandler) else []
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "sqlalchemy", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, level in _NOISY.items():
        logging.getLogger(name).setLevel(level)
    logging.setLogRecordFactory(_redacted_record)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def write_event(logger: logging.Logger, level: int, event: str, fields: dict[str, object]) -> None:
    """Log an event that occurs for every request, at a fraction of what a logger's call costs.

    The line is a logger's, but for this: the caller answers for the fields, they are not redacted here, and handlers
    that the application added don't get it.
    """
    if not logger.isEnabledFor(level):
        return
    if _fast:
        _fast[0].write(logger.name, level, event, fields)
    else:
        structlog.stdlib.get_logger(logger.name).log(level, event, **fields)


class _JsonHandler(logging.StreamHandler[TextIO]):
    """Write lines of JSON; `write` makes one without a record, processors and a formatter."""

    _second = 0
    _second_as_text = ""

    def write(self, logger: str, level: int, event: str, fields: dict[str, object]) -> None:
        for name, value in structlog.contextvars.get_contextvars().items():
            fields.setdefault(name, redact(value, name))
        fields["event"] = event
        if request := current_request():
            fields["request_id"] = request.request_id
            fields["trace_id"] = request.trace_id
        fields["level"] = logging.getLevelName(level).lower()
        fields["logger"] = logger
        fields["timestamp"] = self._now()
        text = to_json(fields, fallback=str).decode() + "\n"
        with self.lock or nullcontext():
            try:
                self.stream.write(text)
                self.stream.flush()
            except OSError:
                self.handleError(logging.makeLogRecord({"msg": event}))

    def _now(self) -> str:
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._second_as_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        return f"{self._second_as_text}.{int(now % 1 * 1_000_000):06}Z"


_fast: list[_JsonHandler] = []  # the handler that `write_event` uses; none on a developer's terminal


def _add_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if request := current_request():
        event["request_id"] = request.request_id
        event["trace_id"] = request.trace_id
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's second form of the same message
    return {
        name: value if name in _OURS or name.startswith("_") else redact(value, name) for name, value in event.items()
    }


def _redacted_record(*arguments: Any, **keywords: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **keywords)
    if isinstance(record.msg, dict):  # structlog's own, redacted already
        return record
    try:
        record.msg = redact_text(record.getMessage())
    except (TypeError, ValueError, KeyError):  # wrong arguments for the format: keep the message
        record.msg = redact_text(f"{record.msg} {record.args!r}")
    record.args = None
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = redact_text("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    return record
