"""A generated project as a tree of folders and files, each with the piece that brings it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).resolve().parent.parent / "template"
NAME = "order-desk"
ANSWERS = ".copier-answers.yml"
# What the tree says beside a path.
REMARKS = {
    ANSWERS: "your answers, for updates",
    ".github": "pipeline, CODEOWNERS",
    "Dockerfile": "no root, no build tools",
    "Makefile": "dev, test, check, …",
    "compose.yaml": "with PostgreSQL and Valkey",
    "hardening": "the layer around the prototype",
    "hardening/tests": "each layer, proved on the prototype",
    "migrations": "Alembic",
    "src/order_desk/app.py": "the core: plain FastAPI",
    "src/order_desk/hardening": "the layer around the core",
    "src/order_desk/principal.py": "who calls, and what they may do",
    "src/order_desk/resources/notes": "a sample; delete it in one step",
    "src/order_desk/settings.py": "every variable, checked at start",
    "tests": "each resource has its own beside it",
}
FOLDED = ("hardening/tests", "migrations", "src/order_desk/hardening", "src/order_desk/resources/notes")


class Line(NamedTuple):
    """One line of a tree: its branches, its name, what it is, and the piece that brings it (none for mixed folders)."""

    branches: str
    name: str
    remark: str
    piece: str | None


# What of {{only.NAME}} is there when no answer is changed.
DEFAULT = {"new": {"new", "api_key", "authenticated"}, "overlay": {"overlay"}}


def pieces_of(layout: str) -> dict[str, str]:
    """Every path that a project named order-desk can have, and the piece that brings it."""
    values = {
        "package": "order_desk",
        "hardening_dir": "src/order_desk/hardening" if layout == "new" else "hardening",
        "hardening_tests": "tests/hardening" if layout == "new" else "hardening/tests",
    }
    found = {ANSWERS: ""}
    for path in sorted(TEMPLATE.glob("*/**/*")):
        folder, *parts = path.relative_to(TEMPLATE).parts
        piece = folder.removeprefix("{{piece.").removesuffix("}}")
        choices = [part for part in parts if part.startswith("{{only.")]
        left_out = any(choice.removeprefix("{{only.").removesuffix("}}") not in DEFAULT[layout] for choice in choices)
        if path.is_dir() or "__pycache__" in parts or left_out or (piece == "skeleton" and layout != "new"):
            continue
        name = "/".join(part for part in parts if part not in choices).removesuffix(".jinja")
        found[re.sub(r"{{(.*?)}}", lambda match: values[match[1].strip()], name)] = piece
    return found


def draw(paths: dict[str, str], folder: str = "", branches: str = "") -> list[Line]:
    """Draw the paths as a tree, folders first; what is in some folders is not shown."""
    inside = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
    folders = {path.partition("/")[0] for path in inside if "/" in path}
    names = sorted({path.partition("/")[0] for path in inside}, key=lambda name: (name not in folders, name))
    lines = []
    for name in names:
        path, last = folder + name, name == names[-1]
        branch = branches + ("└── " if last else "├── ")
        if name not in folders:
            lines.append(Line(branch, name, REMARKS.get(path, ""), paths[path]))
            continue
        beneath = {piece for child, piece in paths.items() if child.startswith(f"{path}/")}
        lines.append(Line(branch, f"{name}/", REMARKS.get(path, ""), beneath.pop() if len(beneath) == 1 else None))
        if path not in FOLDED and not path.startswith("tests/"):
            lines += draw(paths, f"{path}/", branches + ("    " if last else "│   "))
    return lines


def as_text(lines: list[Line]) -> str:
    """The tree for a terminal or a Markdown page."""
    width = max(len(line.branches + line.name) for line in lines) + 2
    return "\n".join(f"{line.branches + line.name:{width}}{line.remark}".rstrip() for line in lines)
