"""The git repository that a prototype is in: it has to be clean before anything is added to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import yaml

from casehard.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath


def require_clean(path: Path) -> Path:
    """Return the prototype's folder, resolved. Raises UserError unless all that it holds is committed."""
    root = path.resolve()
    shown = str(path) if path.name else root.name
    if not root.is_dir():
        raise UserError(f"{shown} is not a folder: give the folder that the prototype is in.")
    _require_repository(shown, root)
    _require_unhardened(shown, root)
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise UserError(
            f"{shown} has no commit yet: commit the prototype, so that every change can be seen and undone."
        )
    changed = _git(root, "status", "--porcelain", "-z", "--", ".").stdout.split("\0")
    if names := [entry[3:] for entry in changed if entry]:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise UserError(f"{shown} has changes that are not committed ({names[0]}{more}): commit or stash them first.")
    return root


def require_name_free(root: Path, import_root: PurePosixPath) -> None:
    """Raise UserError when something of the prototype is called hardening already."""
    for name in ("hardening", "hardening.py"):
        if os.path.lexists(root / import_root / name):
            taken = import_root / name
            raise UserError(
                f"{taken} exists already, and the layer needs that name: rename it and commit, or remove it."
            )


def copy_committed(root: Path, target: Path) -> None:
    """Copy what is committed, and only that, to a new folder."""
    target.mkdir()
    for name in filter(None, _git(root, "ls-files", "-z").stdout.split("\0")):
        source, copy = root / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink() or source.is_file():
            shutil.copy2(source, copy, follow_symlinks=False)


def email(root: Path) -> str | None:
    """Return the e-mail address that git knows the user by."""
    return _git(root, "config", "user.email").stdout.strip() or None


def ignored(root: Path, paths: list[str]) -> list[str]:
    """Return which of some paths the repository's ignore rules hide."""
    done = _git(root, "check-ignore", "-z", "--stdin", given="\0".join(paths))
    return [path for path in done.stdout.split("\0") if path]


def _require_repository(shown: str, root: Path) -> None:
    done = _git(root, "rev-parse", "--is-inside-work-tree")
    if "dubious ownership" in done.stderr:
        command = f"git config --global --add safe.directory {root}"
        raise UserError(f"git does not trust {shown}, which another user owns: run `{command}`.")
    if done.returncode or done.stdout.strip() != "true":
        raise UserError(f"{shown} is not in a git repository: run `git init`, commit the prototype and run this again.")


def _require_unhardened(shown: str, root: Path) -> None:
    for file in sorted(root.glob(".copier-answers*.yml")):
        try:
            answers = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(answers, dict) and {"layout", "level", "pieces"} <= answers.keys():
            raise UserError(f"{shown} is hardened already ({file.name}): use `copier update` to bring it up to date.")


def _git(root: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            input=given,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError("git is not installed: install it and run this again.") from error
