"""The Python files of a prototype, parsed, and how their imports lead from one to another."""

from __future__ import annotations

import ast
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .model import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED_FOLDERS = {
    *("__pycache__", "alembic", "build", "dist", "doc", "docs", "env", "example", "examples", "migrations"),
    *("node_modules", "notebooks", "samples", "site-packages", "test", "tests", "venv"),
}
_SKIPPED_FILES = ("test_*.py", "*_test.py", "conftest.py", "noxfile.py", "setup.py")
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Import:
    """What a name in a module refers to: `name` of `module`, or the module itself; `level` counts leading dots."""

    module: str
    name: str | None
    level: int

    @property
    def dotted(self) -> str:
        """The name in full, without leading dots."""
        return ".".join(part for part in (self.module, self.name) if part)


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed file and the names that it imports, anywhere in it."""

    path: PurePosixPath
    tree: ast.Module
    imports: dict[str, Import] = field(default_factory=dict)

    @property
    def folder(self) -> PurePosixPath:
        """The folder it is in."""
        return self.path.parent

    def resolve(self, expression: ast.expr) -> str | None:
        """Return the full dotted name of `a`, `a.b`, …, seen through this module's imports."""
        parts: list[str] = []
        while isinstance(expression, ast.Attribute):
            parts.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return None
        found = self.imports.get(expression.id)
        head = found.dotted if found and not found.level else expression.id
        return ".".join([head, *reversed(parts)])


class Modules:
    """The Python files under a folder; tests, examples, migrations, environments and hidden folders left out."""

    def __init__(self, root: Path) -> None:
        """Parse all files under `root`. A file that can't be parsed becomes a problem."""
        self.root = root
        self.problems: list[Evidence] = []
        self._modules: dict[PurePosixPath, Module] = {}
        for path in _python_files(root):
            if tree := self._parse(path):
                self._modules[path] = Module(path, tree, _imports(tree))
        self._folders = {folder for path in self._modules for folder in path.parents}

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def locate(self, module: str, level: int, importer: Module) -> Module | None:
        """Return the file that `module`, imported by `importer`, stands for, if it is one of the prototype's own."""
        if level:
            folder = importer.folder
            for _ in range(level - 1):
                folder = folder.parent
            return self._at(folder, module)
        for folder in (importer.folder, *importer.folder.parents):
            if found := self._at(folder, module):
                return found
        return None

    def find(self, module: str) -> list[Module]:
        """Return the files whose path ends in a dotted module name, shallowest first."""
        tail = module.replace(".", "/")
        endings = (f"/{tail}.py", f"/{tail}/__init__.py")
        found = [module for path, module in self._modules.items() if f"/{path}".endswith(endings)]
        return sorted(found, key=lambda module: len(module.path.parts))

    def import_root(self, module: Module) -> PurePosixPath:
        """Return the folder from which a module's own imports work."""
        folders = [folder for folder in (module.folder, *module.folder.parents) if _importable(module.path, folder)]
        if not folders:
            return module.folder
        top = max((one.level for one in module.imports.values()), default=0)
        lowest = min(max(top, module.path.name == "__init__.py"), len(folders) - 1)
        packaged = next(
            (n for n, folder in enumerate(folders) if folder / "__init__.py" not in self._modules), len(folders) - 1
        )
        names = {one.dotted.split(".")[0] for one in module.imports.values() if not one.level}
        votes = [sum(1 for name in names if self._holds(folder, name)) for folder in folders]
        if any(votes[lowest:]):
            best = max(votes[lowest:])
            agreed = [n for n in range(lowest, len(folders)) if votes[n] == best]
            return folders[packaged if packaged in agreed else agreed[0]]
        start = max(lowest, packaged)
        if start == 0 and len(folders) > 1 and module.folder.name in _PACKAGE_NAMES:
            start = 1
        return folders[start]

    def reachable(self, start: Module) -> list[Module]:
        """Return a module and all modules of the prototype that it imports, directly or not."""
        found = {start.path: start}
        waiting = [start]
        while waiting:
            module = waiting.pop()
            for one in module.imports.values():
                names = [one.module, *([one.dotted] if one.name else [])]
                for name in names:
                    other = self.locate(name, one.level, module)
                    if other and other.path not in found:
                        found[other.path] = other
                        waiting.append(other)
        return sorted(found.values(), key=lambda module: module.path)

    def _holds(self, folder: PurePosixPath, name: str) -> bool:
        return folder / name in self._folders or folder / f"{name}.py" in self._modules

    def _at(self, folder: PurePosixPath, module: str) -> Module | None:
        base = folder.joinpath(*module.split(".")) if module else folder
        package = self._modules.get(base / "__init__.py")
        if package or not base.name:
            return package
        return self._modules.get(base.with_name(f"{base.name}.py"))

    def _parse(self, path: PurePosixPath) -> ast.Module | None:
        try:
            source = (self.root / path).read_bytes()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(source, filename=str(path))
        except SyntaxError as error:
            self.problems.append(Evidence(path, error.lineno or 1, f"is not valid Python: {error.msg}"))
        except (OSError, ValueError, RecursionError, MemoryError):
            self.problems.append(Evidence(path, 1, "cannot be read as Python"))
        return None


# Folders that are packages by custom, also without an __init__.py.
_PACKAGE_NAMES = frozenset({"api", "app"})


def _importable(path: PurePosixPath, root: PurePosixPath) -> bool:
    return all(part.isidentifier() for part in path.relative_to(root).with_suffix("").parts)


def _python_files(root: Path) -> Iterator[PurePosixPath]:
    for folder, subfolders, files in os.walk(root):
        here = Path(folder)
        if "pyvenv.cfg" in files:
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if name not in _SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = PurePosixPath((here / name).relative_to(root).as_posix())
            if name.endswith(".py") and not any(path.match(pattern) for pattern in _SKIPPED_FILES):
                file = here / name
                if file.is_file() and not file.is_symlink() and file.stat().st_size <= _LARGEST:
                    yield path


def _imports(tree: ast.Module) -> dict[str, Import]:
    found: dict[str, Import] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name] = Import(alias.name, None, 0)
                if not alias.asname:
                    head = alias.name.split(".")[0]
                    found.setdefault(head, Import(head, None, 0))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    found[f"{node.module}.*"] = Import(node.module or "", None, node.level)
                else:
                    found[alias.asname or alias.name] = Import(node.module or "", alias.name, node.level)
    return found
