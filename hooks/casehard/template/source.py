"""Which template, and which state of it: by default the one that this package was installed from (PEP 610)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "casehard"
# Hosts whose addresses Copier takes for git repositories without being told.
_KNOWN = ("https://github.com/", "https://gitlab.com/")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the template is, as Copier records it, and the tag, branch or commit to take; None is the newest release."""

    location: str
    ref: str | None


def source(template: str | None, ref: str | None) -> Source:
    """Return the template that was asked for, or else the one that belongs to this package."""
    if template is None:
        own = installed()
        return Source(own.location, ref or own.ref)
    path = Path(template).expanduser()
    if path.is_dir():
        return Source(str(path.resolve()), ref)
    return Source(repository(template) if "://" in template else template, ref)


def installed() -> Source:
    """Return the template that this package came with: the repository and the commit that it was installed from."""
    package = distribution(_NAME)
    origin = json.loads(package.read_text("direct_url.json") or "{}")
    url, commit = origin.get("url", ""), origin.get("vcs_info", {}).get("commit_id")
    if url.startswith("file:"):
        path = url2pathname(urlsplit(url).path)
        commit = commit or _head(Path(path))
        if commit:
            return Source(path, commit)
    elif commit:
        return Source(repository(url), commit)
    return Source(repository(_homepage(package.metadata.get_all("Project-URL") or [])), None)


def repository(url: str) -> str:
    """Return an address in a form that Copier recognises as a git repository, now and at every update."""
    if url.endswith(".git") or url.startswith((*_KNOWN, "git+", "git@", "git:")):
        return url
    return f"git+{url}"


def _homepage(project_urls: list[str]) -> str:
    named = dict(line.split(", ", 1) for line in project_urls)
    return named["Repository"]


def _head(path: Path) -> str | None:
    """Return the commit that a folder is at when the folder is a repository of its own."""
    if not (path / ".git").exists():
        return None
    done = subprocess.run(
        ["git", "-C", str(path), "rev-parse", "--verify", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None
