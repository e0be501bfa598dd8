"""Promises of a copy: no trust, nobody's file touched, and every file that comes out is sound."""

from __future__ import annotations

import ast
import configparser
import json
import re
import shutil
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
import pytest
import yaml
from conftest import ROOT, commit_all, git, run
from projects import (
    choosable,
    pieces,
    prototype,
    questions,
    recorded,
    render,
    shared_paths,
    tree,
    update,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUTS = ("new", "overlay")
DEFAULT = {"new": {"new", "api_key", "authenticated"}, "overlay": {"overlay"}}  # of {{only.NAME}}, by default answers
LEVELS = ("basic", "standard", "comprehensive")
HIDDEN = {name: asked for name, asked in questions().items() if isinstance(asked, dict) and asked.get("when") is False}
QUESTIONS = {
    name: asked
    for name, asked in questions().items()
    if isinstance(asked, dict) and name[0] != "_" and name not in HIDDEN
}


@pytest.fixture(scope="module")
def everything(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each layout with every piece."""
    folder = tmp_path_factory.mktemp("everything")
    chosen = {"level": "comprehensive", "pieces": choosable(), "project_name": "order-desk"}
    return {layout: render(template, folder / layout, layout=layout, **chosen) for layout in LAYOUTS}


# --- Nothing needs trust -----------------------------------------------------------------------


def demands_trust(settings: dict[str, Any]) -> list[str]:
    """The settings for which Copier asks for --trust, on copies or on updates."""
    found = [name for name in ("_tasks", "_jinja_extensions") if settings.get(name)]
    unversioned = [
        step for step in settings.get("_migrations") or [] if not (isinstance(step, dict) and step.get("version"))
    ]
    return found + ["_migrations"] * bool(unversioned)


def test_no_setting_demands_trust() -> None:
    """Hosted update services can't grant trust, and users shouldn't have to."""
    assert demands_trust(questions()) == []


@pytest.mark.parametrize(
    "added",
    [
        {"_tasks": ["true"]},
        {"_jinja_extensions": ["x.Y"]},
        {"_migrations": ["true"]},
        {"_migrations": [{"command": "true"}]},
    ],
)
def test_a_setting_that_demands_trust_is_seen(added: dict[str, Any]) -> None:
    """The check above would fail for each of them."""
    assert demands_trust(questions() | added)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copy_needs_neither_trust_nor_a_terminal(template: Path, tmp_path: Path, layout: str) -> None:
    """The command of the README works with standard input closed; an overlay adds files and changes none."""
    project = tmp_path / "order-desk"
    if layout == "overlay":
        prototype(project)
    run("copier", "copy", "--defaults", template, project, cwd=tmp_path)
    assert recorded(project)["layout"] == layout
    if layout == "overlay":
        assert git(project, "status", "--porcelain", "--untracked-files=no") == ""


def test_an_undefined_name_in_a_template_file_fails_the_copy(template: Path, tmp_path: Path) -> None:
    """A typing error in a template file never becomes an empty string in a user's file."""
    broken = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template), str(broken))
    (broken / "template" / "note.txt.jinja").write_text("{{ no_such_name }}")
    commit_all(broken)
    done = run("copier", "copy", "--defaults", "--vcs-ref=HEAD", broken, "project", cwd=tmp_path, check=False)
    assert done.returncode
    assert "no_such_name" in done.stderr


# --- What is recorded --------------------------------------------------------------------------


def test_the_recorded_source_is_an_https_address(template: Path, tmp_path: Path) -> None:
    """Update services don't know `gh:`; what is recorded works for them, and for `copier check-update`."""
    served = tmp_path / "served" / "casehard" / "casehard"
    shutil.copytree(template, served.with_suffix(".git"))
    elsewhere = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{tmp_path / 'served'}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "COPIER_CACHE_DIR": str(tmp_path / "cache"),
    }
    project = tmp_path / "order-desk"
    run("copier", "copy", "--defaults", "gh:casehard/casehard", project, cwd=tmp_path, check=True, **elsewhere)
    assert re.fullmatch(r"https://github\.com/casehard/casehard(\.git)?", recorded(project)["_src_path"])
    commit_all(project)
    run("copier", "check-update", cwd=project, check=True, **elsewhere)
    run("copier", "update", "--defaults", cwd=project, check=True, **elsewhere)


def test_the_answers_step_aside_for_another_template(template: Path, tmp_path: Path) -> None:
    """A project that another template made keeps that template's answers; ours stand beside them, and update."""
    project = prototype(tmp_path / "order-desk")
    lineage = "_commit: v1\n_src_path: https://github.com/another/template\nproject_name: Theirs!\n"
    (project / ".copier-answers.yml").write_text(lineage)
    commit_all(project)
    render(template, project)
    assert (project / ".copier-answers.yml").read_text() == lineage
    assert (project / ".copier-answers.casehard.yml").is_file()
    assert recorded(project)["project_name"] == "order-desk"
    update(project)
    assert (project / ".copier-answers.yml").read_text() == lineage


def test_the_answers_of_this_template_stay_where_they_are(template: Path, tmp_path: Path) -> None:
    """A second copy of this template into a project finds its own answers, not a stranger's."""
    source = tmp_path / "casehard"
    git(tmp_path, "clone", "--quiet", str(template), str(source))
    project = render(source, prototype(tmp_path / "order-desk"))
    commit_all(project)
    copier.run_recopy(project, defaults=True, overwrite=True, quiet=True)
    assert not (project / ".copier-answers.casehard.yml").exists()


# --- Nobody's file is touched ------------------------------------------------------------------


@pytest.mark.parametrize("import_root", [".", "src", "backend/api"])
def test_an_overlay_writes_outside_its_folder_only_what_can_be_kept(
    template: Path, tmp_path: Path, import_root: str
) -> None:
    """Each path outside the hardening folder is in `shared_paths`, so a file that was there first is found and kept."""
    project = render(template, tmp_path / "p", layout="overlay", pieces=choosable(), import_root=import_root)
    ours = ("hardening/" if import_root == "." else f"{import_root}/hardening/", ".copier-answers.yml")
    assert [name for name in tree(project) if not name.startswith(ours) and name not in shared_paths()] == []


@pytest.mark.parametrize("import_root", [".", "src"])
def test_an_overlay_brings_no_identity_files(template: Path, tmp_path: Path, import_root: str) -> None:
    """What a project is stays its owner's to say, also where they haven't said it."""
    project = render(template, tmp_path / "p", layout="overlay", pieces=choosable(), import_root=import_root)
    identity = re.compile(
        r"(pyproject\.toml|setup\.(py|cfg)|README.*|requirements.*|uv\.lock|\.gitignore|Makefile|Dockerfile|LICENSE|tests/.*|src/(?!hardening/).*)"
    )
    assert [name for name in tree(project) if identity.fullmatch(name)] == []


ODD = b"\xff\x00 mine\r\n{{ not_a_variable }} {% if %}\n"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_that_were_there_first_stay_byte_for_byte(template: Path, tmp_path: Path, layout: str) -> None:
    """On the copy, on an update that changes them, and on an update that drops them."""
    source = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template), str(source))
    project = tmp_path / "order-desk"
    for path in shared_paths():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(ODD if path != ".gitignore" else b"*.odd\r\n")
    before = tree(project)
    commit_all(project)
    render(source, project, layout=layout, pieces=choosable())
    assert tree(project).items() >= before.items()
    assert set(recorded(project)["keep"]) == set(shared_paths())

    names = {Path(path).name for path in shared_paths()}
    shared = [path for path in (source / "template").rglob("*") if path.name.removesuffix(".jinja") in names]
    for tag in ("v1.1.0", "v1.2.0"):
        for file in shared:
            file.write_text("another text\n") if tag == "v1.1.0" else file.unlink()
        commit_all(source, tag)
        git(source, "tag", tag)
        commit_all(project)
        run("copier", "update", "--defaults", cwd=project)
        assert recorded(project)["_commit"] == tag
        assert tree(project).items() >= before.items()


# --- What is in the template's tree ------------------------------------------------------------


def template_paths() -> list[Path]:
    """Every file of the template, seen from its root."""
    folder = ROOT / "template"
    return [
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]


def test_every_template_file_belongs_to_a_piece() -> None:
    """A piece is one folder: only the answers lie beside the pieces, and every piece of the map has its folder."""
    expected = {f"{{{{piece.{name}}}}}" for name in pieces()} | {"{{_copier_conf.answers_file}}.jinja"}
    assert {path.parts[0] for path in template_paths()} == expected


def test_path_names_hold_no_conditions() -> None:
    """A name holds only plain expressions, and no character that some file system refuses."""
    known = {f"piece.{name}" for name in pieces()}
    known |= {f"only.{name}" for name in yaml.safe_load(questions()["only"]["default"])}
    known |= {name for name in HIDDEN if name not in ("piece", "only")} | {"_copier_conf.answers_file"}
    for path in template_paths():
        for part in path.parts:
            assert {name.strip() for name in re.findall(r"{{(.*?)}}", part)} <= known, part
            assert re.fullmatch(r"[\w.-]*", re.sub(r"{{.*?}}", "", part)), part


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_templates_own_files_never_leak(everything: dict[str, Path], layout: str) -> None:
    """Nothing of this repository that is not under template/ comes out of a copy."""
    own = {path.name for path in ROOT.iterdir()} - set(shared_paths()) - {"tests", ".github"}
    assert own >= {"copier.yml", "template", "hooks", "CHANGELOG.md"}
    names = tree(everything[layout])
    assert {name.split("/")[0] for name in names} & own == set()
    assert [name for name in names if name.endswith(".jinja") or "{{" in name] == []


# --- Questions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_help_text_and_a_default(name: str) -> None:
    """Whoever presses return at each question gets a good service."""
    assert QUESTIONS[name]["help"]
    assert "default" in QUESTIONS[name]


def test_few_questions_are_asked() -> None:
    """Eight for a new service, ten for a prototype; what can be found is recorded and not asked."""
    asked = [name for name, question in QUESTIONS.items() if question.get("ask") is not False]
    prototypes_only = [name for name in asked if "overlay" in str(QUESTIONS[name].get("when"))]
    assert len(asked) - len(prototypes_only) <= 8
    assert len(asked) <= 10


NAME = "A name has at most 40 lower-case letters, digits and single hyphens, and starts with a letter: order-desk."
TAKEN = "A Python package of that name exists already: choose another name."
DESCRIPTION = "A description is one line of at most 120 characters without double quotes or backslashes."
EMAIL = "An e-mail address looks like name@example.com."
PIPELINE = "The pipeline runs the checks of tests and quality: choose both, or leave ci_github out."
ENTRY = "An entry point is a module and a name, like main:app or shop.web:create_app()."
FOLDER = "The import root is a folder inside the repository, like . or backend."
DEPENDENCIES = "Dependencies are declared in a uv.lock, poetry.lock, pyproject.toml or *.txt inside the repository"
OLDEST = "The hardening layer needs Python 3.11 or newer, like 3.12."
VARIABLES = "required_variables is a list of names of environment variables."

REFUSED: list[tuple[str, object, str]] = [
    *(
        ("project_name", bad, NAME)
        for bad in ("", "Order", "order_desk", "1st", "-a", "a-", "a--b", "a b", "é", "a\n", "a" * 41)
    ),
    *(("project_name", bad, TAKEN) for bad in ("fastapi", "test", "hardening", "json")),
    *(("description", bad, DESCRIPTION) for bad in ("", "  ", 'a "b"', "a\\b", "a\nb", "a\tb", "a" * 121)),
    *(
        ("owner_email", bad, EMAIL)
        for bad in ("", "me", "me@", "@example.com", "me@example", "a b@example.com", "me@example.com\n")
    ),
    ("pieces", ["ci_github", "tests"], PIPELINE),
    ("pieces", ["ci_github"], PIPELINE),
    *(
        ("entry_point", bad, ENTRY)
        for bad in ("", "main", "main.py:app", "main:", ":app", "main:app(1)", "a/b:app", "main:app\n")
    ),
    *(("import_root", bad, FOLDER) for bad in ("", "..", "../up", "/abs", "a//b", "a/", "./a", "a/../b")),
    *(("dependencies", bad, DEPENDENCIES) for bad in ("", "setup.py", "../requirements.txt", "/uv.lock", "a b.txt")),
    *(("minimum_python", bad, OLDEST) for bad in ("", "3.10", "3", "2.7", "3.11.2", "4.0")),
    *(("required_variables", bad, VARIABLES) for bad in (["A-B"], ["1A"], ["A", ""])),
]


@pytest.mark.parametrize(("name", "bad", "sentence"), REFUSED)
def test_a_bad_answer_is_refused_with_one_sentence(
    template: Path, tmp_path: Path, name: str, bad: object, sentence: str
) -> None:
    """The sentence says what a good answer looks like; nothing is written."""
    layout = "overlay" if "overlay" in str(QUESTIONS[name].get("when")) else "new"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        render(template, tmp_path / "project", layout=layout, **{name: bad})
    assert not (tmp_path / "project").exists()


def test_every_validator_has_a_row_above() -> None:
    """A question whose answers can be wrong has a bad answer in the table."""
    assert {name for name, asked in QUESTIONS.items() if "validator" in asked} == {name for name, _, _ in REFUSED}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("order-desk", "order-desk"),
        ("Order Desk 2", "order-desk-2"),
        ("2024_shop", "shop"),
        ("___", "service-service"),
        ("fastapi", "fastapi-service"),
        ("täst", "t-st"),
        ("x" * 60, "x" * 40),
    ],
)
def test_any_folder_gives_a_good_name(template: Path, tmp_path: Path, folder: str, name: str) -> None:
    """The default passes its own validator whatever the folder is called."""
    assert recorded(render(template, tmp_path / folder, pieces=[]))["project_name"] == name


# --- What comes out ----------------------------------------------------------------------------

AWKWARD = "It's <b>#1</b>: 50% & more; {{ 7 * 7 }} ${{ github.token }} $HOME `id` {% if %} - Ähre, 日本 ✓"


def unsound(path: Path) -> str | None:
    """Why a file is not well-formed in the language that its name says, or None."""
    text = path.read_text(encoding="utf-8")
    readers: dict[str, Callable[[str], object]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": lambda text: list(yaml.safe_load_all(text)),
        ".yaml": lambda text: list(yaml.safe_load_all(text)),
        ".ini": configparser.RawConfigParser().read_string,
    }
    try:
        readers.get(path.suffix, str)(text)
    except (SyntaxError, ValueError, yaml.YAMLError, configparser.Error) as error:
        return f"{path}: {error}"
    return None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", LEVELS)
def test_what_comes_out_is_well_formed(template: Path, tmp_path: Path, layout: str, level: str) -> None:
    """Python, TOML, YAML, JSON and INI parse, with the most awkward description that is allowed."""
    project = render(template, tmp_path / "order-desk", layout=layout, level=level, description=AWKWARD)
    assert recorded(project)["description"] == AWKWARD
    assert [reason for name in tree(project) if (reason := unsound(project / name))] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text_is_tidy(everything: dict[str, Path], layout: str) -> None:
    """Rendering leaves no trailing spaces, no triple blank lines, no missing last newline, no template marks."""
    for name, content in tree(everything[layout]).items():
        text = content.decode()
        lines = text.split("\n")
        assert not text or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert [line for line in lines if line != line.rstrip()] == [], name
        assert not any(a == b == c == "" for (a, b), (_, c) in pairwise(pairwise(lines[:-1]))), name
        if name.endswith((".py", ".toml", ".ini")):
            assert "{%" not in text, name


def test_no_description_reaches_a_workflow(template: Path, tmp_path: Path) -> None:
    """Free text in a pipeline would be an expression there."""
    project = render(template, tmp_path / "p", level="comprehensive", description=AWKWARD)
    workflows = list((project / ".github" / "workflows").iterdir())
    assert workflows
    assert [path.name for path in workflows if "Ähre" in path.read_text()] == []


def rendered_names(piece: str, layout: str) -> set[str]:
    """What the files of one piece are called in the project `order-desk`."""
    folder = f"{{{{piece.{piece}}}}}"
    brought = {f"{{{{only.{name}}}}}" for name in DEFAULT[layout]}
    values = {
        "package": "order_desk",
        "hardening_dir": "src/order_desk/hardening" if layout == "new" else "hardening",
        "hardening_tests": "tests/hardening" if layout == "new" else "hardening/tests",
        "_copier_conf.answers_file": ".copier-answers.yml",
    }
    names = set()
    for path in template_paths():
        if path.parts[0] == folder and {part for part in path.parts if part.startswith("{{only.")} <= brought:
            parts = [part for part in path.parts[1:] if part not in brought]
            name = "/".join(parts).removesuffix(".jinja")
            names.add(re.sub(r"{{\s*(.*?)\s*}}", lambda found: values[found[1]], name))
    return names


TOOLS = {
    "tests": ("pytest", "schemathesis", "httpx"),
    "quality": ("ruff", "mypy", "pre-commit", "zizmor"),
    "container": ("docker", "compose"),
    "ci_github": ("github actions",),
    "supply_chain": ("scorecard", "codeql"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("left_out", choosable())
def test_a_piece_that_is_left_out_leaves_nothing(
    template: Path, everything: dict[str, Path], tmp_path: Path, layout: str, left_out: str
) -> None:
    """Exactly its files are missing, and the declared dependencies name none of its tools."""
    chosen = [name for name in choosable() if name != left_out]
    if left_out in ("tests", "quality"):
        chosen.remove("ci_github")
    project = render(template, tmp_path / "p", layout=layout, pieces=chosen, project_name="order-desk")
    gone = {left_out} | set(choosable()) - set(chosen)
    assert set(tree(everything[layout])) - set(tree(project)) == {
        n for piece in gone for n in rendered_names(piece, layout)
    }
    declared = (
        ("pyproject.toml",) if layout == "new" else ("hardening/requirements.txt", "hardening/requirements-dev.txt")
    )
    text = "".join((project / name).read_text() for name in declared if (project / name).exists()).lower()
    assert text
    assert [tool for piece in gone for tool in TOOLS[piece] if re.search(rf"\b{tool}\b", text)] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_message_names_commands_that_exist(template: Path, tmp_path: Path, layout: str) -> None:
    """What the copy prints at its end is what the project can do."""
    project = tmp_path / "order-desk"
    done = subprocess.run(
        ["copier", "copy", "--defaults", "--data", f"layout={layout}", str(template), str(project)],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    targets = re.findall(r"^ +make (?:-C (\S+) )?(.+)$", done.stdout + done.stderr, re.MULTILINE)
    assert targets
    for folder, names in targets:
        makefile = (project / folder / "Makefile").read_text()
        assert [name for name in names.split() if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
