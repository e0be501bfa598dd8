"""Errors as problem details (RFC 9457): one form for every caller, with the request's id and without internals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .request_id import current_request_id
from .unavailable import DependencyUnavailableError

_log = structlog.stdlib.get_logger("problems")
_MAX_BODY = 65_536  # bytes of an error answer that are read to find its reason
_UNEXPECTED = "The request failed for a reason of ours; quote the request id to us."
_UNAVAILABLE = "Something that this service needs can't be used at the moment; try again in {} seconds."
_REPLACED = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"etag", b"last-modified"}
)
CONTENT_TYPE = b"application/problem+json"


def problem_document(status: int, detail: str | None = None, **members: Any) -> bytes:
    """Return problem details as JSON. `members` become extension members of the document."""
    problem = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        **({"detail": detail} if detail else {}),
        "request_id": current_request_id(),
        **members,
    }
    return json.dumps(problem, ensure_ascii=False).encode()


async def send_problem(
    send: Send, status: int, detail: str | None = None, headers: Iterable[tuple[bytes, bytes]] = (), **members: Any
) -> None:
    """Answer with problem details."""
    body = problem_document(status, detail, **members)
    fixed = [
        (b"content-type", CONTENT_TYPE),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


class Problems:
    """Turn error answers into problem details.

    An exception that nobody caught is logged with its traceback and answered with 500; so is a 500 page that a
    framework made (HTML or plain text), because such pages may show internals. With `rewrite` every other error answer
    of the application becomes problem details too, its reason kept; without, the application's own error answers stay.
    Where the exception means that a dependency can't be used now, the answer is 503 with Retry-After.
    """

    def __init__(self, app: ASGIApp, *, rewrite: bool) -> None:
        self.app = app
        self._rewrite = rewrite

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None  # the start of an error answer
        body = b""
        started = False

        async def hold_errors(message: Message) -> None:
            nonlocal held, body, started
            if message["type"] == "http.response.start" and self._replaces(message):
                held = message
            elif held is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")[: _MAX_BODY - len(body)]
            else:
                started = True
                await send(message)

        try:
            await self.app(scope, receive, hold_errors)
        except DependencyUnavailableError as error:
            _log.warning("dependency_unavailable", dependency=error.dependency, reason=str(error))
            if started:
                raise
            wait = max(1, math.ceil(error.retry_after))
            await send_problem(send, 503, _UNAVAILABLE.format(wait), ((b"retry-after", str(wait).encode()),))
            return
        except Exception:  # the last resort: whatever it was, the caller gets an answer and we get a traceback
            _log.exception("unhandled_exception", method=scope["method"])
            if started:
                raise  # too late for an answer: let the server cut the connection, so that the caller sees it is broken
            await send_problem(send, 500, _UNEXPECTED)
            return
        if held is not None:
            await self._send_instead(send, held, body)

    def _replaces(self, start: Message) -> bool:
        status = start["status"]
        if status < 400:
            return False
        kind = next((value for name, value in start.get("headers", ()) if name.lower() == b"content-type"), b"")
        if kind.startswith(CONTENT_TYPE):
            return False
        return self._rewrite or (status == 500 and kind.startswith((b"text/html", b"text/plain")))

    @staticmethod
    async def _send_instead(send: Send, start: Message, body: bytes) -> None:
        kept = [(name, value) for name, value in start.get("headers", ()) if name.lower() not in _REPLACED]
        if start["status"] >= 500:
            await send_problem(send, start["status"], _UNEXPECTED if start["status"] == 500 else None, kept)
            return
        try:
            reason = json.loads(body)["detail"]
        except (ValueError, KeyError, TypeError):
            reason = None
        if isinstance(reason, str) and reason != _title(start["status"]):
            await send_problem(send, start["status"], reason, kept)
        elif isinstance(reason, list):
            faults = [_fault(item) for item in reason]
            await send_problem(send, start["status"], "The request is not valid.", kept, errors=faults)
        else:
            await send_problem(send, start["status"], headers=kept)


def _fault(item: Any) -> Any:
    """Keep where a value is wrong and why; leave out the value itself, which may be a secret."""
    if isinstance(item, dict) and "loc" in item and "msg" in item:
        return {"location": item["loc"], "message": item["msg"]}
    return {"message": str(item)}


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
