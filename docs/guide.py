"""What the guide shows of generated projects, made from the template: `make guide` writes it, the tests compare it."""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from html import escape
from pathlib import Path

import copier
from tree import NAME, Line, as_text, draw, pieces_of

DOCS = Path(__file__).resolve().parent
LAYOUTS = ("new", "overlay")
WIDEST = 40  # characters of a default in its column
HEAD = "| Variable | Default | Meaning |\n| --- | --- | --- |"
COLOURS = {
    "runtime": "#b4532a",
    "skeleton": "#2b5fb0",
    "tests": "#3f7d4e",
    "quality": "#7a5c99",
    "container": "#0b8f8f",
    "ci_github": "#8a6d1d",
    "supply_chain": "#8c3a5b",
}


def picture(lines: list[Line], title: str) -> str:
    """The tree as SVG, each name in the colour of its piece, with a legend."""
    step, left, top = 21, 28, 64
    used = [piece for piece in COLOURS if any(line.piece == piece for line in lines)]
    height = top + step * len(lines) + 12
    rows = []
    for number, line in enumerate(lines):
        y = top + step * number
        colour = COLOURS.get(line.piece or "", "#333333")
        weight = ' font-weight="600"' if line.name.endswith("/") else ""
        remark = f'<tspan x="330" fill="#6b6b6b">{escape(line.remark)}</tspan>' if line.remark else ""
        branches = escape(line.branches).replace(" ", "\N{NO-BREAK SPACE}")
        rows.append(
            f'<text x="{left}" y="{y}"><tspan fill="#b0b0b0">{branches}</tspan>'
            f'<tspan fill="{colour}"{weight}>{escape(line.name)}</tspan>{remark}</text>'
        )
    legend = [
        f'<circle cx="690" cy="{top - 5 + 26 * number}" r="6" fill="{COLOURS[piece]}"/>'
        f'<text x="704" y="{top + 26 * number}" fill="#333333">{piece}</text>'
        for number, piece in enumerate(used)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" width="860" height="{height}"'
            ' role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">',
            f"<title>{escape(title)}</title>",
            f'<rect x="1" y="1" width="858" height="{height - 2}" rx="12" fill="#fcfbf9" stroke="#dad5cc"/>',
            f'<text x="{left}" y="34" font-size="16" font-weight="600" fill="#333333">{escape(title)}</text>',
            '<text x="684" y="34" fill="#6b6b6b">Pieces</text>',
            *rows,
            *legend,
            "</svg>\n",
        ]
    )


def table(sources: list[str]) -> str:
    """The variables that rendered settings.py files read, as a Markdown table: name, default, meaning."""
    rows = [row for source in sources for row in variables(source)]
    short = [(name, default if len(default) <= WIDEST else "below", meaning) for name, default, meaning in rows]
    lines = [HEAD, *(f"| `{name}` | {default} | {meaning} |" for name, default, meaning in short)]
    long = [f"\nThe default of `{name}` is {default}." for name, default, _ in rows if len(default) > WIDEST]
    return "\n".join(lines + long)


def variables(source: str) -> list[tuple[str, str, str]]:
    """Name, default and meaning of every variable that a rendered settings.py reads."""
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    prefix = re.search(r'^PREFIX = "(\w+)"', source, re.MULTILINE)

    def fields(name: str, start: str) -> list[tuple[str, str, str]]:
        found = []
        for node in classes[name].body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            variable, value = f"{start}{node.target.id.upper()}", node.value
            if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
                continue
            if value.func.id in classes:
                found += fields(value.func.id, f"{variable}__")
            elif value.func.id == "Field":
                given = {word.arg: word.value for word in value.keywords}
                found.append((variable, _shown(given["default"]), ast.literal_eval(given["description"])))
        return found

    top = "HardeningSettings" if "HardeningSettings" in classes else "Settings"
    return fields(top, prefix[1] if prefix else "APP_")


def _shown(default: ast.expr) -> str:
    if isinstance(default, ast.Attribute):
        return f"`{default.attr.lower()}`"
    value = ast.literal_eval(default)
    if isinstance(value, tuple):
        value = ",".join(value) or None
    return "none" if value is None or value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def settings(page: str) -> str:
    """The settings page, with its tables made anew from what the template renders."""
    with tempfile.TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            project = Path(folder) / layout
            answers = {"layout": layout, "project_name": NAME}
            copier.run_copy(str(DOCS.parent), project, vcs_ref="HEAD", data=answers, defaults=True, quiet=True)
            home = project / ("src/order_desk" if layout == "new" else ".")
            files = [home / "hardening" / "settings.py", home / "settings.py"]
            sources = [file.read_text() for file in files if file.is_file()]
            page = _between(page, f"settings {layout}", table(sources))
    return page


def tree(page: str, layout: str) -> str:
    """A page, with the tree of a layout drawn anew."""
    return _between(page, f"tree {layout}", f"```text\n{NAME}/\n{as_text(draw(pieces_of(layout)))}\n```")


def _between(page: str, mark: str, text: str) -> str:
    start, end = f"<!-- {mark} -->\n", f"\n<!-- end of {mark} -->"
    before, found, rest = page.partition(start)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise SystemExit(f"The marks of {mark!r} are missing in the page: put {start.strip()} and {end.strip()} back.")
    return f"{before}{start}{text}{end}{after}"


def written() -> dict[Path, str]:
    """Every file that this program writes, and its text."""
    return {
        DOCS / "settings.md": settings((DOCS / "settings.md").read_text()),
        DOCS / "quickstart.md": tree((DOCS / "quickstart.md").read_text(), "new"),
        DOCS / "overlay.md": tree((DOCS / "overlay.md").read_text(), "overlay"),
        DOCS / "images" / "tree.svg": picture(draw(pieces_of("new")), "A new service, every piece chosen"),
    }


def main() -> None:
    """Write them; with --check only tell which of them are not what the template makes now."""
    check = "--check" in sys.argv[1:]
    stale = [(path, text) for path, text in written().items() if not path.is_file() or path.read_text() != text]
    if check and stale:
        names = ", ".join(str(path.relative_to(DOCS.parent)) for path, _ in stale)
        raise SystemExit(f"Not what the template makes now: {names}. Run `make guide`.")
    for path, text in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
