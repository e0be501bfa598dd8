"""The container engine that the image tests use, and only one test at a time.

It is `docker`, or the command in CASEHARD_DOCKER: a stand-in that knows `build`, `run` and `compose` as docker does,
passes everything else on after the word `docker`, and runs containers on the host's network.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_COMMAND = shlex.split(os.environ.get("CASEHARD_DOCKER") or "docker")
_PLAIN = Path(_COMMAND[0]).name == "docker"
_HERE = Path(__file__).parent


def docker(
    *arguments: str | Path, cwd: Path = _HERE, check: bool = True, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a docker command."""
    direct = _PLAIN or arguments[0] in {"build", "run", "compose"}
    return run(*_COMMAND, *(() if direct else ("docker",)), *arguments, cwd=cwd, check=check, **env)


@contextmanager
def engine(*ports: int) -> Iterator[None]:
    """Hold the engine while the block runs; skip when none answers or a port is taken that the containers need."""
    if not shutil.which(_COMMAND[0]):
        pytest.skip(f"no container engine: there is no {_COMMAND[0]}")
    with (Path(tempfile.gettempdir()) / "casehard-tests-engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = docker("info", check=False)
        if answer.returncode:
            reason = answer.stderr.strip().splitlines() or ["`docker info` failed"]
            pytest.skip(f"no container engine answers: {reason[-1]}")
        taken = [port for port in ports if _answers(port)]
        if taken:
            pytest.skip(f"the containers need port {taken[0]}, which is in use")
        yield


def published(*own: int, inner: tuple[int, ...]) -> tuple[int, ...]:
    """The host's ports that containers take: all of them where they share the host's network."""
    return own if _PLAIN else (*own, *inner)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
