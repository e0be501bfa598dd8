"""What the tests share: the template as users get it, and commands run in generated projects."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

DETACHED = "detached control"  # a line of the table that is printed at the end
ROOT = Path(__file__).resolve().parent.parent
# Where generated suites put their files: pytest closes its folder to other users whenever a session starts, and the
# embedded PostgreSQL of a project inside the folder of this session would lose its way when it runs as another user.
_NESTED = tempfile.TemporaryDirectory(prefix="casehard-nested-")
# One cache of types for all generated projects: their dependencies are the same.
_SHARED = {"PYTEST_DEBUG_TEMPROOT": _NESTED.name, "MYPY_CACHE_DIR": f"{_NESTED.name}/mypy"}


def run(*command: str | Path, cwd: Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal; a failure shows what it printed."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "VIRTUAL_ENV", "COV_"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **_SHARED, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def git(cwd: Path, *arguments: str) -> str:
    """Run git with a fixed identity and return what it printed."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    return run("git", *identity, *arguments, cwd=cwd).stdout


def commit_all(project: Path, message: str = "state") -> None:
    """Put everything in a folder under version control; make the folder a repository if it is none."""
    if not (project / ".git").exists():
        git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--allow-empty", "--message", message)


def snapshot(target: Path, tag: str) -> Path:
    """Clone this repository as it stands, uncommitted changes included, and give the result a release tag."""
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target))
    for stale in git(target, "tag").split():
        git(target, "tag", "--delete", stale)
    git(target, "rm", "-r", "--quiet", ".")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    commit_all(target, tag)
    git(target, "tag", tag)
    return target


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a git repository with one release, v1.0.0."""
    return snapshot(tmp_path_factory.mktemp("template") / "casehard", "v1.0.0")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which test noticed that a control was taken out."""
    passed: list[pytest.TestReport] = terminalreporter.stats.get("passed", [])
    lines = sorted(str(line) for report in passed for name, line in report.user_properties if name == DETACHED)
    if lines:
        terminalreporter.section("controls, and the first test that goes red without each")
        for line in lines:
            terminalreporter.write_line(line)
