"""A prototype that is hardened answers as before, passes its new checks, and follows the template's versions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import commit_all, git, run
from serving import PROTOTYPES, answers, casehard, conversation, served_bare, served_hardened, set_up, streamed

if TYPE_CHECKING:
    from pathlib import Path

# The layer's own tests need not run on every prototype: on each import root, framework, age of dependencies and
# required variable once.
CHECKED_IN_FULL = {"fastapi-backend-live", "fastapi-factory-src", "fastapi-own-files", "flask-blueprints"}


def tracked_changes(project: Path) -> str:
    """What git sees as changed in files that were there before."""
    return git(project, "status", "--porcelain", "--untracked-files=no")


def harden(project: Path, template: Path, *options: str) -> str:
    """Overlay without questions, and return what was printed."""
    done = casehard("overlay", project, "--defaults", "--template", template, *options, cwd=project.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tracked_changes(project) == ""
    return done.stdout


@pytest.mark.heavy
@pytest.mark.parametrize("source", PROTOTYPES, ids=lambda source: source.name)
def test_a_hardened_prototype_answers_as_before_and_passes_its_checks(
    source: Path, template: Path, tmp_path: Path
) -> None:
    prototype = set_up(source, tmp_path / source.name)
    bare = shutil.copytree(prototype.root, tmp_path / "bare")
    printed = harden(prototype.root, template)
    assert prototype.spec["entry_point"] in printed
    make = ("make", "-C", prototype.layer)
    locked = (prototype.layer / "requirements.lock").read_text()
    run(*make, "lock", "install", cwd=prototype.root)
    assert (prototype.layer / "requirements.lock").read_text() == locked
    python = prototype.layer / ".venv" / "bin" / "python"

    observed = []
    for server in (served_bare(prototype, python, bare), served_hardened(prototype, python)):
        with server as client:
            got: list[object] = list(answers(client, prototype))
            if stream := prototype.spec.get("stream"):
                got.append(streamed(client, stream))
            if websocket := prototype.spec.get("websocket"):
                got.append(conversation(client, websocket))
            observed.append(got)
    before, after = observed
    assert after == before

    assignments = [f"{name}={value}" for name, value in prototype.environment.items()]
    checks = ["check"] if source.name in CHECKED_IN_FULL else ["test", "ARGS=-k prototype"]
    run("env", *assignments, *make, *checks, cwd=prototype.root)
    assert tracked_changes(prototype.root) == ""
    assert "://" not in locked
    again = casehard("overlay", prototype.root, "--defaults", "--template", template, cwd=tmp_path)
    assert (again.returncode, "copier update" in again.stderr) == (1, True)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["fastapi-backend-live", "fastapi-own-files"])
def test_copier_update_brings_a_new_version_and_leaves_the_prototype_alone(
    name: str, template: Path, tmp_path: Path
) -> None:
    upstream = shutil.copytree(template, tmp_path / "casehard")
    prototype = set_up(next(one for one in PROTOTYPES if one.name == name), tmp_path / name)
    harden(prototype.root, upstream)
    layer = prototype.layer.relative_to(prototype.root)
    mine = prototype.layer / "stack.py"
    mine.write_text(f"{mine.read_text()}\n# The owner's own line.\n")
    commit_all(prototype.root, "hardened")
    theirs = set(git(prototype.root, "ls-tree", "-r", "--name-only", "HEAD~1").split())

    changed = upstream / "template" / "{{piece.runtime}}" / "{{hardening_dir}}" / "stack.py"
    changed.write_text(f"# The new version's line.\n{changed.read_text()}")
    commit_all(upstream, "v1.1.0")
    git(upstream, "tag", "v1.1.0")
    run("copier", "update", "--defaults", "--answers-file", answers_file(prototype.root).name, cwd=prototype.root)

    updated = set(git(prototype.root, "diff", "--name-only", "HEAD").split())
    assert updated == {str(layer / "stack.py"), answers_file(prototype.root).name}
    assert not updated & theirs
    text = mine.read_text()
    assert text.startswith("# The new version's line.")
    assert text.endswith("# The owner's own line.\n")


def test_a_folder_of_a_larger_repository_is_hardened_by_itself(template: Path, tmp_path: Path) -> None:
    source = next(one for one in PROTOTYPES if one.name == "fastapi-flat")
    service = shutil.copytree(source, tmp_path / "all" / "services" / "todo")
    commit_all(tmp_path / "all")
    (tmp_path / "all" / "notes.txt").write_text("work in progress elsewhere\n")
    harden(service, template, "--level", "basic")
    added = set(git(tmp_path / "all", "ls-files", "--others").split())
    assert {path for path in added if not path.startswith("services/todo/")} == {"notes.txt"}
    recorded = yaml.safe_load(answers_file(service).read_text())
    assert (recorded["project_name"], recorded["level"]) == ("todo", "basic")


def test_a_name_that_the_template_refuses_gives_way_to_its_default(template: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop-desk"
    project.mkdir()
    (project / "main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n")
    (project / "pyproject.toml").write_text('[project]\nname = "fastapi"\nversion = "1"\ndependencies = ["fastapi"]\n')
    commit_all(project)
    git(project, "config", "user.email", "nobody")
    harden(project, template, "--level", "basic")
    recorded = yaml.safe_load(answers_file(project).read_text())
    assert (recorded["project_name"], recorded["owner_email"]) == ("shop-desk", "owner@example.com")


@pytest.mark.heavy
@pytest.mark.parametrize("tagged", [True, False], ids=["release", "no-release"])
def test_the_overlay_records_the_template_that_it_was_installed_from(
    template: Path, tmp_path: Path, tagged: bool
) -> None:
    upstream = shutil.copytree(template, tmp_path / "casehard")
    if not tagged:
        git(upstream, "tag", "--delete", "v1.0.0")
    prototype = set_up(next(one for one in PROTOTYPES if one.name == "fastapi-flat"), tmp_path / "todo")
    command = ("uvx", "--from", f"git+{upstream.as_uri()}", "casehard", "overlay", ".", "--defaults")
    run(*command, cwd=prototype.root)
    recorded = yaml.safe_load(answers_file(prototype.root).read_text())
    assert recorded["_src_path"] == str(upstream)
    commit = git(upstream, "rev-parse", "HEAD")
    assert recorded["_commit"] == "v1.0.0" if tagged else commit.startswith(recorded["_commit"])

    commit_all(prototype.root, "hardened")
    changed = upstream / "template" / "{{piece.runtime}}" / "{{hardening_dir}}" / "stack.py"
    changed.write_text(f"# The new version's line.\n{changed.read_text()}")
    commit_all(upstream, "v1.1.0")
    if tagged:
        git(upstream, "tag", "v1.1.0")
    run("copier", "update", "--defaults", cwd=prototype.root)
    assert (prototype.layer / "stack.py").read_text().startswith("# The new version's line.")


def answers_file(project: Path) -> Path:
    """Where the answers are recorded."""
    (found,) = project.glob(".copier-answers*.yml")
    return found
