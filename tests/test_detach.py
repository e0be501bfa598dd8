"""Every control of the hardening layer is held in place by a test: taken out, the generated suite goes red."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from conftest import run
from projects import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.heavy
LAYER = "src/order_desk/hardening"


@dataclass(frozen=True)
class Control:
    """One control: the text that puts it in force, what stands there without it, and the tests that have to notice."""

    name: str
    file: str
    attached: str
    detached: str
    tests: str


def layer(name: str, entry: str, tests: str) -> Control:
    """Return the control that one entry of the stack is."""
    return Control(name, f"{LAYER}/stack.py", f"        {entry}", "", f"tests/hardening/{tests}.py")


CONTROLS = (
    layer("request ids", "RequestId,\n", "test_request_id"),
    layer("access log", "AccessLog,\n", "test_access_log"),
    layer("problem details", "partial(Problems, rewrite=settings.rewrite_errors),\n", "test_problems"),
    layer(
        "health",
        "partial(Health, checks=checks or {}, timeout_seconds=settings.readiness_timeout_seconds),\n",
        "test_health",
    ),
    layer("rate limit", "partial(RateLimit, limit=settings.rate_limit, redis_url=redis_url),\n", "test_rate_limit"),
    layer("timeout", "partial(Timeout, seconds=settings.request_timeout_seconds),\n", "test_timeout"),
    layer("body limit", "partial(BodyLimit, limit=settings.max_body_bytes),\n", "test_body_limit"),
    layer(
        "security headers",
        "partial(\n            SecurityHeaders,\n"
        "            content_security_policy=settings.content_security_policy,\n"
        "            strict_transport=settings.deployed,\n        ),\n",
        "test_security_headers",
    ),
    Control(
        "strict transport security",
        f"{LAYER}/stack.py",
        "strict_transport=settings.deployed",
        "strict_transport=False",
        "tests/hardening/test_security_headers.py",
    ),
    Control(
        "redaction of events",
        f"{LAYER}/logs.py",
        "        _redact_event,\n",
        "",
        "tests/hardening/test_logs.py",
    ),
    Control(
        "redaction in every handler",
        f"{LAYER}/logs.py",
        "    logging.setLogRecordFactory(_redacted_record)\n",
        "",
        "tests/hardening/test_logs.py",
    ),
    Control(
        "drain",
        f"{LAYER}/server.py",
        "        drain.start()\n",
        "",
        "tests/hardening/test_shutdown.py",
    ),
    Control(
        "refusal of placeholders",
        f"{LAYER}/settings.py",
        "if is_placeholder(secret)",
        "if False and secret",
        "tests/hardening/test_settings.py",
    ),
    Control(
        "refusal of missing secrets",
        f"{LAYER}/settings.py",
        "            faults += settings._undeployable()\n",
        "",
        "tests/unit/test_settings.py",
    ),
    Control(
        "refusal of unknown variables",
        f"{LAYER}/settings.py",
        "faults = list(cls._unknown_variables())",
        "faults: list[str] = []",
        "tests/hardening/test_settings.py",
    ),
    Control(
        "values kept out of errors",
        f"{LAYER}/problems.py",
        'return {"location": item["loc"], "message": item["msg"]}',
        "return item",
        "tests/hardening/test_problems.py",
    ),
    Control(
        "closed documentation in production",
        "src/order_desk/app.py",
        'openapi_url=None if settings.deployed else "/openapi.json"',
        'openapi_url="/openapi.json"',
        "tests/integration/test_service.py",
    ),
    Control(
        "statement timeout",
        "src/order_desk/database.py",
        '            "statement_timeout": settings.statement_timeout_seconds,\n',
        "",
        "tests/integration/test_database.py",
    ),
    Control(
        "pre-ping",
        "src/order_desk/database.py",
        "            pool_pre_ping=True,\n",
        "",
        "tests/integration/test_database.py",
    ),
    Control(
        "owner of a note",
        "src/order_desk/resources/notes/routes.py",
        "Note.id == note_id, Note.owner_id == caller.id",
        "Note.id == note_id",
        "src/order_desk/resources/notes/tests",
    ),
)


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new service that is installed."""
    service = render(template, tmp_path_factory.mktemp("detach") / "order-desk", pieces=["tests"])
    run("uv", "sync", "--quiet", cwd=service)
    return service


@pytest.fixture
def detached(project: Path, request: pytest.FixtureRequest) -> Iterator[Control]:
    """Take one control out of the service, and put it back afterwards."""
    control: Control = request.param
    file = project / control.file
    whole = file.read_text()
    assert whole.count(control.attached) == 1, f"{control.file} does not hold this once: {control.attached}"
    file.write_text(whole.replace(control.attached, control.detached))
    yield control
    file.write_text(whole)


@pytest.mark.parametrize("detached", CONTROLS, ids=lambda control: control.name.replace(" ", "-"), indirect=True)
def test_a_detached_control_is_noticed(project: Path, detached: Control) -> None:
    few_plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # starts in half the time
    done = run(
        "uv", "run", "pytest", "-p", "anyio", "-x", "-q", detached.tests, cwd=project, check=False, **few_plugins
    )
    assert done.returncode == 1, f"{detached.name} can be taken out unnoticed:\n{done.stdout}\n{done.stderr}"
    red = re.findall(r"^FAILED (\S+)", done.stdout, flags=re.MULTILINE)
    print(f"{detached.name:36} {red[0]}")


def test_every_layer_of_the_stack_is_here(project: Path) -> None:
    stack = (project / LAYER / "stack.py").read_text()
    for control in CONTROLS:
        if control.file.endswith("stack.py"):
            stack = stack.replace(control.attached, "")
    assert re.search(r"layers = \(\s*\)", stack), f"these layers have no row:\n{stack}"
