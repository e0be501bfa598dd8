"""Prototypes of tests/prototypes: how each is set up, served bare and hardened, and asked."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from conftest import ROOT, commit_all, run
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROTOTYPES = sorted(path.parent for path in (ROOT / "tests" / "prototypes").glob("*/requests.json"))
HOST = "service.example"
COMPARED_HEADERS = (
    *("access-control-allow-origin", "allow", "content-disposition", "content-range", "content-type", "location"),
    *("cache-control", "x-currency"),
)


@dataclass(frozen=True)
class Prototype:
    """A prototype's committed copy, and what tests/prototypes says about it."""

    root: Path
    spec: Mapping[str, Any]

    @property
    def import_root(self) -> str:
        """The folder its modules are imported from."""
        return str(self.spec.get("import_root", "."))

    @property
    def layer(self) -> Path:
        """Where the hardening layer is, or will be."""
        return self.root / self.import_root / "hardening"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it needs."""
        return dict(self.spec.get("environment", {}))


def set_up(source: Path, target: Path) -> Prototype:
    """Copy a prototype and commit it."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    spec = json.loads((target / "requests.json").read_text())
    (target / "requests.json").unlink()
    commit_all(target)
    return Prototype(target, spec)


def casehard(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as users do, without a terminal; its exit code is the caller's business."""
    return run(sys.executable, "-m", "casehard", *arguments, cwd=cwd, check=False, **env)


@contextmanager
def served_bare(prototype: Prototype, python: Path, root: Path) -> Iterator[httpx2.Client]:
    """Serve the prototype by itself, in a folder without the layer, as its authors would."""
    entry_point, port = prototype.spec["entry_point"], free_port()
    if "flask" in prototype.root.name:
        command = ["flask", "--app", entry_point, "run", "--port", str(port)]
    else:
        factory = ["--factory"] if entry_point.endswith("()") else []
        command = ["uvicorn", *factory, entry_point.removesuffix("()"), "--port", str(port)]
    with _served([str(python), "-m", *command], root, prototype, port, {}) as client:
        yield client


@contextmanager
def served_hardened(prototype: Prototype, python: Path, **env: str) -> Iterator[httpx2.Client]:
    """Serve the prototype inside its layer."""
    port = free_port()
    settings = {"HARDENING_PORT": str(port), "HARDENING_DRAIN_SECONDS": "0", "HARDENING_LOG_FORMAT": "json", **env}
    with _served([str(python), "-m", "hardening"], prototype.root, prototype, port, settings) as client:
        yield client


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _served(
    command: list[str], cwd: Path, prototype: Prototype, port: int, env: Mapping[str, str]
) -> Iterator[httpx2.Client]:
    log = cwd.parent / f"{cwd.name}-{port}.log"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": prototype.import_root, "PYTHONHASHSEED": "0"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment, **prototype.environment, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_open(server, port, log)
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, headers={"Host": HOST}) as client:
                yield client
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait_until_open(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server stopped by itself:\n{log.read_text()}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server does not listen:\n{log.read_text()}")


Answer = tuple[str, int, dict[str, str], bytes]


def answers(client: httpx2.Client, prototype: Prototype) -> list[Answer]:
    """Make the prototype's requests, one after the other, and return what came back."""
    return [_ask(client, request) for request in prototype.spec["requests"]]


def _ask(client: httpx2.Client, request: Mapping[str, Any]) -> Answer:
    body: dict[str, Any] = {}
    if "json" in request:
        body["json"] = request["json"]
    if "form" in request:
        body["data"] = request["form"]
    if "body" in request:
        body["content"] = request["body"].encode()
    if "chunks" in request:
        body["content"] = iter([chunk.encode() for chunk in request["chunks"]])
    if "upload" in request:
        upload = request["upload"]
        body["files"] = {
            "file": (upload["name"], bytes(n % 251 for n in range(upload["size"])), "application/x-report")
        }
    answer = client.request(request["method"], request["path"], headers=request.get("headers"), **body)
    headers = {name: answer.headers[name] for name in COMPARED_HEADERS if name in answer.headers}
    return f"{request['method']} {request['path']}", answer.status_code, headers, answer.content


def streamed(client: httpx2.Client, stream: Mapping[str, Any]) -> list[str]:
    """Follow a stream, sending each message only after the piece before it has arrived; return the pieces."""
    pieces = []
    with client.stream("GET", stream["path"]) as answer:
        arriving = answer.iter_text()
        pieces.append(next(arriving))
        for message in stream["messages"]:
            assert client.post(stream["publish"], json={"message": message}).json() == {"listeners": 1}
            pieces.append(next(arriving))
        pieces += list(arriving)
    return pieces


def conversation(client: httpx2.Client, websocket: Mapping[str, Any]) -> list[str]:
    """Talk over a websocket; return what came back, how it was closed, and how another was refused."""
    base = f"ws://{client.base_url.host}:{client.base_url.port}"
    heard = []
    with connect(base + websocket["path"], proxy=None) as socket_:
        try:
            for text in websocket["send"]:
                socket_.send(text)
                heard.append(str(socket_.recv(timeout=20)))
        except ConnectionClosed as closed:
            heard.append(f"closed {closed.rcvd and closed.rcvd.code} {closed.rcvd and closed.rcvd.reason}")
    try:
        with connect(base + websocket["refused"], proxy=None):
            heard.append("accepted")
    except InvalidStatus as refused:
        heard.append(f"refused {refused.response.status_code}")
    return heard
