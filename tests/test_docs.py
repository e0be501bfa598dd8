"""The guide is true: what it names exists, and what it shows of generated projects is what the template makes."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, git, run
from projects import choosable, pieces, prototype, questions, render, tree

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/pieces/*.md")])
FILE = re.compile(r"([\w.-]+|{{\w+\.\w+}})(/([\w.-]+|{{\w+\.\w+}}))*/?")
SUFFIXES = {".example", ".ini", ".json", ".lock", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
# What is made on the user's machine, or is a prototype's own.
NOT_OURS = {
    *(".env", ".postgres", ".copier-answers.casehard.yml", "hardening/.venv", "hardening/requirements.lock"),
    *("backend", "backend/hardening", "poetry.lock", "migrations/versions", "Procfile"),
}
COMMAND = re.compile(r"(?:^|&& |^\$ )(?:[A-Z_]+=\S+ )*make\b((?: -C \S+)?)((?: [a-z-]+(?![\w=-]))*)", re.MULTILINE)


def text_of(page: Path) -> str:
    """A page's text, without trees: they are compared with the template as a whole."""
    return re.sub(r"<!-- tree .*?<!-- end of tree", "", page.read_text(), flags=re.DOTALL)


def code_of(page: Path) -> list[str]:
    """What stands in code spans and shell blocks, comments left out."""
    text = text_of(page)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [
        *re.findall(r"`([^`\n]+)`", prose),
        *(re.sub(r"\s+# .*", "", line) for b in blocks for line in b.split("\n")),
    ]


def named_files(page: Path) -> set[str]:
    """The words that can only be paths of files or folders."""
    words = {word.strip("\"',;:()") for code in code_of(page) for word in code.split()}
    return {
        word.rstrip("/").replace("NAME", "runtime")
        for word in words
        if FILE.fullmatch(word)
        and not re.fullmatch(r"(\d+|application|multipart)/.*", word)
        and ("/" in word or PurePosixPath(word).suffix in SUFFIXES)
    }


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each layout with every piece."""
    folder = tmp_path_factory.mktemp("docs")
    prototype(folder / "overlay")
    chosen = {"pieces": choosable(), "project_name": "order-desk"}
    return {layout: render(template, folder / layout, layout=layout, **chosen) for layout in ("new", "overlay")}


@pytest.fixture(scope="module")
def files(projects: dict[str, Path]) -> set[str]:
    """Every file of this repository but its tests' material, and of the projects."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    here = {name for name in listed if not name.startswith("tests/prototypes/")}
    return here.union(*(tree(project) for project in projects.values()))


def exists(name: str, files: set[str]) -> bool:
    """Tell whether a file or folder is called so, from the root or from any folder."""
    middle = f"/{name}/"
    return name in NOT_OURS or any(middle in f"/{file}/" for file in files)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_is_named_exists(page: Path, files: set[str]) -> None:
    assert [name for name in sorted(named_files(page)) if not exists(name, files)] == []


def targets(makefile: Path) -> set[str]:
    """The targets of a Makefile."""
    return set(re.findall(r"^([a-z-]+):(?!=)", makefile.read_text(), re.MULTILINE))


def test_every_make_target_that_is_named_exists(projects: dict[str, Path]) -> None:
    known = {
        "": targets(ROOT / "Makefile") | targets(projects["new"] / "Makefile"),
        "hardening": targets(projects["overlay"] / "hardening" / "Makefile"),
    }
    named = 0
    for page in PAGES:
        for folder, words in (found for code in code_of(page) for found in COMMAND.findall(code)):
            where = folder.removeprefix(" -C ").rpartition("/")[2]
            for word in words.split():
                assert word in known[where], f"{page.name}: make{folder} {word}"
                named += 1
    assert named > 20


def test_every_link_leads_to_a_file() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            assert "://" in link or link.startswith("mailto:") or (page.parent / link).is_file(), f"{page.name}: {link}"


def test_every_piece_has_a_page_and_the_reverse() -> None:
    assert {page.stem for page in ROOT.glob("docs/pieces/*.md")} == set(pieces())


@pytest.mark.parametrize("piece", pieces())
def test_a_pieces_page_says_what_it_brings_and_what_not_and_is_linked(piece: str) -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / f"docs/pieces/{piece}.md").read_text(), re.MULTILINE)
    assert {"What it brings", "How to change it", "What it does not do"} <= set(headings)
    assert f"(docs/pieces/{piece}.md)" in (ROOT / "README.md").read_text()
    assert f"\npieces/{piece}\n" in (ROOT / "docs/index.md").read_text()


def test_trees_tables_and_picture_are_what_the_template_makes() -> None:
    done = run(sys.executable, "-W", "ignore", "docs/guide.py", "--check", cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def variables() -> set[str]:
    """The variables in the tables of settings."""
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))


def by_other_answers() -> set[str]:
    """The variables that only other answers than the default ones bring."""
    settings = ROOT / "template" / "{{piece.runtime}}" / "{{hardening_dir}}" / "settings.py.jinja"
    names = re.findall(r"^    (\w+): .* = Field\($", settings.read_text(), re.MULTILINE)
    return {f"{prefix}_{name.upper()}" for prefix in ("APP", "HARDENING") for name in names}


def test_the_table_of_settings_has_every_variable_of_the_example(projects: dict[str, Path]) -> None:
    example = (projects["new"] / ".env.example").read_text()
    listed = set(re.findall(r"^# ([A-Z_]+)=", example, re.MULTILINE))
    known = {
        "APP_OTLP_ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
        "APP_REDIS_URL": "REDIS_URL",
        "APP_DATABASE__URL": "DATABASE_URL",
    }
    assert {known.get(name, name) for name in variables() if name.startswith("APP_")} == listed


def test_every_variable_that_is_named_exists() -> None:
    known = (
        variables() | by_other_answers() | {"APP_SECRETS_DIR", "HARDENING_SECRETS_DIR"} | {"HARDENING_PRT"}
    )  # the last is a mistake shown
    short = {name.partition("_")[2] for name in variables()}
    for page in PAGES:
        named = set(re.findall(r"\b(?:APP|HARDENING)_[A-Z_]*[A-Z]", text_of(page)))
        assert named <= known, page.name
    layers = (ROOT / "docs/pieces/runtime.md").read_text()
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", layers)) <= short | {"DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"}


def test_the_layers_stand_in_the_order_of_the_stack(projects: dict[str, Path]) -> None:
    stack = (projects["overlay"] / "hardening" / "stack.py").read_text()
    modules = {name: module for module, names in re.findall(r"^from \.(\w+) import (.*)$", stack, re.MULTILINE)
               for name in names.split(", ")}  # fmt: skip
    nodes = [node for node in ast.walk(ast.parse(stack)) if isinstance(node, ast.AnnAssign)]
    (layers_of,) = [node.value for node in nodes if ast.unparse(node.target) == "layers"]
    assert isinstance(layers_of, ast.Tuple)
    names = [re.match(r"(?:partial\()?(\w+)", ast.unparse(layer)) for layer in layers_of.elts]
    order = [f"{modules[name[1]]}.py" for name in names if name]
    page = (ROOT / "docs/pieces/runtime.md").read_text()
    rows = page.partition("| Layer |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+\.py)` \|", rows, re.MULTILINE) == order
    assert len(order) > 8


def test_every_question_is_explained_and_every_answer_in_a_command_has_a_question() -> None:
    recorded = {
        name for name, asked in questions().items() if isinstance(asked, dict) and name[0] != "_" and "help" in asked
    }
    pages = "\n".join(text_of(page) for page in PAGES)
    assert {name for name in recorded if f"`{name}`" not in pages} == set()
    assert set(re.findall(r"--data '?([a-z_]+)=", pages)) <= recorded


def test_the_options_of_the_overlay_are_those_of_the_command() -> None:
    said = run("casehard", "overlay", "--help", cwd=ROOT).stdout
    options = set(re.findall(r"--[a-z]+", said)) - {"--help"}
    table = (ROOT / "docs/overlay.md").read_text().partition("| Option |")[2].partition("\n\n")[0]
    assert set(re.findall(r"--[a-z]+", table)) == options


def test_the_readme_is_short_and_starts_with_the_command() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 120
    assert any(line.startswith("uvx copier copy https://") for line in lines[:10])
    for word in ("casehard overlay .", "uvx copier update --defaults", "casehard new", "make demo", "make test"):
        assert any(line.endswith(word) or f"{word} " in line for line in lines), word
