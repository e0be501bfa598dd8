"""API keys: who calls, by a secret that the service gave out and knows only as a keyed hash.

A key is `ak_<id>_<secret><checksum>`. The id finds the stored key; the checksum, keyed like the hash, tells a key that
was made up or mistyped before anything is looked up. Callers send `Authorization: Bearer <key>` or `X-API-Key: <key>`;
with both, X-API-Key counts, so that an application behind the layer can use Authorization for itself.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from .asgi_types import Scope, header
from .authentication import InvalidCredentialsError, bearer_token
from .principal import Principal

_KEY = re.compile(rb"(ak_([0-9a-f]{12})_[0-9a-f]{48})([0-9a-f]{8})")
_FAILURE_SECONDS = 1.0  # a store that failed is not asked again for the same key within this time


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key: enough to recognise it, not enough to make it. Without `expires_at` it never expires."""

    id: str
    digest: bytes
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def expired(self, moment: datetime) -> bool:
        """Tell whether the key is no longer valid at a moment; revoked keys have expired."""
        return self.expires_at is not None and self.expires_at <= moment


class KeyStore(Protocol):
    """Where keys are found."""

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, None when there is none. Raises AuthenticationUnavailableError."""


class KeyBook(KeyStore, Protocol):
    """Where keys are managed: what the command `keys` needs."""

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""

    async def all(self) -> Sequence[StoredKey]:
        """Return every key, the oldest first."""

    async def expire(self, key_id: str, moment: datetime) -> None:
        """Let a key be valid no longer than until a moment."""


def new_key(principal: Principal, expires_at: datetime | None, pepper: bytes) -> tuple[str, StoredKey]:
    """Make a key. Return it, to be shown once, and what is kept of it."""
    key_id = secrets.token_hex(6)
    body = f"ak_{key_id}_{secrets.token_hex(24)}".encode()
    stored = StoredKey(key_id, _digest(body, pepper), principal, datetime.now(UTC), expires_at)
    return (body + _checksum(body, pepper)).decode(), stored


class ApiKeys:
    """The authenticator of callers that have a key. `pepper` is the secret that hashes are made with."""

    challenge = b'Bearer realm="api"'

    def __init__(self, store: KeyStore, *, pepper: bytes) -> None:
        self._store = store
        self._pepper = pepper

    async def authenticate(self, scope: Scope) -> Principal | None:
        """Return whose key a request has, None when it has none."""
        given = header(scope, b"x-api-key") or bearer_token(scope)
        return None if given is None else (await self.recognise(given)).principal

    async def recognise(self, given: bytes) -> StoredKey:
        """Return what is kept of a key. Raises InvalidCredentialsError when it is not valid (any longer)."""
        match = _KEY.fullmatch(given)
        if match is None or not hmac.compare_digest(match[3], _checksum(match[1], self._pepper)):
            raise InvalidCredentialsError("this is no key of ours")
        key_id = match[2].decode()
        stored = await self._store.find(key_id)
        if stored is None or not hmac.compare_digest(stored.digest, _digest(match[1], self._pepper)):
            raise InvalidCredentialsError(f"there is no key {key_id}")
        if stored.expired(datetime.now(UTC)):
            raise InvalidCredentialsError(f"the key {key_id} has expired or is revoked")
        return stored

    async def close(self) -> None:
        """Do nothing: the store belongs to the application."""


class CachedKeys:
    """Remember for a few seconds what a store answered, so that not every request asks it.

    So long a revoked key can still be used. Requests that come at the same time share one question; at most `size` keys
    are remembered.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        seconds: float = 5.0,
        size: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._answers: dict[str, tuple[float, asyncio.Task[StoredKey | None]]] = {}

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, None when there is none."""
        fresh_until, answer = self._answers.get(key_id, (0.0, None))
        if answer is None or self._clock() >= fresh_until:
            answer = self._ask(key_id)
        if answer.done():
            return answer.result()
        return await asyncio.shield(answer)  # who gives up must not take the answer from the others

    def _ask(self, key_id: str) -> asyncio.Task[StoredKey | None]:
        def note_failure(done: asyncio.Task[StoredKey | None]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._answers[key_id] = (self._clock() + _FAILURE_SECONDS, done)

        self._answers.pop(key_id, None)
        if len(self._answers) >= self._size:
            del self._answers[next(iter(self._answers))]  # the oldest answer
        answer = asyncio.create_task(self._find(key_id))
        answer.add_done_callback(note_failure)
        self._answers[key_id] = (self._clock() + self._seconds, answer)
        return answer

    async def _find(self, key_id: str) -> StoredKey | None:
        return await self._store.find(key_id)


def _digest(body: bytes, pepper: bytes) -> bytes:
    return hmac.digest(pepper, b"api key:" + body, "sha256")


def _checksum(body: bytes, pepper: bytes) -> bytes:
    return hmac.digest(pepper, b"checksum of an api key:" + body, "sha256")[:4].hex().encode()
