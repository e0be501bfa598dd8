"""Run a request once, however often its caller repeats it (IETF draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from prometheus_client import Counter

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .principal import ANONYMOUS
from .problems import send_problem

_log = structlog.stdlib.get_logger("idempotency")
_requests = Counter(
    "idempotency_requests_total",
    "Requests with an Idempotency-Key by what became of them: executed, replayed, running (409), other_body (422), "
    "not_kept (409), unavailable (503)",
    ("outcome",),
)
_METHODS = frozenset({"POST", "PATCH"})
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_TEMPORARY = frozenset({401, 403, 408, 425, 429})  # nothing was done, and it may well be next time
_MAX_ANSWER = 262_144  # bytes; larger answers are not kept
_NOT_KEPT = b""
_NOT_STORED = frozenset({b"set-cookie"})  # a credential
_MARGIN = 5.0  # seconds by which a claim outlives the time its request may take
_REPLAYED = (b"idempotency-replayed", b"true")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store has of a key that another request claimed: that one's fingerprint, and its answer if it is done."""

    fingerprint: bytes
    answer: bytes | None


class IdempotencyStore(Protocol):
    """Where keys are kept. Methods raise whatever their client library raises when it can't be reached."""

    async def claim(
        self, key: bytes, fingerprint: bytes, claim: bytes, *, running_seconds: float, kept_seconds: float
    ) -> Entry | None:
        """Claim a key, atomically. Return None when it is the caller's now, else what there is of it.

        A claim ends by itself after `running_seconds`, an answer after `kept_seconds`. `claim` (16 bytes) tells claims
        of the same key apart.
        """

    async def complete(self, key: bytes, claim: bytes, answer: bytes, *, kept_seconds: float) -> None:
        """Keep the answer of a claim, unless the key has another claim by now."""

    async def release(self, key: bytes, claim: bytes) -> None:
        """Give a key back, unless it has another claim by now."""


class Idempotency:
    """Answer a repeated POST or PATCH with the answer of the first one that had the same Idempotency-Key.

    A key belongs to one caller, method and path. While its first request runs, others get 409; with another body or
    query, 422. A request that fails (5xx, an error, a cancellation) or is refused for now (401, 403, 408, 425, 429)
    gives its key back. An answer over 256 KiB or a stream is not kept: later requests get 409, because running again
    could do the work twice. GET, PUT and DELETE may be repeated without a key (RFC 9110, 9.2.2): theirs is ignored.

    While the store can't be reached, requests with a key get 503: their callers asked not to be run twice.
    """

    def __init__(
        self, app: ASGIApp, *, store: IdempotencyStore, kept_seconds: float, request_timeout_seconds: float
    ) -> None:
        self.app = app
        self._store = store
        self._kept_seconds = kept_seconds
        self._running_seconds = request_timeout_seconds + _MARGIN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self.app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"idempotency-key"]
        if not given:
            await self.app(scope, receive, send)
            return
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            await send_problem(send, 400, "Idempotency-Key must be one value of 1 to 255 printable ASCII characters.")
            return
        body = await _read(receive)
        if body is None:  # the caller has gone
            return
        key = _digest(*_owner(scope), scope["method"].encode(), scope["path"].encode(), given[0].strip(b'"'))
        fingerprint = _digest(scope.get("query_string", b""), body)
        claim = os.urandom(16)
        try:
            entry = await self._store.claim(
                key, fingerprint, claim, running_seconds=self._running_seconds, kept_seconds=self._kept_seconds
            )
        except Exception as error:  # noqa: BLE001  # whatever a client library raises means the same here
            _log.warning("idempotency_store_failed", reason=type(error).__name__)
            _requests.labels("unavailable").inc()
            detail = "Idempotency keys can't be checked now; try again with the same key."
            await send_problem(send, 503, detail, ((b"retry-after", b"1"),))
            return
        if entry is not None:
            await _answer_again(send, entry, fingerprint)
            return
        _requests.labels("executed").inc()
        await self._execute(
            scope, _replay(body, receive), send, _Recording(self._store, key, claim, self._kept_seconds)
        )

    async def _execute(self, scope: Scope, receive: Receive, send: Send, recording: _Recording) -> None:
        async def send_recorded(message: Message) -> None:
            for released in await recording.take(message):
                await send(released)

        try:
            await self.app(scope, receive, send_recorded)
        finally:
            await recording.end()


class _Recording:
    """Hold an answer until it is whole and kept, so that a caller who has it can repeat its request at once."""

    def __init__(self, store: IdempotencyStore, key: bytes, claim: bytes, kept_seconds: float) -> None:
        self._store = store
        self._key = key
        self._claim = claim
        self._kept_seconds = kept_seconds
        self._held: list[Message] = []
        self._size = 0
        self._settled = False

    async def take(self, message: Message) -> list[Message]:
        """Take a message of the answer and return those that may go out now."""
        if self._settled:
            return [message]
        self._held.append(message)
        start = self._held[0]
        if start["status"] >= 500 or start["status"] in _TEMPORARY:
            await self._settle(self._store.release(self._key, self._claim))
        elif message["type"] == "http.response.start":
            return []
        else:
            self._size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if self._size > _MAX_ANSWER or (more and not _has_length(start)):
                await self._complete(_NOT_KEPT)
            elif not more:
                await self._complete(_encode(self._held))
            else:
                return []
        held, self._held = self._held, []
        return held

    async def end(self) -> None:
        """Give the key back when there was no whole answer."""
        if not self._settled:
            await self._settle(self._store.release(self._key, self._claim))

    async def _complete(self, answer: bytes) -> None:
        await self._settle(self._store.complete(self._key, self._claim, answer, kept_seconds=self._kept_seconds))

    async def _settle(self, last: Coroutine[Any, Any, None]) -> None:
        self._settled = True
        try:
            await asyncio.shield(last)  # a request that is cancelled gives its key back nevertheless
        except Exception as error:  # noqa: BLE001  # the work is done: its answer goes out; the claim ends by itself
            _log.warning("idempotency_store_failed", reason=type(error).__name__)


async def _answer_again(send: Send, entry: Entry, fingerprint: bytes) -> None:
    if entry.fingerprint != fingerprint:
        _requests.labels("other_body").inc()
        await send_problem(send, 422, "This Idempotency-Key was used with another body or query.")
    elif entry.answer is None:
        _requests.labels("running").inc()
        detail = "The first request with this Idempotency-Key is still running."
        await send_problem(send, 409, detail, ((b"retry-after", b"1"),))
    elif entry.answer == _NOT_KEPT:
        _requests.labels("not_kept").inc()
        await send_problem(send, 409, "The request was done, but its answer was too large to be kept, or a stream.")
    else:
        _requests.labels("replayed").inc()
        status, headers, body = _decode(entry.answer)
        await send({"type": "http.response.start", "status": status, "headers": [*headers, _REPLAYED]})
        await send({"type": "http.response.body", "body": body})


def _owner(scope: Scope) -> tuple[bytes, ...]:
    """Return whose a key is: the principal's, or, where the application itself knows its callers, a credential's."""
    request = current_request()
    if request is not None and request.principal is not ANONYMOUS:
        return (b"principal", request.principal.id.encode())
    return (b"anonymous", *(value for name, value in scope["headers"] if name in {b"authorization", b"cookie"}))


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def _read(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, and then what there is."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _has_length(start: Message) -> bool:
    return any(name.lower() == b"content-length" for name, _value in start.get("headers", ()))


def _encode(messages: list[Message]) -> bytes:
    start, *parts = messages
    headers = [
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, value in start.get("headers", ())
        if name.lower() not in _NOT_STORED
    ]
    body = base64.b64encode(b"".join(part.get("body", b"") for part in parts)).decode()
    return json.dumps([start["status"], headers, body]).encode()


def _decode(answer: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, headers, body = json.loads(answer)
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return status, pairs, base64.b64decode(body)
