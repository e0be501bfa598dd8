"""A key to call the service with on a developer's machine: made at the first start, good for everything."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from .api_keys import DatabaseKeys
from .app import create_app
from .database import Database
from .hardening.api_keys import ApiKeys, new_key
from .hardening.authentication import InvalidCredentialsError
from .hardening.principal import Principal
from .settings import Settings


def offer_key(settings: Settings, file: Path) -> None:
    """Keep in a file, which only this user reads, a key with all scopes of the API, and print a call that uses it.

    It is made anew when it is not valid (another database, another secret) or the API asks for more scopes.
    """
    paths = create_app(settings).openapi()["paths"]
    given = file.read_bytes().strip() if file.is_file() else b""
    key = asyncio.run(_valid_key(settings, given, frozenset(_scopes(paths))))
    if key != given:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writable:
            writable.write(key + b"\n")
    path = next((path for path, operations in paths.items() if "get" in operations and "{" not in path), "/")
    address = f"http://{settings.host}:{settings.port}{path}"
    sys.stdout.write(f'Call it like this:\n  curl --header "X-API-Key: $(cat {file})" {address}\n')


async def _valid_key(settings: Settings, given: bytes, scopes: frozenset[str]) -> bytes:
    database = Database(settings.database)
    keys = DatabaseKeys(database)
    try:
        stored = await ApiKeys(keys, pepper=settings.signing_key).recognise(given)
        enough = scopes <= stored.principal.scopes
    except InvalidCredentialsError:
        enough = False
    if not enough:
        key, stored = new_key(Principal("developer", scopes), None, settings.signing_key)
        await keys.add(stored)
        given = key.encode()
    await database.close()
    return given


def _scopes(paths: dict[str, dict[str, Any]]) -> set[str]:
    ways = [way for path in paths.values() for operation in path.values() for way in operation.get("security", ())]
    return {scope for way in ways for scopes in way.values() for scope in scopes}
