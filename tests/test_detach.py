"""Every control of the hardening layer is held in place by a test: taken out, the generated suite goes red."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import pytest
from conftest import DETACHED, run
from controls import CONTROLS, LAYER, LAYERS, Control
from projects import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """New services that are installed, by how their callers are known."""

    @functools.cache
    def project(auth: str) -> Path:
        service = render(template, tmp_path_factory.mktemp("detach") / "order-desk", pieces=["tests"], auth=auth)
        run("uv", "sync", "--quiet", cwd=service)
        return service

    return project


@pytest.fixture
def detached(projects: Callable[[str], Path], request: pytest.FixtureRequest) -> Iterator[Control]:
    """Take one control out of the service, and put it back afterwards."""
    control: Control = request.param
    file = projects(control.auth) / control.file
    whole = file.read_text()
    assert whole.count(control.attached) == 1, f"{control.file} does not hold this once: {control.attached}"
    file.write_text(whole.replace(control.attached, control.detached))
    yield control
    file.write_text(whole)


@pytest.mark.parametrize("detached", CONTROLS, ids=lambda control: control.name.replace(" ", "-"), indirect=True)
def test_a_detached_control_is_noticed(
    projects: Callable[[str], Path], detached: Control, record_property: Callable[[str, object], None]
) -> None:
    few_plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # starts in half the time
    done = run(
        "uv",
        "run",
        "pytest",
        "-p",
        "anyio",
        "-x",
        "-q",
        *detached.tests.split(),
        cwd=projects(detached.auth),
        check=False,
        **few_plugins,
    )
    assert done.returncode == 1, f"{detached.name} can be taken out unnoticed:\n{done.stdout}\n{done.stderr}"
    red = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, flags=re.MULTILINE)
    record_property(DETACHED, f"{detached.name:36} {red[0]}")


def test_every_layer_of_the_stack_is_here(projects: Callable[[str], Path]) -> None:
    stack = (projects("api-key") / LAYER / "stack.py").read_text()
    listed = stack.partition("layers: ")[2].partition("\n    )\n")[0]
    assert set(re.findall(r"^        (?:partial\(\s*)?([A-Z]\w+),", listed, flags=re.MULTILINE)) == set(LAYERS)
