"""What a prototype declares about itself: its name, its dependencies, the Python it needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from casehard.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OLDEST, _NEWEST = 11, 14  # minor versions of Python 3 that the template supports
_PYTHON_FILES = {
    ".python-version": r"^\s*(?:cpython-?)?3\.(\d+)",
    "Dockerfile": r"(?mi)^\s*FROM\s+(?:\S+/)?python:3\.(\d+)",
}
_REQUIREMENTS = ("requirements.txt", "requirements/prod.txt", "requirements/production.txt", "requirements/base.txt")


def load_pyproject(root: Path, path: PurePosixPath) -> dict[str, Any]:
    """Read a pyproject.toml; an absent one is empty. Raises UserError with file and line when it can't be read."""
    try:
        return tomllib.loads((root / path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}, is not UTF-8 text: save it as UTF-8 and run this again.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}. Correct it and run this again.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def declaration_files(root: Path, folders: list[PurePosixPath]) -> dict[PurePosixPath, PurePosixPath]:
    """Return the file that declares dependencies best, by folder. Raises UserError as load_pyproject does."""
    found = {}
    for folder in folders:
        pyproject = load_pyproject(root, folder / "pyproject.toml")
        names = [name for name in ("uv.lock", "poetry.lock") if pyproject]
        if isinstance(_table(pyproject, "project").get("dependencies"), list):
            names.append("pyproject.toml")
        for path in (folder / name for name in (*names, *_REQUIREMENTS)):
            if (root / path).is_file():
                found[folder] = path
                break
        else:
            if _table(pyproject, "tool", "poetry", "dependencies").keys() - {"python"}:
                raise UserError(
                    f"{folder / 'pyproject.toml'} declares dependencies for Poetry and there is no poetry.lock: "
                    "run `poetry lock`, commit it and run this again."
                )
    return found


def project_name(pyproject: Mapping[str, Any]) -> str | None:
    """Return the declared name in lower case with single hyphens, or None."""
    name = _declared(pyproject, "name")
    if name is None:
        return None
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())
    return re.sub(r"^[^a-z]+", "", words)[:40].rstrip("-") or None


def description(pyproject: Mapping[str, Any]) -> str | None:
    """Return the declared description as one line of at most 120 characters without quotes or backslashes, or None."""
    text = _declared(pyproject, "description")
    line = " ".join(re.sub(r'["\\]', "'", text or "").split())
    return (line if len(line) <= 120 else f"{line[:117].rstrip()}...") or None


def minimum_python(pyproject: Mapping[str, Any]) -> str | None:
    """Return the lowest supported Python that the prototype allows, like 3.12, or None when it doesn't say."""
    allowed = _allowed(pyproject)
    return f"3.{allowed[0]}" if allowed else None


def image_python(root: Path, folder: PurePosixPath, pyproject: Mapping[str, Any]) -> str | None:
    """Return the Python that the prototype runs on, by .python-version, Dockerfile or requires-python, or None."""
    allowed = _allowed(pyproject)
    for place in dict.fromkeys((PurePosixPath(), folder)):
        for name, pattern in _PYTHON_FILES.items():
            try:
                text = (root / place / name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            match = re.search(pattern, text)
            if match and _OLDEST <= int(match[1]) <= _NEWEST and (not allowed or int(match[1]) in allowed):
                return f"3.{match[1]}"
    return f"3.{allowed[-1]}" if allowed and allowed[-1] < _NEWEST - 1 else None


def _allowed(pyproject: Mapping[str, Any]) -> list[int]:
    """Return the minor versions that requires-python (or Poetry's python) allows; none when nothing is declared."""
    declared = _table(pyproject, "project").get("requires-python")
    if declared is None:
        python = _table(pyproject, "tool", "poetry", "dependencies").get("python")
        declared = _as_specifiers(python) if isinstance(python, str) else None
    try:
        specifiers = SpecifierSet(declared) if isinstance(declared, str) else None
    except InvalidSpecifier:
        return []
    if specifiers is None:
        return []
    # The newest patch release counts: >=3.11.4 allows 3.11.
    return [minor for minor in range(_OLDEST, _NEWEST + 1) if specifiers.contains(f"3.{minor}.99")]


def _as_specifiers(python: str) -> str:
    """Return what Poetry writes as ^3.11 or ~3.11 in the standard form."""
    caret = re.sub(r"\^(\d+)\.(\d+)[\d.]*", r">=\1.\2,<4", python)
    return re.sub(r"~(\d+)\.(\d+)[\d.]*", r"==\1.\2.*", caret)


def _declared(pyproject: Mapping[str, Any], key: str) -> str | None:
    for table in (_table(pyproject, "project"), _table(pyproject, "tool", "poetry")):
        if isinstance(text := table.get(key), str) and text.strip():
            return text
    return None


def _table(pyproject: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    table: Any = pyproject
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
