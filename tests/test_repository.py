"""This repository keeps to what it asks of others: pinned, least privilege, one place for each fact."""

from __future__ import annotations

import re
import stat
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import ROOT, git, run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PARTS = {"copier.yml", "docs", "hooks", "template", "tests", "README.md"}
USUAL = {
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *("Makefile", "SECURITY.md", "pyproject.toml", "uv.lock"),
}
MAX_BYTES = 500_000


def listed() -> list[str]:
    """Every file that is, or is about to be, under version control."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def read(name: str) -> str:
    """A file's text, or nothing where it is no text."""
    return (ROOT / name).read_bytes().decode(errors="ignore")


def workflow(path: Path) -> dict[str, Any]:
    """A workflow as GitHub reads it."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def test_the_top_level_holds_the_parts_and_what_every_python_repository_has() -> None:
    assert {name.partition("/")[0] for name in listed()} == PARTS | USUAL


def test_no_file_is_large_because_every_copy_clones_the_history() -> None:
    assert [name for name in listed() if (ROOT / name).stat().st_size > MAX_BYTES] == []


def test_the_address_has_one_source() -> None:
    url = ABOUT["project"]["urls"]["Repository"]
    found = {
        (name, address)
        for name in listed()
        if not name.startswith("tests/")
        for address in re.findall(r"https://github\.com/[\w-]+/casehard\b", read(name))
    }
    assert {address for _, address in found} == {url}
    assert "README.md" in {name for name, _ in found}


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == ABOUT["project"]["version"]
    assert versions == sorted(versions, key=lambda version: [int(part) for part in version.split(".")], reverse=True)


def test_what_sets_itself_up_asks_for_the_versions_that_the_project_asks_for() -> None:
    program = read("hooks/find_uv.py")
    uv = ", ".join(ABOUT["tool"]["uv"]["required-version"].removeprefix(">=").split("."))
    python = ", ".join(ABOUT["project"]["requires-python"].removeprefix(">=").split("."))
    assert f"OLDEST_UV = ({uv})" in program
    assert f"OLDEST_PYTHON = ({python})" in program


def find_uv(path: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Ask where uv is, on a machine whose only uv says that it has this version, and which can't reach PyPI."""
    uv = path / "uv"
    uv.write_text(f"#!/bin/sh\necho 'uv {version}'\n")
    uv.chmod(0o755)
    program = path / "hooks" / "find_uv.py"
    program.parent.mkdir()
    program.write_text(read("hooks/find_uv.py"))
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    return run(sys.executable, program, cwd=path, check=False, PATH=f"{path}:/usr/bin:/bin", **nowhere)


def test_a_uv_that_is_new_enough_is_used(tmp_path: Path) -> None:
    assert find_uv(tmp_path, "0.9.17").stdout.strip() == str(tmp_path / "uv")


def test_an_older_uv_is_not_used_and_a_failure_is_one_sentence(tmp_path: Path) -> None:
    done = find_uv(tmp_path, "0.9.16")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(r"^uv could not be installed from PyPI \(.*\)\.$", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_every_make_target_says_what_it_does() -> None:
    makefile = read("Makefile")
    named = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert set(re.findall(r"^([a-z]+):.*  ## \S", makefile, re.MULTILINE)) == named
    for target in named:
        assert f"make {target} " in run("make", "help", cwd=ROOT).stdout


def test_what_is_run_by_name_can_be_run() -> None:
    for name in listed():
        if name.endswith("/run") or (name.endswith(".sh") and not name.startswith("tests/prototypes/")):
            assert (ROOT / name).stat().st_mode & stat.S_IXUSR, name
            run("bash", "-n", name, cwd=ROOT)


def test_every_action_is_pinned_by_a_commit_and_says_its_release() -> None:
    for path in WORKFLOWS:
        uses = re.findall(r"^\s*- uses: (.*)$", path.read_text(), re.MULTILINE)
        assert uses
        for line in uses:
            assert re.fullmatch(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), f"{path.name}: {line}"


def test_an_action_has_one_commit_here_and_in_what_is_generated() -> None:
    pins: dict[str, set[str]] = {}
    for name in listed():
        if ".github/workflows/" in name and not name.startswith("tests/"):
            for action, pin in re.findall(r"uses: ([\w./-]+)@(.*)$", read(name), re.MULTILINE):
                pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_jobs_may_read_the_code_and_nothing_else() -> None:
    for path in WORKFLOWS:
        loaded = workflow(path)
        assert loaded["permissions"] == {}
        for name, job in loaded["jobs"].items():
            assert job["permissions"] == {"contents": "read"}, name
            assert job["timeout-minutes"] <= 60, name


def test_the_workflow_audit_finds_nothing() -> None:
    run("zizmor", "--offline", "--persona=pedantic", "--no-progress", "--quiet", ".github/workflows", cwd=ROOT)


def test_the_pipeline_runs_what_everybody_runs() -> None:
    steps = [step for path in WORKFLOWS for job in workflow(path)["jobs"].values() for step in job["steps"]]
    assert {"make test", "make demo"} <= {step.get("run", "").partition(" #")[0].strip() for step in steps}
    assert re.search(r"^exec make test$", read(".ci/run"), re.MULTILINE)


def test_the_hooks_are_valid_and_run_what_the_project_pins(tmp_path: Path) -> None:
    run("pre-commit", "validate-config", cwd=ROOT, PRE_COMMIT_HOME=str(tmp_path))
    hooks = [hook for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    pinned = " ".join(ABOUT["dependency-groups"]["dev"])
    for hook in hooks:
        assert hook["entry"].startswith("uv run --frozen "), hook["id"]
        assert hook["entry"].split()[3] in pinned, hook["id"]


@pytest.mark.parametrize("part", sorted(path.name for path in (ROOT / "template").iterdir() if path.is_dir()))
def test_a_folder_of_the_template_is_a_piece(part: str) -> None:
    assert re.fullmatch(r"{{piece\.[a-z_]+}}", part)
