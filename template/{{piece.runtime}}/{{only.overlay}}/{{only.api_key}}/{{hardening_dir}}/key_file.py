"""API keys in a JSON file, such as a mounted one: no database is needed, and a change needs no restart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from .api_keys import StoredKey
from .authentication import AuthenticationUnavailableError
from .principal import Principal
from .settings import PREFIX, HardeningSettings

_log = structlog.stdlib.get_logger("authentication")
_LOOK_SECONDS = 1.0  # how often the file is looked at


def key_path(settings: HardeningSettings) -> Path:
    """Return where the keys are: in the file that is set, or, in development, in one beside this module."""
    return settings.api_keys_file or Path(__file__).with_name("api-keys.json")


class KeyFile:
    """The keys in a file, read again when it changes. While it can't be read, nobody is let in.

    Raises SystemExit with a sentence when the file can't be read at the start; with `required` it has to be there.
    """

    def __init__(self, path: Path, *, required: bool) -> None:
        self._path = path
        self._required = required
        self._version: tuple[int, ...] | None = None
        self._keys: Mapping[str, StoredKey] | None = None
        self._look_again_at = 0.0
        self.look()
        if self._keys is None:
            raise SystemExit(
                f"The file that {PREFIX}API_KEYS_FILE names can't be read as keys: make it with "
                "`python -m hardening keys create`, or mount it."
            )

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, None when there is none."""
        if time.monotonic() >= self._look_again_at:
            self.look()
        if self._keys is None:
            raise AuthenticationUnavailableError("the file of keys can't be read")
        return self._keys.get(key_id)

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        self._write([*(await self.all()), key])

    async def all(self) -> Sequence[StoredKey]:
        """Return every key, the oldest first."""
        self.look()
        return sorted((self._keys or {}).values(), key=lambda key: key.created_at)

    async def expire(self, key_id: str, moment: datetime) -> None:
        """Let a key be valid no longer than until a moment."""
        self._write(replace(key, expires_at=moment) if key.id == key_id else key for key in await self.all())

    def look(self) -> None:
        """Read the file if it has changed."""
        self._look_again_at = time.monotonic() + _LOOK_SECONDS
        try:
            seen = self._path.stat()
            version: tuple[int, ...] | None = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
            if version != self._version or self._keys is None:
                self._keys = {key.id: key for key in map(_stored, json.loads(self._path.read_bytes())["keys"])}
        except FileNotFoundError:
            version, self._keys = None, None if self._required else {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            if self._keys is not None:
                _log.error("api_keys_file_unreadable", reason=type(error).__name__)
            version, self._keys = None, None
        self._version = version

    def _write(self, keys: Iterable[StoredKey]) -> None:
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            new.write_text(json.dumps({"keys": [_document(key) for key in keys]}, indent=1) + "\n")
            new.chmod(0o644)  # hashes are no secrets, and the service may run as another user
            new.replace(self._path)
        except OSError as error:
            raise SystemExit(f"{self._path} can't be written ({type(error).__name__}).") from error
        self.look()


def _stored(document: Mapping[str, Any]) -> StoredKey:
    return StoredKey(
        str(document["id"]),
        bytes.fromhex(document["digest"]),
        Principal(str(document["principal"]), frozenset(map(str, document["scopes"]))),
        _moment(document["created_at"]),
        _moment(document["expires_at"]) if document.get("expires_at") else None,
    )


def _document(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.id,
        "digest": key.digest.hex(),
        "principal": key.principal.id,
        "scopes": sorted(key.principal.scopes),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return moment
