"""`casehard new` makes a service, or says in one sentence why not and leaves nothing behind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import git, run
from serving import casehard

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_service_is_what_copier_renders(template: Path, tmp_path: Path) -> None:
    done = casehard("new", "order-desk", "--defaults", "--template", template, "--level", "basic", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cd order-desk" in done.stdout
    run(
        sys.executable,
        "-m",
        "copier",
        "copy",
        "--defaults",
        "--data",
        "level=basic",
        template,
        "order-desk",
        cwd=_beside(tmp_path),
    )
    ours, plain = tmp_path / "order-desk", tmp_path / "beside" / "order-desk"
    run("diff", "--recursive", "--brief", ours, plain, cwd=tmp_path)
    assert yaml.safe_load((ours / ".copier-answers.yml").read_text())["project_name"] == "order-desk"


def test_a_fresh_repository_is_filled_and_its_files_are_kept(template: Path, tmp_path: Path) -> None:
    target = tmp_path / "order-desk"
    target.mkdir()
    git(target, "init", "--quiet")
    (target / "README.md").write_text("# Mine\n")
    done = casehard("new", target, "--defaults", "--template", template, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (target / "README.md").read_text() == "# Mine\n"
    assert (target / "pyproject.toml").exists()
    assert yaml.safe_load((target / ".copier-answers.yml").read_text())["keep"] == ["README.md"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            ["--data", "project_name=9 lives"], "project_name '9 lives' cannot be taken: A name has", id="name"
        ),
        pytest.param(
            ["--data", "owner_email=nobody"], "owner_email 'nobody' cannot be taken: An e-mail address", id="email"
        ),
        pytest.param(["--data", "python_version=2.7"], "python_version", id="choice"),
        pytest.param(["--data", "colour=red"], "The template has no question called colour: ", id="unknown-key"),
        pytest.param(["--data", "layout=overlay"], "use `casehard overlay`", id="layout"),
        pytest.param(["--template", "git+file:///no/such"], "cannot be fetched", id="template"),
    ],
)
def test_bad_answers_are_refused_in_one_sentence(
    options: list[str], sentence: str, template: Path, tmp_path: Path
) -> None:
    done = casehard("new", "order-desk", "--defaults", "--template", template, *options, cwd=tmp_path)
    said = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert done.returncode == 1
    assert len(said) == 1, done.stderr
    assert sentence in said[0]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_python_project_is_left_alone(template: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print(1)\n")
    done = casehard("new", ".", "--defaults", "--template", template, cwd=tmp_path)
    assert done.returncode == 1
    assert "casehard overlay" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["main.py"]


def _beside(folder: Path) -> Path:
    beside = folder / "beside"
    beside.mkdir()
    return beside
