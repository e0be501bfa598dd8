"""Promises of an update: what is new arrives, what is the user's stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, commit_all, git, run, snapshot
from projects import answers_file, choosable, prototype, recorded, render, tree, update

if TYPE_CHECKING:
    from pathlib import Path

LAYOUTS = ("new", "overlay")
NAME = "order-desk"
PACKAGE = {"new": "src/order_desk/hardening", "overlay": "hardening"}
SAMPLE = r"^src/order_desk/resources/notes/"
ADDED, DROPPED, CHANGED = "added.py", "placeholders.py", "logs.py"


@pytest.fixture(scope="module")
def releases(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with a second release, v1.1.0: every file has a new last line, one is new, one is gone."""
    newer = tmp_path_factory.mktemp("newer") / "casehard"
    git(template, "clone", "--quiet", str(template), str(newer))
    for path in (newer / "template").rglob("*"):
        if path.is_file() and re.search(r"(\.(py|toml|ya?ml|ini|md)|ignore|Makefile|Dockerfile)(\.jinja)?$", path.name):
            if "answers_file" not in path.name:
                path.write_text(path.read_text() + "# A line of release 1.1.0.\n")
            if path.name == DROPPED:
                path.rename(path.with_name(ADDED))
    commit_all(newer, "v1.1.0")
    git(newer, "tag", "v1.1.0")
    return newer


def start(releases: Path, project: Path, layout: str, **answers: object) -> Path:
    """Make a project from release v1.0.0 with every piece; a prototype is there first in the overlay layout."""
    if layout == "overlay":
        prototype(project)
    chosen = {"layout": layout, "project_name": NAME, "level": "comprehensive", "pieces": choosable()}
    options = [f"--data={name}={value}" for name, value in (chosen | answers).items()]
    run("copier", "copy", "--defaults", "--vcs-ref=v1.0.0", *options, releases, project, cwd=project.parent)
    commit_all(project)
    return project


@pytest.mark.parametrize("layout", LAYOUTS)
def test_update_converges_to_a_fresh_render(releases: Path, tmp_path: Path, layout: str) -> None:
    """Who never edited has what a newcomer gets, but for the sample, which is the owner's from the first day."""
    project = start(releases, tmp_path / NAME, layout)
    before = tree(project)
    update(project)
    fresh = tmp_path / "fresh" / NAME
    if layout == "overlay":
        prototype(fresh)
    fresh = render(releases, fresh, **{name: answer for name, answer in recorded(project).items() if name[0] != "_"})
    assert recorded(project)["_commit"] == "v1.1.0"
    assert f"{PACKAGE[layout]}/{ADDED}" in tree(project)
    assert f"{PACKAGE[layout]}/{DROPPED}" not in tree(project)
    assert tree(project, without=SAMPLE) == tree(fresh, without=SAMPLE)
    sample = {name: content for name, content in before.items() if re.search(SAMPLE, name)}
    assert {name: content for name, content in tree(project).items() if re.search(SAMPLE, name)} == sample
    assert bool(sample) == (layout == "new")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_update_changes_nothing(releases: Path, tmp_path: Path, layout: str) -> None:
    """Bots may run the update as often as they like."""
    project = start(releases, tmp_path / NAME, layout)
    update(project)
    commit_all(project)
    once = tree(project)
    update(project)
    assert tree(project) == once
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_update_keeps_the_users_edits(releases: Path, tmp_path: Path, layout: str) -> None:
    """Also in a file that the release changed elsewhere."""
    project = start(releases, tmp_path / NAME, layout)
    edited = project / PACKAGE[layout] / CHANGED
    edited.write_text("# A line of the user.\n" + edited.read_text())
    update(project)
    text = edited.read_text()
    assert text.startswith("# A line of the user.\n")
    assert text.endswith("# A line of release 1.1.0.\n")
    assert "<<<<<<<" not in text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_update_never_touches_the_users_own_files(releases: Path, tmp_path: Path, layout: str) -> None:
    """Neither beside the template's files nor in the prototype."""
    project = start(releases, tmp_path / NAME, layout)
    own = {f"{PACKAGE[layout]}/mine.py": "X = 1\n", "notes.txt": "mine\n", ".github/workflows/mine.yml": "on: push\n"}
    for name, text in own.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    own |= {name: (project / name).read_text() for name in ("main.py", "requirements.txt") if layout == "overlay"}
    update(project)
    assert {name: (project / name).read_text() for name in own} == own


def test_a_deleted_sample_stays_deleted(releases: Path, tmp_path: Path) -> None:
    """The sample is one folder; whoever deleted it never sees it again, nor any other file that they deleted."""
    project = start(releases, tmp_path / NAME, "new")
    git(project, "rm", "-r", "--quiet", "src/order_desk/resources/notes", "SECURITY.md")
    update(project)
    assert not (project / "src/order_desk/resources/notes").exists()
    assert not (project / "SECURITY.md").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_both_added_becomes_a_merge(releases: Path, tmp_path: Path, layout: str) -> None:
    """A user's file in the place where the release puts a new one keeps the user's text."""
    project = start(releases, tmp_path / NAME, layout)
    mine = project / PACKAGE[layout] / ADDED
    mine.write_text('MINE = "kept"\n')
    update(project)
    assert 'MINE = "kept"' in mine.read_text()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("piece", ["container", "supply_chain"])
def test_a_piece_can_be_switched_on_and_off(releases: Path, tmp_path: Path, layout: str, piece: str) -> None:
    """With `copier update --data`: what it brings comes and goes whole."""
    project = start(releases, tmp_path / NAME, layout)
    with_it = set(tree(project))
    others = [name for name in choosable() if name != piece]
    update(project, "--vcs-ref=:current:", f"--data=pieces={others}")
    without = set(tree(project))
    assert without < with_it
    update(project, "--vcs-ref=:current:", f"--data=pieces={choosable()}")
    assert set(tree(project)) == with_it


@pytest.mark.heavy
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_conflict_leaves_marks_that_lint_finds(releases: Path, tmp_path: Path, layout: str) -> None:
    """Where both changed one line both texts stand, and the generated checks refuse the file until one is chosen."""
    project = start(releases, tmp_path / NAME, layout)
    both = project / PACKAGE[layout] / CHANGED
    both.write_text(both.read_text() + "# Another last line.\n")
    update(project)
    text = both.read_text()
    assert "<<<<<<<" in text
    assert "# Another last line." in text
    assert "# A line of release 1.1.0." in text
    git(project, "add", "--all")
    make = ["make"] if layout == "new" else ["make", "-C", "hardening"]
    for step in [["uv", "sync", "--quiet"]] if layout == "new" else [[*make, "lock", "install"]]:
        run(*step, cwd=project)
    done = run(*make, "lint", cwd=project, check=False)
    assert done.returncode
    assert "logs.py" in done.stdout + done.stderr


def test_update_from_the_newest_release_converges_to_a_fresh_render(tmp_path: Path) -> None:
    """What users have today becomes what this checkout makes."""
    tags = git(ROOT, "tag", "--list", "v*", "--sort=-version:refname").split()
    if not tags:
        pytest.skip("this repository has no release yet")
    source = snapshot(tmp_path / "casehard", "v9999.0.0")
    git(source, "fetch", "--quiet", "--no-tags", str(ROOT), f"refs/tags/{tags[0]}:refs/tags/{tags[0]}")
    project = tmp_path / NAME
    run("copier", "copy", "--defaults", f"--vcs-ref={tags[0]}", source, project, cwd=tmp_path)
    update(project)
    fresh = render(source, tmp_path / "fresh" / NAME)
    assert tree(project, without=SAMPLE) == tree(fresh, without=SAMPLE)
    assert answers_file(project).read_text() == answers_file(fresh).read_text()
