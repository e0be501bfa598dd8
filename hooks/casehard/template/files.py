"""The files of a rendered project, and how they get to their place: all of them or none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from casehard.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePath


def files(root: Path) -> list[Path]:
    """Return every file under a folder, seen from there, sorted."""
    found = []
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        links = [name for name in subfolders if (here / name).is_symlink()]
        found += [(here / name).relative_to(root) for name in (*names, *links)]
    return sorted(found)


def install(paths: Iterable[PurePath], source: Path, target: Path) -> None:
    """Copy new files into a folder. Nothing is overwritten; when something fails, everything that was added goes again.

    Raises UserError before anything is written when a file exists already or a folder leads out of the target.
    """
    wanted = list(paths)
    for path in wanted:
        _require_free(path, target)
    added: list[Path] = []
    try:
        for path in wanted:
            for folder in reversed((target / path).parents):
                if not folder.is_dir():
                    folder.mkdir()
                    added.append(folder)
            added.append(target / path)
            shutil.copy2(source / path, target / path, follow_symlinks=False)
    except BaseException as error:
        for path in reversed(added):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"{error.filename or target}: {error.strerror or error}; nothing was added.") from error
        raise


def _require_free(path: PurePath, target: Path) -> None:
    place = target / path
    if os.path.lexists(place):
        raise UserError(f"{path} exists already and would be overwritten: move it away and run this again.")
    root = target.resolve()
    for folder in place.parents:
        if folder == target:
            return
        if os.path.lexists(folder) and not (folder.is_dir() and folder.resolve().is_relative_to(root)):
            raise UserError(f"{folder.relative_to(target)} is not a folder of this project: move it away and run this again.")
