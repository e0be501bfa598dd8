"""Every pair of answers, in whole projects: installed, linted, type-checked, and their own tests run.

Pairwise and not every combination: a fault that needs three certain answers is rare, and this takes minutes, not days.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import commit_all, git, run
from projects import choosable, prototype, render

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.heavy

SUPPORTED = ("3.11", "3.12", "3.13")
BY_LEVEL = {
    "basic": ("tests", "quality"),
    "standard": ("tests", "quality", "container", "ci_github"),
    "comprehensive": ("tests", "quality", "container", "ci_github", "supply_chain"),
}


@functools.cache
def interpreter(version: str) -> str | None:
    """Where this machine has that Python, or None. A launcher that answers for another version does not count."""
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [str(python) for python in sorted(installed.glob(f"{version}.*/bin/python{version}"))]
    for candidate in [sys.executable, shutil.which(f"python{version}") or sys.executable, *candidates]:
        said = subprocess.run([candidate, "-c", question], capture_output=True, text=True, check=False).stdout.split()
        if said and said[0] == version:
            return str(Path(said[1]).resolve())
    return None


FOUND = [version for version in SUPPORTED if interpreter(version)]


AUTH = ("none", "api-key", "oidc")
IMAGES = ("3.13", "3.14", "3.12", "3.11")
OVERLAY = {
    "fastapi": {"entry_point": "main:app", "import_root": "."},
    "flask": {"entry_point": "main:create_app()", "import_root": "backend"},
}


@dataclass(frozen=True)
class Combination:
    """Answers to try together, and the Python to try them on."""

    pieces: tuple[str, ...]
    python_version: str
    kind: str
    level: str
    auth: str
    interpreter: str

    def __str__(self) -> str:
        """Name it, for the list of tests."""
        changed = set(self.pieces) ^ set(BY_LEVEL[self.level])
        switched = "".join(
            f"{'+' if piece in self.pieces else '-'}{piece}" for piece in choosable() if piece in changed
        )
        return f"{self.kind}-{self.level}{switched}-{self.auth}-image{self.python_version}-on{self.interpreter}"


def values() -> dict[str, Sequence[str]]:
    """What each answer can be; a piece is there or not."""
    answers = {
        "python_version": IMAGES,
        "kind": ("new", *OVERLAY),
        "level": tuple(BY_LEVEL),
        "auth": AUTH,
        "interpreter": FOUND,
    }
    return {**{piece: (piece, "") for piece in choosable()}, **answers}


def possible(row: Sequence[str]) -> bool:
    """Tell whether the questions allow these answers together."""
    pieces, image = set(row[: len(choosable())]), row[len(choosable())]
    if "ci_github" in pieces and not {"tests", "quality"} <= pieces:
        return False
    return bool({"container", "ci_github"} & pieces) or image == IMAGES[0]


def pairs(row: Sequence[str]) -> set[tuple[tuple[int, str], ...]]:
    """Every two answers of a row, each with its place."""
    return set(itertools.combinations(enumerate(row), 2))


@functools.cache
def combinations() -> list[Combination]:
    """Cover every pair of answers that can be chosen together: each level as it is first, then what covers most."""
    first = [
        (*(piece if piece in brought else "" for piece in choosable()), IMAGES[0], kind, level, auth, FOUND[0])
        for kind, auth, (level, brought) in zip(("fastapi", "new", "flask"), AUTH, BY_LEVEL.items(), strict=True)
    ]
    covers = {row: pairs(row) for row in itertools.product(*values().values()) if possible(row)}
    missing = set().union(*covers.values()).difference(*(covers[row] for row in first))
    rows = list(first)
    while missing:
        rows.append(max(covers, key=lambda row: len(covers[row] & missing)))
        missing -= covers[rows[-1]]
    return [Combination(tuple(filter(None, row[: len(choosable())])), *row[len(choosable()) :]) for row in rows]


PROTOTYPES = {
    "fastapi": """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}
""",
    "flask": """\
from flask import Flask


def create_app():
    app = Flask(__name__)

    @app.get("/hello")
    def hello():
        return {"hello": "world"}

    return app
""",
}


def check(project: Path, one: Combination) -> None:
    """Install the project and run what its own Makefile offers; nothing that appears is left for git to see."""
    python = interpreter(one.interpreter)
    assert python
    import_root = OVERLAY[one.kind]["import_root"] if one.kind != "new" else "."
    folder = "." if one.kind == "new" else f"{import_root}/hardening".removeprefix("./")

    def do(*command: str) -> None:
        run(*command, cwd=project, check=True, UV_PYTHON=python, UV_PYTHON_DOWNLOADS="never", PYTHONPATH=import_root)

    commit_all(project)
    lock, *install = (
        ["uv.lock", "uv", "sync", "--quiet"]
        if one.kind == "new"
        else [f"{folder}/requirements.lock", "make", "-C", folder, "lock", "install"]
    )
    do(*install)
    assert git(project, "status", "--porcelain") == f"?? {lock}\n"
    commit_all(project)

    version = run(f"{folder}/.venv/bin/python", "--version", cwd=project).stdout
    assert version.startswith(f"Python {one.interpreter}.")
    if "quality" in one.pieces:
        do("make", "-C", folder, "check")
    elif "tests" in one.pieces:
        do("make", "-C", folder, "test")
    package = "order_desk.hardening" if one.kind == "new" else "hardening"
    installed = f"{folder}/.venv/bin/python"
    do("env", "DATABASE_URL=postgresql://nowhere/", installed, "-B", "-c", f"import {package}.asgi")
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("one", combinations(), ids=str)
def test_any_answers_give_a_sound_project(template: Path, tmp_path: Path, one: Combination) -> None:
    """No ruff, mypy or test failures; no generated file that git would see."""
    project = tmp_path / "order-desk"
    answers: dict[str, object] = {"level": one.level, "python_version": one.python_version, "auth": one.auth}
    if set(one.pieces) != set(BY_LEVEL[one.level]):
        answers["pieces"] = list(one.pieces)
    if one.kind != "new":
        answers |= OVERLAY[one.kind] | {"layout": "overlay", "framework": one.kind}
        main = f"{OVERLAY[one.kind]['import_root']}/main.py"
        prototype(project, {main: PROTOTYPES[one.kind], "requirements.txt": f"{one.kind}\n"})
    check(render(template, project, **answers), one)


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_interpreter_is_among_those_tried(version: str) -> None:
    """Say which supported Python the combinations above could not be tried on."""
    if version not in FOUND:
        pytest.skip(f"Python {version} is not on this machine: no combination ran on it")
    assert version in {one.interpreter for one in combinations()}


def test_types_hold_on_the_newest_python(template: Path, tmp_path: Path) -> None:
    """Mypy judges the whole project as Python 3.14 would read it."""
    project = render(template, tmp_path / "order-desk", level="comprehensive")
    run("uv", "sync", "--quiet", cwd=project)
    assert "no issues found" in run("uv", "run", "mypy", "--python-version", "3.14", cwd=project).stdout
