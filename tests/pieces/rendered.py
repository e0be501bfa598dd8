"""Projects of both layouts with every piece, and how their workflows are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from projects import choosable, prototype, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYOUTS = ("new", "overlay")
OWNER = "kitchen@example.org"


def render_both(template: Path, folder: Path) -> dict[str, Path]:
    """A new service and a hardened prototype, with every piece, under version control as the checks expect."""
    prototype(folder / "overlay")
    everything = {"pieces": choosable(), "project_name": "order-desk", "owner_email": OWNER}
    return {layout: render(template, folder / layout, layout=layout, **everything) for layout in LAYOUTS}


def hardening_folder(project: Path) -> Path:
    """Where a project keeps its Dockerfile and compose.yaml."""
    overlay = project / "hardening"
    return overlay if overlay.is_dir() else project


def workflow_files(project: Path) -> list[Path]:
    """Every workflow of a project."""
    return sorted((project / ".github/workflows").glob("*.yml"))


def jobs(project: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of every workflow, named file:job."""
    for file in workflow_files(project):
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield f"{file.name}:{name}", job


def commands(project: Path) -> list[str]:
    """What the workflows run in a shell."""
    return [step["run"] for _, job in jobs(project) for step in job["steps"] if "run" in step]
