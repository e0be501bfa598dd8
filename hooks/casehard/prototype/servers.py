"""Which entry point a prototype itself names: in pyproject.toml, a Procfile, a Dockerfile, or a call of uvicorn.run."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .model import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .modules import Modules

_SERVERS = frozenset({"daphne", "granian", "gunicorn", "hypercorn", "uvicorn"})
_ENTRY_POINT = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)(?P<call>\(\))?")


@dataclass(frozen=True, slots=True)
class Declaration:
    """An entry point that a file names. `name` is None where only the module is named. Smaller ranks win."""

    module: str
    name: str | None
    factory: bool
    evidence: Evidence
    rank: int


def declarations(root: Path, pyproject: Mapping[str, Any], modules: Modules) -> list[Declaration]:
    """Return the entry points that files name, the most deliberate first."""
    found = [
        *_from_pyproject(pyproject),
        *_from_commands(root, "Procfile", rank=1),
        *_from_commands(root, "Dockerfile", rank=2),
        *_from_commands(root, "*/Dockerfile", rank=3),
        *_from_calls(modules),
    ]
    return sorted(found, key=lambda declaration: declaration.rank)


def _from_pyproject(pyproject: Mapping[str, Any]) -> Iterator[Declaration]:
    fastapi = pyproject.get("tool", {}).get("fastapi", {})
    text = fastapi.get("entrypoint") if isinstance(fastapi, dict) else None
    if isinstance(text, str) and (match := _ENTRY_POINT.fullmatch(text)):
        evidence = Evidence(PurePosixPath("pyproject.toml"), 1, f"[tool.fastapi] entrypoint {text}")
        yield Declaration(match["module"], match["name"], bool(match["call"]), evidence, rank=0)


def _from_commands(root: Path, pattern: str, rank: int) -> Iterator[Declaration]:
    for file in sorted(root.glob(pattern)):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        path = PurePosixPath(file.relative_to(root).as_posix())
        for number, line in _logical_lines(text):
            if declared := _served(_words(line)):
                module, name, factory, shown = declared
                yield Declaration(module, name, factory, Evidence(path, number, shown), rank)


def _from_calls(modules: Modules) -> Iterator[Declaration]:
    for module in modules:
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=function, args=[ast.Constant(value=str(text)), *_]) if module.resolve(
                    function
                ) == "uvicorn.run" and (match := _ENTRY_POINT.fullmatch(text)):
                    factory = any(
                        keyword.arg == "factory" and isinstance(keyword.value, ast.Constant) and keyword.value.value
                        for keyword in node.keywords
                    )
                    evidence = Evidence(module.path, node.lineno, f"uvicorn.run {text}")
                    yield Declaration(match["module"], match["name"], factory, evidence, rank=4)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    start, collected = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not collected:
            start = number
        if line.rstrip().endswith("\\"):
            collected += line.rstrip()[:-1] + " "
        else:
            yield start, collected + line
            collected = ""
    if collected:
        yield start, collected


def _words(line: str) -> list[str]:
    """Split a Procfile's or Dockerfile's line into words, the exec form and quoting included."""
    line = line.strip()
    if line.startswith("#"):
        return []
    if "[" in line:
        try:
            words = json.loads(line[line.index("[") :])
        except ValueError:
            pass
        else:
            return [part for word in words if isinstance(word, str) for part in word.split()]
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _served(words: list[str]) -> tuple[str, str | None, bool, str] | None:
    """Return module, name, whether the name is a factory, and the words to show."""
    names = [word.rsplit("/", 1)[-1] for word in words]
    for position, name in enumerate(names):
        rest = words[position + 1 :]
        if name in _SERVERS:
            for word in rest:
                if match := _ENTRY_POINT.fullmatch(word):
                    factory = bool(match["call"]) or "--factory" in rest
                    return match["module"], match["name"], factory, f"{name} {word}"
        elif name == "fastapi" and rest[:1] in (["run"], ["dev"]):
            for word in rest[1:]:
                if word.endswith(".py"):
                    module = word.removeprefix("./").removesuffix(".py").lstrip("/").replace("/", ".")
                    return module, None, False, f"fastapi run {word}"
        elif name == "flask" and "--app" in rest[:-1]:
            word = rest[rest.index("--app") + 1]
            module, _, made = word.partition(":")
            return (
                module.removesuffix(".py"),
                made.removesuffix("()") or None,
                made.endswith("()"),
                f"flask --app {word}",
            )
    return None
