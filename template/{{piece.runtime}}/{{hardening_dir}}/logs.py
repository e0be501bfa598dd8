"""Structured logs: one JSON object a line, or a readable form on a developer's terminal.

Every record takes the same way, whether it comes from structlog, the standard library, uvicorn or SQLAlchemy: it gets
the request's id and trace id, and loses secrets and personal data. Handlers that the application adds itself get
redacted messages and tracebacks too.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from .redaction import redact, redact_text
from .settings import Environment, HardeningSettings

_OURS = frozenset({"timestamp", "level", "logger", "request_id", "trace_id"})
_NOISY = {"uvicorn.access": logging.CRITICAL, "watchfiles": logging.WARNING}


def configure_logging(settings: HardeningSettings) -> None:
    """Send all logs of this process to standard output, in one form.

    Call it again after code that adds handlers to the root logger.
    """
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and settings.environment is Environment.DEVELOPMENT
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
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
    handler = logging.StreamHandler(sys.stdout)
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
