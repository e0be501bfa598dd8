"""What the hardening layer costs while it serves, beside bare FastAPI: one worker, one machine, one run, one route.

`make bench` prints the tables of docs/benchmarks.md. Ratios compare medians of interleaved rounds, so that whatever
else the machine does falls on all alike. It needs wrk (`apt install wrk`, `brew install wrk`) and, for one row, Redis.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import copier
import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "bench_service"
PATH = "/items/7"
WAIT = 60.0  # seconds until a server that does not answer counts as broken
CONNECTIONS = 32
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS", "4"))

CORE = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{number}")
async def item(number: int) -> dict[str, int]:
    return {"number": number}
"""
HARDENED = f"""
from core import app as core
from {PACKAGE}.hardening.logs import configure_logging
from {PACKAGE}.hardening.settings import HardeningSettings
from {PACKAGE}.hardening.stack import Parts, harden
from parts import parts

settings = HardeningSettings.load()
configure_logging(settings)
app = harden(core, settings, parts(settings))

if __name__ == "__main__":
    from {PACKAGE}.hardening.server import serve

    serve("hardened:app", settings)
"""
NO_AUTHENTICATION = f"""
from {PACKAGE}.hardening.stack import Parts


def parts(settings):
    return Parts()
"""
WITH_KEY = f"""
from pathlib import Path

from {PACKAGE}.hardening.api_keys import ApiKeys, CachedKeys, new_key
from {PACKAGE}.hardening.principal import Principal
from {PACKAGE}.hardening.stack import Parts


class OneKey:
    def __init__(self, key):
        self.key = key

    async def find(self, key_id):
        return self.key


def parts(settings):
    key, stored = new_key(Principal("caller"), None, settings.signing_key)
    Path("credentials").write_text(key)
    return Parts(authenticator=ApiKeys(CachedKeys(OneKey(stored)), pepper=settings.signing_key))
"""
WITH_TOKEN = f"""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import RSAKey
from {PACKAGE}.hardening.oidc import AccessTokens
from {PACKAGE}.hardening.stack import Parts

KEY = RSAKey.generate_key(2048, {{"kid": "one", "use": "sig"}})


class Issuer(BaseHTTPRequestHandler):
    def do_GET(self):
        url = f"http://127.0.0.1:{{self.server.server_port}}"
        document = {{"issuer": url, "jwks_uri": url + "/keys", "keys": [KEY.as_dict(private=False)]}}
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def parts(settings):
    server = HTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{{server.server_port}}"
    claims = {{"iss": url, "aud": "bench", "sub": "caller", "exp": int(time.time()) + 3600}}
    token = jwt.encode({{"alg": "RS256", "kid": "one", "typ": "at+jwt"}}, claims, KEY)
    Path("credentials").write_text(token)
    settings = settings.model_copy(update={{"oidc_issuer": url, "oidc_audience": "bench"}})
    return Parts(authenticator=AccessTokens(settings))
"""
# Every layer added to the core by itself, in one process without sockets: CPU time for each request.
LAYERS = f"""
import asyncio
import json
import sys
import time

import uvloop
from core import app as core
from {PACKAGE}.hardening import stack
from {PACKAGE}.hardening.logs import configure_logging
from {PACKAGE}.hardening.settings import HardeningSettings

ROUNDS, REQUESTS = 30, 1000
settings = HardeningSettings.load()
configure_logging(settings)
HEADERS = [(b"host", b"127.0.0.1"), (b"user-agent", b"bench"), (b"accept", b"*/*")]


def scope():
    return {{
        "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "{PATH}", "raw_path": b"{PATH}", "root_path": "", "query_string": b"", "headers": list(HEADERS),
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {{}},
    }}


async def receive():
    return {{"type": "http.request", "body": b"", "more_body": False}}


async def send(message):
    pass


async def cost(app):
    started = time.process_time()
    for _ in range(REQUESTS):
        await app(scope(), receive, send)
    return (time.process_time() - started) / REQUESTS * 1e6


async def main():
    layers = []

    def keep(found):
        layers[:] = [layer for layer in found if layer is not None]
        return reversed(found)

    stack.reversed = keep
    stack.harden(core, settings)
    apps = {{"bare FastAPI": core}}
    app = core
    for layer in reversed(layers):
        app = layer(app)
        apps[getattr(layer, "func", layer).__name__] = app
    best = dict.fromkeys(apps, 1e9)
    for _ in range(ROUNDS):
        for name, app in apps.items():
            best[name] = min(best[name], await cost(app))
    print(json.dumps(best), file=sys.stderr)


uvloop.run(main())
"""


@dataclass
class Server:
    """A way to serve the route: what is started, and what its callers send."""

    label: str
    python: Path
    folder: Path
    program: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    authenticated: bool = False
    rates: list[float] = field(default_factory=list)  # requests a second, one a round
    p99s: list[float] = field(default_factory=list)  # milliseconds
    starts: list[float] = field(default_factory=list)  # seconds until the first answer
    memory: float = 0  # MiB resident after the load

    @property
    def rate(self) -> float:
        """Median of requests a second."""
        return statistics.median(self.rates)

    @property
    def p99(self) -> float:
        """Median of the rounds' 99th percentiles, in milliseconds."""
        return statistics.median(self.p99s)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def say(text: str) -> None:
    """Show progress."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def running(server: Server) -> Iterator[tuple[str, list[str]]]:
    """Start a server, wait for its first answer, give its URL and the headers that callers need, and stop it."""
    port = free_port()
    arguments = [part.replace("{port}", str(port)) for part in server.program]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "REDIS_", "OTEL_"))}
    environment = {**clean, "APP_PORT": str(port), "APP_DRAIN_SECONDS": "0", **server.environment}
    url = f"http://127.0.0.1:{port}{PATH}"
    log = server.folder / "log"
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [server.python, *arguments], cwd=server.folder, env=environment, stdout=output, stderr=output
        )
        try:
            while not _answers(url):
                if process.poll() is not None or time.perf_counter() - started > WAIT:
                    raise SystemExit(f"{server.label} does not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.01)
            server.starts.append(time.perf_counter() - started)
            credentials = (server.folder / "credentials").read_text() if server.authenticated else ""
            yield url, [f"Authorization: Bearer {credentials}"] if credentials else []
            status = Path(f"/proc/{process.pid}/status")
            if status.exists() and (found := re.search(r"VmRSS:\s+(\d+)", status.read_text())):
                server.memory = int(found[1]) / 1024
        finally:
            process.terminate()
            process.wait(WAIT)


def _answers(url: str) -> bool:
    try:
        httpx2.get(url, timeout=5)
    except httpx2.TransportError:
        return False
    return True  # also when it wants credentials


def load(url: str, seconds: float, headers: list[str]) -> tuple[float, float]:
    """Ask for `seconds` and return requests a second and the 99th percentile in milliseconds."""
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds:g}s", "--latency"]
    command += [f"--header={header}" for header in headers]
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if wrong := re.search(r"(Non-2xx.*|Socket errors.*)", said):
        raise SystemExit(f"{url}: {wrong[1]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    assert rate, said
    assert p99, said
    return float(rate[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]


def measure(servers: list[Server]) -> None:
    """Load every server once a round, each time in another order."""
    for turn in range(ROUNDS):
        for server in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
            with running(server) as (url, headers):
                load(url, 1, headers)  # warm
                rate, p99 = load(url, SECONDS, headers)
            server.rates.append(rate)
            server.p99s.append(p99)
            say(f"  round {turn + 1}/{ROUNDS}  {server.label:46} {rate:8.0f} requests/s  p99 {p99:6.1f} ms")


def project(folder: Path, auth: str, parts: str) -> Path:
    """Make a service from this checkout, install it, put the programs beside it, and return its Python."""
    data = {"project_name": PACKAGE.replace("_", "-"), "pieces": [], "auth": auth}
    copier.run_copy(str(ROOT), folder, data=data, defaults=True, quiet=True, vcs_ref="HEAD")
    subprocess.run(["uv", "sync", "--quiet"], cwd=folder, check=True)
    for name, text in {"core": CORE, "hardened": HARDENED, "parts": parts, "layers": LAYERS}.items():
        (folder / f"{name}.py").write_text(text)
    return folder / ".venv" / "bin" / "python"


@contextmanager
def redis() -> Iterator[str | None]:
    """Start a Redis, where there is one, and give its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    port = free_port()
    with subprocess.Popen([program, "--port", str(port), "--save", ""], stdout=subprocess.PIPE, text=True) as server:
        for line in server.stdout or ():
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


@contextmanager
def collector() -> Iterator[str]:
    """Take traces, in a process of its own, and give its URL."""
    port = free_port()
    program = (
        "import http.server\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['content-length']))\n"
        "        self.send_response(200); self.send_header('content-length', '0'); self.end_headers()\n"
        "    def log_message(self, *arguments): pass\n"
        f"http.server.ThreadingHTTPServer(('127.0.0.1', {port}), Handler).serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as server:
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def layers(python: Path, folder: Path) -> list[tuple[str, float]]:
    """Return what each layer adds to the CPU time of a request, in microseconds, the innermost first."""
    done = subprocess.run(
        [python, "layers.py"],
        cwd=folder,
        env={**os.environ, **FREE},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    costs = list(json.loads(done.stderr.splitlines()[-1]).items())
    added = [(name, cost - before) for (_, before), (name, cost) in pairwise(costs)]
    return [costs[0], *added, ("all layers", costs[-1][1] - costs[0][1])]


FREE = {"APP_LOG_FORMAT": "json", "APP_RATE_LIMIT": "100000000/minute"}  # a limit that counts and never refuses


def main() -> None:
    """Measure and print the tables."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt install wrk, or brew install wrk.")
    with tempfile.TemporaryDirectory(prefix="casehard-bench-") as parent, redis() as redis_url, collector() as otlp:
        say("making and installing the service ...")
        plain, token = Path(parent) / "plain", Path(parent) / "token"
        keyed = Path(parent) / "keyed"
        python = project(plain, "api-key", NO_AUTHENTICATION)
        python_with_joserfc = project(token, "oidc", WITH_TOKEN)
        shutil.copytree(plain, keyed, ignore=shutil.ignore_patterns(".venv"))
        (keyed / "parts.py").write_text(WITH_KEY)
        bare = ("-m", "uvicorn", "core:app", "--port", "{port}")
        full = ("hardened.py",)
        traced = {**FREE, "APP_OTLP_ENDPOINT": otlp}
        logged = Server("(a) bare FastAPI, uvicorn's access log", python, plain, bare)
        silent = Server("(b) bare FastAPI, no access log", python, plain, (*bare, "--no-access-log"))
        hardened = Server("hardened", python, plain, full, FREE)
        servers = [
            logged,
            silent,
            hardened,
            Server("hardened, API key", python, keyed, full, FREE, authenticated=True),
            Server(
                "hardened, access token (RS256)",
                python_with_joserfc,
                token,
                full,
                {**FREE, "APP_OUTGOING_PRIVATE_NETWORKS": "127.0.0.0/8"},
                authenticated=True,
            ),
            Server("hardened, traces of 1 %", python, plain, full, {**traced, "APP_TRACE_SAMPLE_RATE": "0.01"}),
            Server("hardened, traces of 100 %", python, plain, full, {**traced, "APP_TRACE_SAMPLE_RATE": "1"}),
        ]
        if redis_url:
            servers.insert(
                5, Server("hardened, limits in Redis", python, plain, full, {**FREE, "REDIS_URL": redis_url})
            )
        measure(servers)
        costs = layers(python, plain)

    print(f"\nGET {PATH}, wrk with {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:g} s:\n")
    print("| Server | Requests/s | of (a) | of (b) | p99 ms | of (a) | Memory MiB | Start s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for server in servers:
        print(
            f"| {server.label} | {server.rate:.0f} | {server.rate / logged.rate:.2f} | {server.rate / silent.rate:.2f} "
            f"| {server.p99:.1f} | {server.p99 / logged.p99:.2f} | {server.memory:.0f} | {min(server.starts):.2f} |"
        )
    print("\nCPU time of a request, in one process without sockets, each layer added to those above it:\n")
    print("| Layer | Microseconds |")
    print("| --- | --- |")
    for name, cost in costs:
        print(f"| {name} | {cost:.1f} |")
    missed = [
        text
        for text, met in (
            ("0.9 of (a)", hardened.rate >= 0.9 * logged.rate),
            ("0.6 of (b)", hardened.rate >= 0.6 * silent.rate),
            ("p99 of at most 1.3 times (a)", hardened.p99 <= 1.3 * logged.p99),
        )
        if not met
    ]
    raise SystemExit(f"\nMissed: {', '.join(missed)}." if missed else 0)


if __name__ == "__main__":
    main()
