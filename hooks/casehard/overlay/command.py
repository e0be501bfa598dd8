"""The overlay, step by step: look, rehearse on a copy, show, ask, and only then write."""

from __future__ import annotations

import filecmp
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from casehard import terminal
from casehard.errors import UserError
from casehard.prototype import read
from casehard.template.files import files, install
from casehard.template.rendering import render

from . import repository
from .plan import Plan
from .resolution import lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from casehard.prototype import Application, Prototype
    from casehard.template.source import Source


def overlay(path: Path, *, source: Source, given: Mapping[str, str], defaults: bool) -> None:
    """Put the hardening layer beside the prototype in `path`.

    `given` are answers by name. With `defaults` nothing is asked. Raises UserError, before anything is written, with
    one sentence that says what stands in the way.
    """
    root = repository.require_clean(path)
    terminal.require_terminal(defaults=defaults)
    with tempfile.TemporaryDirectory(prefix="casehard-") as parent:
        copy = Path(parent) / (root.name or "prototype")
        repository.copy_committed(root, copy)
        terminal.progress("Reading the prototype")
        prototype = read(copy, given.get("entry_point"), given.get("import_root"))
        application = _choose(prototype, given.get("entry_point"), defaults=defaults)
        if prototype.equals > 1:
            prototype = read(copy, application.entry_point, str(application.import_root))
        import_root = PurePosixPath(given.get("import_root", application.import_root))
        repository.require_name_free(root, import_root)
        before = set(files(copy))

        terminal.progress("Rendering the template")
        answers = {"layout": "overlay", **_code(prototype, application), **given}
        rendered = render(
            source, copy, given=answers, found=_identity(prototype, repository.email(root)), ask=not defaults
        )
        terminal.progress("Resolving the dependencies")
        declared = (
            None if rendered.answers["dependencies"] == "none" else PurePosixPath(rendered.answers["dependencies"])
        )
        layer = import_root / "hardening"
        lock(copy, layer, declared, rendered.answers["minimum_python"])

        _require_untouched(before, root, copy)
        added = [file for file in files(copy) if file not in before]
        for line in Plan(prototype, application, declared, copy, added, layer).lines():
            terminal.show(line)
        if not defaults and not terminal.confirm("Add these files?"):
            terminal.show("Nothing was written.")
            return
        install(added, copy, root)
    _say_what_is_next(root, layer, repository.ignored(root, [str(file) for file in added]))


def _choose(prototype: Prototype, entry_point: str | None, *, defaults: bool) -> Application:
    equals = prototype.applications[: prototype.equals]
    if not equals:
        if entry_point:
            raise UserError(
                f"There is no application {entry_point} here: name one as module:object or module:factory()."
            )
        raise UserError(
            "No FastAPI, Starlette, Flask or Django application was found here: "
            "name it with --data entry_point=module:object."
        )
    if len(equals) == 1:
        return equals[0]
    names = [f"{one.entry_point} ({one.evidence.path}:{one.evidence.line})" for one in equals]
    if defaults:
        example = f"--data entry_point={equals[0].entry_point}"
        if len({one.import_root for one in equals}) > 1:
            example += f" --data import_root={equals[0].import_root}"
        raise UserError(f"Several applications were found, {', '.join(names)}: choose one with {example}.")
    return equals[names.index(terminal.select("Which application is served?", names))]


def _code(prototype: Prototype, application: Application) -> dict[str, Any]:
    """Return the answers that say how the prototype is served and installed."""
    found = {
        "framework": application.framework,
        "import_root": str(application.import_root),
        "entry_point": application.entry_point,
        "dependencies": str(prototype.dependencies(application.import_root) or "none"),
        "minimum_python": prototype.minimum_python,
        "python_version": prototype.image_python,
        "required_variables": [one.text for one in prototype.required_variables],
    }
    return {name: value for name, value in found.items() if value is not None}


def _identity(prototype: Prototype, email: str | None) -> dict[str, Any]:
    """Return the answers that the template may refuse for its own default, such as a name that is taken."""
    found = {"project_name": prototype.name, "description": prototype.description, "owner_email": email}
    return {name: value for name, value in found.items() if value is not None}


def _require_untouched(before: set[Path], root: Path, copy: Path) -> None:
    for file in sorted(before):
        original = root / file
        if not original.is_symlink() and not filecmp.cmp(original, copy / file, shallow=False):
            raise UserError(
                f"The template has a file {file} of its own: rename yours and commit, or leave the piece out."
            )


def _say_what_is_next(root: Path, layer: PurePosixPath, hidden: list[str]) -> None:
    here = root == Path.cwd()
    terminal.show(f"Done. Next{'' if here else f', in {root}'}:")
    for target in ("install", "test", "dev"):
        terminal.show(f"  make -C {layer} {target}")
    if hidden:
        terminal.show(f"Your .gitignore hides {', '.join(hidden)}: add that with `git add --force`.")
