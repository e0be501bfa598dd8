"""How Sphinx builds this guide: `make docs`."""

import tomllib
from pathlib import Path

_about = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

project = "Casehard"
author = "the Casehard authors"
version = release = _about["version"]
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["style"]
html_css_files = ["tables.css"]
html_title = f"Casehard {release}"
html_theme_options = {
    "source_repository": _about["urls"]["Repository"],
    "source_branch": "main",
    "source_directory": "docs/",
}
