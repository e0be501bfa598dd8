"""Promises of the quality piece: strict checks that a fresh project passes and that leave a prototype alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import commit_all, run
from projects import render
from rendered import LAYOUTS, OWNER, hardening_folder, render_both, workflow_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each layout with every piece."""
    return render_both(template, tmp_path_factory.mktemp("quality"))


@pytest.fixture(params=LAYOUTS)
def project(request: pytest.FixtureRequest, projects: dict[str, Path]) -> Path:
    """One of the two."""
    return projects[request.param]


def own_code(project: Path) -> Path:
    """A module of the hardening layer."""
    return next(path for path in project.rglob("hardening/drain.py"))


def hooks(project: Path) -> list[dict[str, Any]]:
    """The pre-commit hooks of a project."""
    repositories = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"], (
        "hooks come from PyPI, not from a code host"
    )
    return list(repositories[0]["hooks"])


# --- Renovate ------------------------------------------------------------------------------------


def test_renovate_leaves_to_the_template_what_the_template_pins(project: Path) -> None:
    settings = json.loads((project / "renovate.json").read_text())
    disabled = [rule for rule in settings["packageRules"] if rule.get("enabled") is False]
    (actions,) = [rule for rule in disabled if rule["matchManagers"] == ["github-actions"]]
    assert set(actions["matchFileNames"]) == {file.relative_to(project).as_posix() for file in workflow_files(project)}
    assert "action" in actions["matchDepTypes"]
    assert not {"service", "container"} & set(actions["matchDepTypes"]), "images of services get their digests"


def test_renovate_pins_images_waits_and_brings_newer_templates(project: Path) -> None:
    settings = json.loads((project / "renovate.json").read_text())
    assert {"config:recommended", "docker:pinDigests"} <= set(settings["extends"])
    assert settings["minimumReleaseAge"] == "3 days"
    assert [rule for rule in settings["packageRules"] if rule["matchManagers"] == ["copier"] and "enabled" not in rule]


# --- Who and where -------------------------------------------------------------------------------


def test_the_owner_reviews_everything_and_hears_of_vulnerabilities(project: Path) -> None:
    assert f"* {OWNER}" in (project / ".github/CODEOWNERS").read_text().splitlines()
    assert f"mailto:{OWNER}" in (project / "SECURITY.md").read_text()


def test_security_md_names_only_what_is_there(template: Path, tmp_path: Path) -> None:
    lean = render(template, tmp_path, layout="new", project_name="order-desk", pieces=["tests", "quality"])
    text = (lean / "SECURITY.md").read_text()
    assert not re.search("container|pipeline|CodeQL", text)


# --- Ruff and mypy -------------------------------------------------------------------------------


def test_the_style_of_a_fresh_project_is_clean(project: Path) -> None:
    folder = hardening_folder(project)
    run("ruff", "check", "--no-cache", ".", cwd=folder)
    run("ruff", "format", "--no-cache", "--check", ".", cwd=folder)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("import subprocess\n\nsubprocess.run('ls', shell=True)\n", "S602"),
        ("import datetime\n\nNOW = datetime.datetime.now()\n", "DTZ005"),
        ("import time\n\n\nasync def wait() -> None:\n    time.sleep(1)\n", "ASYNC251"),
        ("try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"),
        ("print('debugging')\n", "T201"),
    ],
)
def test_the_linter_notices(project: Path, damage: str, rule: str) -> None:
    command = ("ruff", "check", "--no-cache", "--output-format=concise", "--stdin-filename")
    file = own_code(project).with_name("damaged.py")
    file.write_text(damage)
    try:
        done = run(*command[:-1], file, cwd=project, check=False)
    finally:
        file.unlink()
    assert done.returncode == 1
    assert rule in done.stdout


def test_the_prototype_keeps_its_own_style(projects: dict[str, Path]) -> None:
    project = projects["overlay"]
    assert not {"ruff.toml", "mypy.ini", "pyproject.toml"} & {path.name for path in project.iterdir()}
    rough = project / "rough.py"
    rough.write_text("print('a prototype prints')\n")
    try:
        run("ruff", "check", "--no-cache", "rough.py", cwd=project)
    finally:
        rough.unlink()


@pytest.mark.heavy
def test_types_are_checked_in_the_layer_and_not_in_the_prototype(template: Path, tmp_path: Path) -> None:
    project = render_both(template, tmp_path)["overlay"]
    (project / "loose.py").write_text("def total(prices):\n    return sum(prices) + 'pence'\n\n\nx: int = 'one'\n")
    main = project / "main.py"
    main.write_text(f"import loose\n{main.read_text()}")
    for target in ("lock", "install", "types"):
        run("make", "-C", "hardening", target, cwd=project)

    damaged = own_code(project).with_name("damaged.py")
    damaged.write_text("from .settings import HardeningSettings\n\nHardeningSettings(prot=1)\n")
    done = run("make", "-C", "hardening", "types", cwd=project, check=False)
    assert done.returncode != 0
    assert 'damaged.py:3: error: Unexpected keyword argument "prot"' in done.stdout
    assert "loose.py" not in done.stdout


# --- Hooks before a commit -----------------------------------------------------------------------


def test_every_hook_is_a_package_at_a_fixed_version(project: Path) -> None:
    for hook in hooks(project):
        if hook["language"] in {"fail", "pygrep"}:
            continue
        assert hook["language"] == "python", hook["id"]
        for package in hook["additional_dependencies"]:
            assert re.fullmatch(r"[\w-]+==\d+(\.\d+)+", package), package


@pytest.mark.heavy
@pytest.mark.parametrize("layout", LAYOUTS)
def test_hooks_pass_on_a_fresh_project_and_stop_what_must_not_be_committed(
    template: Path, tmp_path: Path, layout: str
) -> None:
    project = render_both(template, tmp_path)[layout]
    commit_all(project)
    run("pre-commit", "run", "--all-files", cwd=project)

    key = "-----BEGIN RSA " + "PRIVATE KEY-----\n"
    token = "AKIA" + "QZ7PLM3XWN5RTKJH"
    module = own_code(project).with_name("damaged.py").relative_to(project).as_posix()
    workflow = workflow_files(project)[0]
    unpinned = re.sub("@[0-9a-f]{40} # v", "@v", workflow.read_text())
    planted = {
        "conflict-markers": ("notes.txt", "<<<<<<< mine\na\n=======\nb\n>>>>>>> theirs\n"),
        "rejected-updates": ("main.py.rej", "@@ -1 +1 @@\n"),
        "private-keys": ("deploy.txt", key),
        "secrets": ("deploy.yaml", f"access: {token}\n"),
        "large-files": ("dump.txt", "x" * 1_100_000),
        "ruff-check": (module, "import os\n"),
        "workflows": (workflow.relative_to(project).as_posix(), unpinned),
    }
    for name, text in planted.values():
        (project / name).write_text(text)
    run("git", "add", "--all", "--force", cwd=project)
    for hook in planted:
        done = run("pre-commit", "run", hook, cwd=project, check=False)
        assert done.returncode == 1, f"{hook} let it pass:\n{done.stdout}"
        assert token not in done.stdout
