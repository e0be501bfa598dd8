"""Show what the template gives: make a service from this checkout, serve it, ask it a few things, stop it.

Nothing outside a temporary folder changes. Ends with 1 when an answer is not as promised.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tree import NAME, as_text, draw, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = NAME.replace("-", "_")
WAIT = 60.0  # seconds that a start, a log line or a stop may take
DATABASE = f"""
import sys
from pathlib import Path
from {PACKAGE}.development import embedded_postgresql
print(embedded_postgresql(Path(".postgres").resolve()), flush=True)
sys.stdin.read()
"""


class BrokenPromiseError(Exception):
    """Something that the template promises did not happen; the message says what."""


@dataclass(frozen=True)
class Question:
    """A request, and what its answer has to be."""

    why: str
    method: str
    path: str
    status: int
    body: dict[str, str] | None = None
    known: bool = True  # whether the caller sends a key
    claimed_bytes: int | None = None  # Content-Length of a body that is never sent
    headers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def check(self, status: int, headers: http.client.HTTPMessage, document: Any) -> None:
        """Raise BrokenPromiseError unless the answer is as promised."""
        if status != self.status:
            raise BrokenPromiseError(
                f"{self.method} {self.path} answered {status} instead of {self.status}: {document}"
            )
        if status >= 400 and headers["content-type"] != "application/problem+json":
            raise BrokenPromiseError(
                f"{self.method} {self.path} answered with {headers['content-type']}, no problem details"
            )
        for name in self.headers:
            if name not in headers:
                raise BrokenPromiseError(f"{self.method} {self.path} answered without {name}")
        for name in self.members:
            if name not in document:
                raise BrokenPromiseError(f"{self.method} {self.path} answered without {name!r}: {document}")


QUESTIONS = (
    Question("Is it ready? Its database is asked.", "GET", "/readyz", 200, members=("status", "checks")),
    Question(
        "Create a note",
        "POST",
        "/v1/notes",
        201,
        {"title": "Groceries"},
        headers=("location", "x-content-type-options"),
    ),
    Question("List notes", "GET", "/v1/notes", 200, members=("items",), headers=("ratelimit-remaining",)),
    Question("A path that is not there", "GET", "/v1/nothing", 404, members=("type", "title", "request_id")),
    Question("A note without a title", "POST", "/v1/notes", 422, {"title": ""}, members=("errors", "request_id")),
    Question(
        "Without a key", "GET", "/v1/notes", 401, known=False, headers=("www-authenticate",), members=("request_id",)
    ),
    Question("A body that is too large", "POST", "/v1/notes", 413, claimed_bytes=50_000_000, members=("detail",)),
)


class Output:
    """The lines that a process prints, read while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._arrived = threading.Condition()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            with self._arrived:
                self.lines.append(line.rstrip("\n"))
                self._arrived.notify_all()

    def line_with(self, text: str) -> str:
        """Wait for a line that holds this text. Raises BrokenPromiseError when none comes."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._arrived:
            line = self._arrived.wait_for(found, WAIT)
        if line is None:
            raise BrokenPromiseError(
                "\n".join([f"nothing with {text!r} was logged within {WAIT:g} seconds:", *self.lines])
            )
        return line


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is done, and how long it took."""
    print(f"\n\N{BLACK RIGHT-POINTING TRIANGLE} {title}")
    started = time.perf_counter()
    yield
    print(f"  done in {time.perf_counter() - started:.1f} s")


def shown(*command: str) -> None:
    """Print a command as a user would type it."""
    name, *arguments = command
    print("  $ " + " ".join([Path(name).name, *arguments]))


def shell(*command: str, cwd: Path, env: dict[str, str]) -> str:
    """Run a command, show it, and return what it printed. Raises BrokenPromiseError with that when it fails."""
    shown(*command)
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BrokenPromiseError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def running(
    *command: str, cwd: Path, env: dict[str, str], reads_input: bool = False
) -> Iterator[tuple[subprocess.Popen[str], Output]]:
    """Run a process beside this one. It is ended in any case: by the end of its input, or by SIGTERM."""
    given = subprocess.PIPE if reads_input else subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=cwd, env=env, text=True, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process, Output(process)
    finally:
        if process.stdin:
            process.stdin.close()
        else:
            process.terminate()
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(port: int, question: Question, request_id: str, key: str) -> tuple[int, http.client.HTTPMessage, Any]:
    """Make one request and return status, headers and document."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    body = json.dumps(question.body).encode() if question.body else b""
    connection.putrequest(question.method, question.path)
    connection.putheader("X-Request-ID", request_id)
    if question.known:
        connection.putheader("Authorization", f"Bearer {key}")
    if question.body or question.claimed_bytes:
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(question.claimed_bytes or len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(content) if content else None


def interview(port: int, output: Output, key: str) -> None:
    """Ask every question; show each answer and its line in the log."""
    for number, question in enumerate(QUESTIONS, 1):
        request_id = f"demo-{number}"
        status, headers, document = ask(port, question, request_id, key)
        print(f"\n  {question.why}")
        print(f"    {question.method} {question.path}" + (f" {json.dumps(question.body)}" if question.body else ""))
        headed = ("content-type", "x-request-id", *question.headers)
        print(f"    {status} " + "  ".join(f"{name}: {headers[name]}" for name in headed if name in headers))
        print(f"    {_short(json.dumps(document))}")
        question.check(status, headers, document)
        if headers["x-request-id"] != request_id:
            raise BrokenPromiseError(f"the answer's request id is {headers['x-request-id']} instead of {request_id}")
        if question.path != "/readyz":  # health checks are not logged
            print(f"    log: {_short(output.line_with(request_id))}")


def stop(port: int, process: subprocess.Popen[str], output: Output) -> None:
    """Send SIGTERM; the service says that it is not ready, still answers, and then ends with 0."""
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + WAIT
    while (status := ask(port, QUESTIONS[0], "demo-drain", "")[0]) == 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    print(f"  GET /readyz answers {status}: load balancers turn away")
    if status != 503:
        raise BrokenPromiseError(f"readiness answered {status} instead of 503 after SIGTERM")
    output.line_with("Application shutdown complete")
    code = process.wait(WAIT)
    print("  it finished what it had begun, and ended")
    if code not in {0, -signal.SIGTERM}:
        raise BrokenPromiseError("\n".join([f"the process ended with {code} after SIGTERM:", *output.lines[-20:]]))


def show(project: Path) -> None:
    """Make the service in this folder and go through everything."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV" and not name.startswith("APP_")}
    python = str(project / ".venv" / "bin" / "python")
    with step("Make a service (no --trust, no questions)"):
        shell("copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD", str(ROOT), str(project), cwd=ROOT, env=env)
    made = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    print(f"  {len(made)} files:\n")
    tree = as_text(draw({path: piece for path, piece in pieces_of("new").items() if path in made}))
    print(f"    {NAME}/\n" + "\n".join(f"    {line}" for line in tree.splitlines()))

    with step("Install it"):
        shell("uv", "sync", "--quiet", cwd=project, env=env)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ExitStack() as processes:
        with step("Start a PostgreSQL of its own, migrate, serve"):
            _, database = processes.enter_context(
                running(python, "-c", DATABASE, cwd=project, env=env, reads_input=True)
            )
            env |= {"DATABASE_URL": database.line_with("postgresql://"), "APP_PORT": str(port)}
            env |= {"APP_LOG_FORMAT": "json", "APP_DRAIN_SECONDS": "1"}
            shell(python, "-m", PACKAGE, "migrate", cwd=project, env=env)
            scopes = ("--scopes", "notes:read,notes:write")
            key = shell(python, "-m", PACKAGE, "keys", "create", "demo", *scopes, cwd=project, env=env).strip()
            shown(python, "-m", PACKAGE, "serve")
            serving = running(python, "-m", PACKAGE, "serve", cwd=project, env=env)
            process, output = processes.enter_context(serving)
            output.line_with("Uvicorn running on")
        with step(f"Ask it, on http://127.0.0.1:{port}"):
            interview(port, output, key)
        with step("Stop it with SIGTERM"):
            stop(port, process, output)


def _short(text: str, most: int = 320) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def main() -> None:
    """Run the demo; keep the project where the caller says so."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", metavar="DIR", type=Path, help="make the project in this new folder and keep it")
    keep: Path | None = parser.parse_args().keep
    if keep and keep.exists():
        sys.exit(f"{keep} exists already: name a new folder.")
    started = time.perf_counter()
    scratch = Path(tempfile.mkdtemp(prefix="casehard-demo-"))
    try:
        show(keep.resolve() if keep else scratch / NAME)
    except BrokenPromiseError as error:
        sys.exit(f"\nNot as promised: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\nEverything as promised, in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
