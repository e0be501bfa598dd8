"""What the overlay can't do it says in one sentence, and nothing is written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from conftest import commit_all, git
from serving import casehard

FASTAPI = "from fastapi import FastAPI\n\napp = FastAPI()\n"
PLAIN = {"main.py": FASTAPI, "requirements.txt": "fastapi\n"}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, folders included."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    return folder


def state(folder: Path) -> dict[str, str]:
    """Every file and folder with a digest of its bytes, git's own folder left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] != ".git":
            found[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return found


def refuse(folder: Path, template: Path, *options: str, **env: str) -> str:
    """Run the overlay, see that it refuses in one sentence and writes nothing, and return the sentence."""
    before = state(folder)
    done = casehard("overlay", folder, "--template", template, *options, cwd=folder.parent, **env)
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert len(said) == 1, done.stderr
    assert done.stdout == ""
    assert state(folder) == before
    return said[0].removeprefix("casehard: ")


@pytest.mark.parametrize(
    ("files", "options", "sentence"),
    [
        pytest.param(
            {**PLAIN, "pyproject.toml": '[project]\nname = "x\n'},
            [],
            "pyproject.toml is not valid TOML: ",
            id="bad-toml",
        ),
        pytest.param(
            {**PLAIN, "pyproject.toml": '[project]\nname = "caf\xe9"\n'},
            [],
            "pyproject.toml, line 2, is not UTF-8 text: ",
            id="bad-encoding",
        ),
        pytest.param(
            {"tool.py": "print(1)\n"},
            [],
            "No FastAPI, Starlette, Flask or Django application was found here: ",
            id="no-app",
        ),
        pytest.param(
            {"main.py": "app = FastAPI(\n"},
            [],
            "No FastAPI, Starlette, Flask or Django application was found here: ",
            id="broken",
        ),
        pytest.param(
            {"main.py": FASTAPI, "app.py": FASTAPI},
            [],
            "Several applications were found, app:app (app.py:3), main:app (main.py:3): "
            "choose one with --data entry_point=app:app.",
            id="two-apps",
        ),
        pytest.param(
            {"users/x.py": FASTAPI, "orders/x.py": FASTAPI},
            ["--data", "entry_point=x:app"],
            "x:app (orders/x.py:3), x:app (users/x.py:3): "
            "choose one with --data entry_point=x:app --data import_root=orders.",
            id="two-services",
        ),
        pytest.param(
            PLAIN, ["--data", "entry_point=web:app"], "There is no application web:app here: ", id="no-such-app"
        ),
        pytest.param(
            {**PLAIN, "hardening/__init__.py": ""}, [], "hardening exists already, and the layer needs", id="name-taken"
        ),
        pytest.param({**PLAIN, "hardening.py": ""}, [], "hardening.py exists already, and the", id="module-name-taken"),
        pytest.param(
            {**PLAIN, ".copier-answers.yml": "_src_path: x\nlayout: overlay\nlevel: basic\npieces: []\n"},
            [],
            "(.copier-answers.yml): use `copier update` to bring it up to date.",
            id="hardened",
        ),
        pytest.param(
            {"my shop/main.py": FASTAPI},
            [],
            "import_root 'my shop' cannot be taken: The import root is",
            id="folder-name",
        ),
        pytest.param(
            PLAIN, ["--data", "project_name=Not A Name"], "project_name 'Not A Name' cannot be taken: ", id="name"
        ),
        pytest.param(PLAIN, ["--data", "owner_email=nobody"], "owner_email 'nobody' cannot be taken: ", id="email"),
        pytest.param(PLAIN, ["--data", "level=extreme"], "level", id="level"),
        pytest.param(PLAIN, ["--data", "colour=red"], "The template has no question called colour: ", id="unknown-key"),
        pytest.param(
            PLAIN, ["--data", "package=x"], "The template has no question called package: ", id="computed-key"
        ),
        pytest.param(PLAIN, ["--ref", "v99.0.0"], "Unknown revision: 'v99.0.0'.", id="no-such-ref"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    files: dict[str, str], options: list[str], sentence: str, template: Path, tmp_path: Path
) -> None:
    project = write(tmp_path / "shop", files)
    commit_all(project)
    assert sentence in refuse(project, template, "--defaults", *options)


@pytest.mark.parametrize(
    ("files", "theirs", "ours"),
    [
        pytest.param(
            {"requirements.txt": "fastapi\npydantic==1.10.*\n"},
            "pydantic==1.10.* (requirements.txt)",
            "pydantic-settings",
            id="direct",
        ),
        pytest.param(
            {"requirements.txt": "fastapi==0.95.0\n"},
            "fastapi==0.95.0 (requirements.txt)",
            "pydantic-settings",
            id="indirect",
        ),
        pytest.param(
            {"pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["pydantic<2"]\n'},
            "pydantic<2 (pyproject.toml)",
            "pydantic-settings",
            id="pyproject",
        ),
    ],
)
def test_requirements_that_do_not_go_together_are_both_named(
    files: dict[str, str], theirs: str, ours: str, template: Path, tmp_path: Path
) -> None:
    project = write(tmp_path / "shop", {"main.py": FASTAPI, **files})
    commit_all(project)
    said = refuse(project, template, "--defaults")
    assert said.startswith(f"{theirs} does not go together with {ours}")
    assert "commit that, and run this again" in said


def test_requirements_that_nothing_satisfies_are_the_prototypes_own(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {"main.py": FASTAPI, "requirements.txt": "fastapi==0.115.0\nstarlette<0.20\n"})
    commit_all(project)
    assert refuse(project, template, "--defaults").startswith(
        "The requirements in requirements.txt cannot be resolved: "
    )


def test_an_index_that_cannot_be_reached_is_said_so(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    commit_all(project)
    nowhere = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(tmp_path / "c"),
    }
    assert refuse(project, template, "--defaults", **nowhere).startswith("The package index cannot be reached")


def test_a_folder_without_repository_is_refused(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    assert "is not in a git repository" in refuse(
        project, template, "--defaults", GIT_CEILING_DIRECTORIES=str(tmp_path)
    )


def test_a_repository_without_commit_is_refused(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    git(project, "init", "--quiet")
    assert "has no commit yet" in refuse(project, template, "--defaults")


@pytest.mark.parametrize("name", ["main.py", "notes.txt"], ids=["changed", "untracked"])
def test_uncommitted_work_is_refused(name: str, template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    commit_all(project)
    write(project, {name: f"{FASTAPI}# changed\n"})
    assert f"has changes that are not committed ({name})" in refuse(project, template, "--defaults")


def test_without_a_terminal_defaults_have_to_be_asked_for(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    commit_all(project)
    assert "pass --defaults" in refuse(project, template)


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", PLAIN)
    commit_all(project)
    assert "/no/such/template" in refuse(project, Path("/no/such/template"), "--defaults")
    assert "cannot be fetched" in refuse(project, Path("git+file:///no/such/template"), "--defaults")


def test_a_file_of_ours_that_git_ignores_but_exists_is_never_overwritten(template: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {**PLAIN, ".gitignore": "renovate.json\n"})
    commit_all(project)
    write(project, {"renovate.json": "mine"})
    assert refuse_after_plan(project, template) == (
        "renovate.json exists already and would be overwritten: move it away and run this again."
    )


def refuse_after_plan(folder: Path, template: Path) -> str:
    """Like `refuse`, for what is only found when the plan has been shown."""
    before = state(folder)
    done = casehard("overlay", folder, "--template", template, "--defaults", cwd=folder.parent)
    assert done.returncode == 1
    assert state(folder) == before
    return done.stderr.splitlines()[-1].removeprefix("casehard: ")
