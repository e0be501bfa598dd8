"""The promise that the pipeline's test job is green: the same command, against the same servers."""

from __future__ import annotations

import json
import shlex
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from conftest import commit_all, run
from engine import docker, engine
from projects import choosable, render
from rendered import jobs

if TYPE_CHECKING:
    from pathlib import Path


def start(name: str, service: dict[str, Any]) -> None:
    """Start a server as the runner does: the job's image, environment, ports and health check."""
    variables = [f"--env={key}={value}" for key, value in service.get("env", {}).items()]
    ports = [f"--publish=127.0.0.1:{port}" for port in service["ports"]]
    options = shlex.split(service["options"])
    docker("run", "--detach", "--rm", "--name", name, *variables, *ports, *options, service["image"])
    for _ in range(120):
        state = json.loads(docker("inspect", "--type", "container", name).stdout)[0]["State"]
        if state["Health"]["Status"] == "healthy":
            return
        time.sleep(0.5)
    raise AssertionError(f"{name} did not become healthy: {state}")


@pytest.mark.heavy
def test_tests_that_use_servers_pass_with_the_servers_of_the_pipeline(template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path, layout="new", project_name="order-desk", pieces=choosable())
    commit_all(project)
    job = dict(jobs(project))["ci.yml:test"]
    assert job["steps"][-1]["run"] == "make test"
    with engine(5432, 6379), ExitStack() as started:
        for service, settings in job["services"].items():
            name = f"casehard-pipeline-{service}"
            started.callback(docker, "rm", "--force", name, check=False)
            start(name, settings)
        run("uv", "lock", cwd=project)
        files = "ARGS=src tests/integration tests/hardening/test_rate_limit.py"
        done = run("make", "test", files, cwd=project, UV_LOCKED="1", **job["env"])
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout, "the servers are there, so nothing is left out"
