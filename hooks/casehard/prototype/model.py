"""What was found in a prototype, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where something was found: a file seen from the prototype's root, a line (from 1), and what stands there."""

    path: PurePosixPath
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Application:
    """An application object, or a function without required arguments that makes one."""

    framework: str
    path: PurePosixPath
    import_root: PurePosixPath
    name: str
    factory: bool
    evidence: Evidence

    @property
    def module(self) -> str:
        """The module that holds it, as its import root knows it."""
        parts = self.path.relative_to(self.import_root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @property
    def entry_point(self) -> str:
        """The way servers name it: module:object or module:factory()."""
        return f"{self.module}:{self.name}{'()' if self.factory else ''}"


@dataclass(frozen=True, slots=True)
class Prototype:
    """What a folder contains.

    `applications` come best first; the first `equals` of them are as likely as each other. `declarations` are
    the files that declare dependencies, by the folder that they belong to. `problems` are files that could not be read.
    """

    root: Path
    applications: tuple[Application, ...]
    equals: int
    declarations: Mapping[PurePosixPath, PurePosixPath]
    required_variables: tuple[Evidence, ...]
    name: str | None
    description: str | None
    minimum_python: str | None
    image_python: str | None
    problems: tuple[Evidence, ...]

    def dependencies(self, import_root: PurePosixPath) -> PurePosixPath | None:
        """Return the file that declares what code under an import root needs: the outermost one, or None."""
        for folder in (PurePosixPath(), *reversed(import_root.parents), import_root):
            if path := self.declarations.get(folder):
                return path
        return None
