"""Projects as users make them from the template, and how to look at what they hold."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import copier
import yaml
from conftest import ROOT, commit_all, run

if TYPE_CHECKING:
    from pathlib import Path

PROTOTYPE = {
    "main.py": (
        '"""A prototype."""\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n'
        '@app.get("/hello")\ndef hello() -> dict[str, str]:\n    return {"hello": "world"}\n'
    ),
    "requirements.txt": "fastapi>=0.115\nuvicorn>=0.34\n",
}


@functools.cache
def questions() -> dict[str, Any]:
    """Copier.yml as it was read, settings included."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
    return read


def pieces() -> list[str]:
    """Every piece's name, in the order of copier.yml's map."""
    return list(yaml.safe_load(questions()["piece"]["default"]))


def choosable() -> list[str]:
    """The pieces that a user can leave out."""
    return list(questions()["pieces"]["choices"].values())


def shared_paths() -> list[str]:
    """The paths outside folders of our own that pieces write to."""
    return list(yaml.safe_load(questions()["shared_paths"]["default"]))


def render(template: Path, target: Path, **answers: object) -> Path:
    """Copy the template's newest release as `copier copy --defaults` does, without trust."""
    copier.run_copy(str(template), target, data=answers, defaults=True, quiet=True)
    return target


def update(project: Path, *options: str) -> None:
    """Commit what is there and bring the newest release with the command of the guide, without trust."""
    commit_all(project)
    run("copier", "update", "--defaults", "--answers-file", answers_file(project).name, *options, cwd=project)


def answers_file(project: Path) -> Path:
    """The file that records this template's answers."""
    aside = project / ".copier-answers.casehard.yml"
    return aside if aside.exists() else project / ".copier-answers.yml"


def recorded(project: Path) -> dict[str, Any]:
    """The recorded answers."""
    answers: dict[str, Any] = yaml.safe_load(answers_file(project).read_text())
    return answers


def prototype(target: Path, files: dict[str, str] | None = None) -> Path:
    """Write a small prototype and commit it."""
    for name, text in (PROTOTYPE if files is None else files).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    commit_all(target, "prototype")
    return target


def tree(project: Path, without: str = r"(?!)") -> dict[str, bytes]:
    """Every file's content by its path, git's own files and what matches `without` left out."""
    found = {path.relative_to(project).as_posix(): path for path in project.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in sorted(found.items())
        if not name.startswith(".git/") and not re.search(without, name)
    }
