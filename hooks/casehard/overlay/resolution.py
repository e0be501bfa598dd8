"""Resolves the prototype's dependencies and the layer's together, with uv, into one lock file with hashes."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from uv import find_uv_bin

from casehard.errors import UserError
from casehard.prototype.metadata import load_pyproject

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPORT = ("--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-header", "--no-annotate")
_POETRY_EXPORT = (
    *("--from", "poetry", "--with", "poetry-plugin-export"),
    *("poetry", "export", "--quiet", "--only", "main", "--without-hashes"),
)
_OFFLINE = ("error sending request", "Failed to fetch", "dns error", "Network connectivity is disabled", "timed out")


def lock(root: Path, hardening: PurePosixPath, dependencies: PurePosixPath | None, minimum_python: str) -> None:
    """Write requirements.lock into the layer's folder; paths are seen from `root`.

    Raises UserError with one sentence when the requirements don't fit together, or PyPI can't be reached.
    """
    with tempfile.TemporaryDirectory(prefix="casehard-") as scratch:
        resolver = _Resolver(root, Path(scratch), hardening, dependencies, minimum_python)
        resolver.lock()


class _Resolver:
    def __init__(
        self, root: Path, scratch: Path, hardening: PurePosixPath, dependencies: PurePosixPath | None, python: str
    ) -> None:
        self._root, self._scratch, self._python = root, scratch, python
        self._dependencies = dependencies
        self._ours = str(hardening / "requirements.txt")
        self._lock = str(hardening / "requirements.lock")

    def lock(self) -> None:
        declared = self._declared()
        done = self._compile("--generate-hashes", "--output-file", self._lock, *declared, self._ours)
        if done.returncode:
            raise self._explained(done.stderr, declared)

    def _declared(self) -> list[str]:
        """Return the file, in a form that uv reads, that holds the prototype's requirements."""
        path = self._dependencies
        if path is None:
            return []
        exported = str(self._scratch / "declared.txt")
        if path.name == "uv.lock":
            done = self._uv("export", "--project", str(path.parent), *_EXPORT, "--output-file", exported)
        elif path.name == "poetry.lock":
            done = self._uv("tool", "run", *_POETRY_EXPORT, "--directory", str(path.parent), "--output", exported)
        else:
            return [str(path)]
        if done.returncode:
            if _offline(done.stderr):
                raise _unreachable()
            raise UserError(f"{path} cannot be read: {_conclusion(done.stderr)}")
        return [exported]

    def _compile(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        options = ("--universal", "--python-version", self._python, "--no-header", "--no-annotate")
        return self._uv("pip", "compile", *options, *arguments)

    def _uv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [find_uv_bin(), "--quiet", *arguments],
            cwd=self._root,
            env={"UV_PYTHON_DOWNLOADS": "never", **os.environ, "NO_COLOR": "1", "POETRY_VIRTUALENVS_CREATE": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _explained(self, said: str, declared: list[str]) -> UserError:
        """Return why resolving failed, with the two requirements that don't fit together where there are two."""
        if _offline(said):
            return _unreachable()
        where = str(self._dependencies) if self._dependencies else "the prototype"
        if declared and self._compile(*declared).returncode:
            return UserError(f"The requirements in {where} cannot be resolved: {_conclusion(said)}")
        theirs = [one for one in self._requirements(declared) if one.name.lower() in said.lower()]
        ours = sorted(_in_file(self._root / self._ours), key=lambda one: one.name.lower() not in said.lower())
        pair = self._scratch / "pair.txt"
        for own in theirs:
            for layer in ours:
                pair.write_text(f"{own}\n{layer}\n", encoding="utf-8")
                if self._compile(str(pair)).returncode:
                    return UserError(
                        f"{own} ({where}) does not go together with {layer}, which the hardening layer needs: "
                        f"allow a newer {own.name} in {where}, commit that, and run this again."
                    )
        return UserError(
            f"The prototype's dependencies and the hardening layer's do not go together: {_conclusion(said)}"
        )

    def _requirements(self, declared: list[str]) -> list[Requirement]:
        found: list[Requirement] = []
        for file in declared:
            if file.endswith("pyproject.toml"):
                table = load_pyproject(self._root, PurePosixPath(file))["project"]["dependencies"]
                found += [one for text in table if (one := _requirement(text))]
            else:
                found += _in_file(self._root / file)
        return found


def _in_file(path: Path) -> Iterator[Requirement]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if one := _requirement(re.sub(r"(^|\s)#.*", "", line)):
            yield one


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text.strip())
    except InvalidRequirement:
        return None


def _offline(said: str) -> bool:
    return any(sign in said for sign in _OFFLINE)


def _unreachable() -> UserError:
    return UserError("The package index cannot be reached: check the network and run this again; nothing was written.")


def _conclusion(said: str) -> str:
    """Return what uv or Poetry said as one line, without its marks."""
    lines = [re.sub(r"^(error|cause|hint):\s*", "", re.sub(r"^\W+", "", line)) for line in said.splitlines()]
    text = " ".join(line.strip() for line in lines if line.strip() and "No solution found" not in line)
    return text if len(text) <= 600 else f"{text[:600]}..."
