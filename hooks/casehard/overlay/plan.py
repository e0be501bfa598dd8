"""What an overlay found and will add, as it is shown before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePosixPath

    from casehard.prototype import Application, Prototype

_FRAMEWORKS = {"fastapi": "FastAPI", "flask": "Flask", "asgi": "ASGI", "wsgi": "WSGI"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found and what was rendered: `added` files in the folder `rendered`, most of them in its `layer`."""

    prototype: Prototype
    application: Application
    dependencies: PurePosixPath | None
    rendered: Path
    added: Sequence[Path]
    layer: PurePosixPath

    def lines(self) -> Iterator[str]:
        """Yield the plan, line by line."""
        framework, place = _FRAMEWORKS[self.application.framework], self.application.evidence
        yield "Found"
        yield f"  {framework} application {self.application.entry_point} ({place.path}:{place.line})"
        yield f"  dependencies in {self.dependencies}" if self.dependencies else "  no declaration of dependencies"
        for one in self.prototype.required_variables:
            yield f"  environment variable {one.text}, which has no default ({one.path}:{one.line})"
        for one in self.prototype.problems:
            yield f"  {one}; it was left out"
        yield f"Adds {len(self.added)} files and changes none of yours"
        inside = [file for file in self.added if file.is_relative_to(self.layer)]
        yield from (f"  {file}" for file in self.added if file not in inside)
        yield f"  {self.layer}/ ({len(inside)} files)"
        yield f"Pins {_pinned(self.rendered / self.layer)}"


def _pinned(layer: Path) -> str:
    names = [line.split("[")[0].split(">")[0] for line in _lines(layer / "requirements.txt")]
    count = sum(1 for line in _lines(layer / "requirements.lock") if "==" in line)
    return f"{count} packages in {layer.name}/requirements.lock: yours, and {', '.join(names)} with theirs"


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith(("#", " "))]
