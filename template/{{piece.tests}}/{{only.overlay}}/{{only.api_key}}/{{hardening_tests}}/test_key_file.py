"""API keys in a file: the command writes it, the service reads it again when it changes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from hardening.authentication import AuthenticationUnavailableError
from hardening.key_file import KeyFile
from hardening.settings import HardeningSettings

from .process import Process

STAND_INS = {name: os.environ.get(name, "stand-in-for-tests") for name in HardeningSettings.application_variables}
SECRET = "kX9mQ2vL7w-pZ4tR8sN1c-hJ6bD3fG5a"  # pragma: allowlist secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the keys of one test are."""
    return tmp_path / "keys.json"


def environment_for(file: Path) -> dict[str, str]:
    """Return the settings of the service and of the command."""
    return {"HARDENING_API_KEYS_FILE": str(file), "HARDENING_SECRET_KEY": SECRET, **STAND_INS}


def keys(file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command `keys`."""
    command = [sys.executable, "-m", "hardening", "keys", *words]
    environment = {**os.environ, **environment_for(file)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def status(service: Process, key: str) -> int:
    """Ask with a key."""
    return httpx2.get(f"{service.url}/no/such/path", headers={"X-API-Key": key}).status_code


def wait_until(service: Process, key: str, wanted: int) -> None:
    """Ask until the answer has this status: the file is looked at each second."""
    patience = time.monotonic() + 30
    while (seen := status(service, key)) != wanted and time.monotonic() < patience:
        time.sleep(0.1)
    assert seen == wanted


def test_a_key_lives_and_ends_while_the_service_runs(file: Path) -> None:
    first = keys(file, "create", "alice", "--scopes", "read").stdout.strip()
    assert first.split("_")[2] not in file.read_text()
    with Process("-m", "hardening", **environment_for(file)) as service:
        served = status(service, first)  # what the prototype itself answers
        assert served not in {401, 503}
        second = keys(file, "create", "bob").stdout.strip()
        wait_until(service, second, served)
        assert keys(file, "revoke", first.split("_")[1]).returncode == 0
        wait_until(service, first, 401)
        assert status(service, second) == served
        good = file.read_text()
        file.write_text("{")
        wait_until(service, second, 503)
        file.write_text(good)
        wait_until(service, second, served)
        service.wait_for_event("api_keys_file_unreadable")


def test_it_does_not_start_with_a_file_that_is_no_file_of_keys(file: Path) -> None:
    file.write_text("[]")
    with pytest.raises(SystemExit, match="HARDENING_API_KEYS_FILE names can't be read as keys"):
        KeyFile(file, required=False)
    with pytest.raises(SystemExit, match="HARDENING_API_KEYS_FILE names can't be read as keys"):
        KeyFile(file.with_name("missing"), required=True)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"id": "x"},
        {"id": "x", "digest": "not hex", "principal": "a", "scopes": [], "created_at": "2026-01-01T00:00:00+00:00"},
        {"id": "x", "digest": "00", "principal": "a", "scopes": 7, "created_at": "2026-01-01T00:00:00+00:00"},
        {"id": "x", "digest": "00", "principal": "a", "scopes": [], "created_at": "2026-01-01T00:00:00"},
    ],
)
def test_what_can_not_be_a_key_spoils_the_file(file: Path, key: dict[str, object]) -> None:
    file.write_text(json.dumps({"keys": [key]}))
    with pytest.raises(SystemExit):
        KeyFile(file, required=True)


def test_a_required_file_that_goes_away_lets_nobody_in(file: Path) -> None:
    keys(file, "create", "alice")
    book = KeyFile(file, required=True)
    file.unlink()
    book.look()
    with pytest.raises(AuthenticationUnavailableError):
        asyncio.run(book.find("000000000000"))


def test_without_a_file_a_developer_has_no_keys(file: Path) -> None:
    assert asyncio.run(KeyFile(file, required=False).all()) == []


def test_production_needs_a_file_and_a_secret() -> None:
    environment = {**os.environ, **STAND_INS, "HARDENING_ENVIRONMENT": "production"}
    start = [sys.executable, "-m", "hardening"]
    done = subprocess.run(start, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "HARDENING_API_KEYS_FILE is missing; production needs it." in done.stderr
    assert "HARDENING_SECRET_KEY is missing; production needs it." in done.stderr
