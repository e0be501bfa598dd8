"""A new service from the template."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import terminal
from .errors import UserError
from .template.files import files, install
from .template.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .template.source import Source

_SIGNS = (".copier-answers*.yml", "pyproject.toml", "requirements.txt", "setup.py", "*.py", "*/*.py")


def new(path: Path, *, source: Source, given: Mapping[str, str], defaults: bool) -> None:
    """Render a new service into `path`, which may hold a fresh repository but no Python project.

    `given` are answers by name. With `defaults` nothing is asked. Raises UserError, before anything is written, with
    one sentence that says what stands in the way.
    """
    root = path.resolve()
    if given.get("layout", "new") != "new":
        raise UserError("`casehard new` makes a new service: use `casehard overlay` for a prototype.")
    if root.exists() and not root.is_dir():
        raise UserError(f"{path} is a file: give a folder.")
    if any(next(root.glob(sign), None) for sign in _SIGNS):
        raise UserError(f"{path} holds a Python project already: `casehard overlay {path}` hardens it.")
    terminal.require_terminal(defaults=defaults)
    with tempfile.TemporaryDirectory(prefix="casehard-") as parent:
        copy = Path(parent) / root.name
        copy.mkdir()
        before = [file for file in files(root) if file.parts[0] != ".git"]
        for file in before:  # what counts is which files there are
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).touch()
        terminal.progress("Rendering the template")
        render(source, copy, given={"layout": "new", **given}, found={}, ask=not defaults)
        install([file for file in files(copy) if file not in before], copy, root)
    terminal.show(f"{root.name} is ready. Next:")
    for command in (f"cd {path}", "uv sync && uv run pytest", "make dev"):
        terminal.show(f"  {command}")
    terminal.show("Commit everything that is there, uv.lock included.")
