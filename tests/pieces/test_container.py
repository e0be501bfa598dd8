"""Promises of the container piece that its files show without an engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import run
from projects import render
from rendered import LAYOUTS, hardening_folder, render_both

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each layout with every piece."""
    return render_both(template, tmp_path_factory.mktemp("container"))


@pytest.fixture(params=LAYOUTS)
def project(request: pytest.FixtureRequest, projects: dict[str, Path]) -> Path:
    """One of the two."""
    return projects[request.param]


def dockerfile(project: Path) -> str:
    """The Dockerfile's text."""
    return (hardening_folder(project) / "Dockerfile").read_text()


def services(project: Path) -> dict[str, dict[str, Any]]:
    """The services of compose.yaml."""
    return dict(yaml.safe_load((hardening_folder(project) / "compose.yaml").read_text())["services"])


def test_the_dockerfile_linter_finds_nothing(project: Path) -> None:
    assert run("hadolint", hardening_folder(project) / "Dockerfile", cwd=project).stdout == ""


@pytest.mark.parametrize(
    ("sound", "damaged", "finding"),
    [
        (r"FROM python:\S+ AS", "FROM python AS", "DL3006"),
        (r"USER 10001:10001", "USER root", "DL3002"),
        (r"RUN rm -rf", "RUN cd /tmp && sudo rm -rf", "DL3004"),
    ],
)
def test_the_dockerfile_linter_notices_damage(project: Path, sound: str, damaged: str, finding: str) -> None:
    text, changes = re.subn(sound, damaged, dockerfile(project), count=1)
    assert changes == 1
    copy = hardening_folder(project) / "Dockerfile.damaged"
    copy.write_text(text)
    try:
        done = run("hadolint", copy, cwd=project, check=False)
    finally:
        copy.unlink()
    assert done.returncode == 1
    assert finding in done.stdout


def test_every_image_has_a_version(project: Path) -> None:
    text = dockerfile(project)
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE))
    images = [*re.findall(r"^FROM (\S+)", text, re.MULTILINE), *re.findall(r"--from=(\S+)", text)]
    images += [service["image"] for service in services(project).values() if "build" not in service]
    for image in set(images) - stages:
        assert re.search(r":v?\d+(\.\d+)*(-|$)", image), image


def test_the_service_is_a_number_without_rights_that_gets_signals_itself(project: Path) -> None:
    final = dockerfile(project).split("\nFROM ")[-1]
    assert re.search(r"^USER \d{4,}:\d{4,}$", final, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["python", "-m", ', final, re.MULTILINE)
    assert re.search(r'^    CMD \["python", "-c", .*"\]$', final, re.MULTILINE), "the health check needs no shell"
    assert "_ENVIRONMENT=production" in final
    assert not re.search(r"uv |apt-get|--from=uv", final)


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_the_image_has_the_chosen_python(template: Path, tmp_path: Path, version: str) -> None:
    project = render(template, tmp_path, layout="new", project_name="order-desk", python_version=version)
    assert set(re.findall(r"FROM python:([\d.]+)-slim", dockerfile(project))) == {version}


def test_a_description_is_data_in_the_label(template: Path, tmp_path: Path) -> None:
    words = "It's $PATH, ${HOME} & 'more': #1"
    project = render(template, tmp_path, layout="new", project_name="order-desk", description=words)
    assert f'description="{words.replace("$", chr(92) + "$")}"' in dockerfile(project)
    run("hadolint", project / "Dockerfile", cwd=project)


def test_containers_have_no_rights_and_bounded_resources(project: Path) -> None:
    for name, service in services(project).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        assert service["logging"]["options"]["max-size"], name
        assert "privileged" not in service, name
    assert "cap_add" not in services(project)["service"]


def test_only_the_service_can_be_reached_and_only_from_this_machine(project: Path) -> None:
    for name, service in services(project).items():
        ports = service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in ports), name
        assert bool(ports) == (name == "service")
    networks = yaml.safe_load((hardening_folder(project) / "compose.yaml").read_text())["networks"]
    assert networks["back"] == {"internal": True}


def test_no_password_is_written_down(projects: dict[str, Path]) -> None:
    text = (projects["new"] / "compose.yaml").read_text()
    passwords = re.findall(r"POSTGRES_PASSWORD: (.*)|postgresql://\w+:(.*)@", text)
    assert ["".join(found) for found in passwords] == ["${POSTGRES_PASSWORD:?is not set, run make compose}"] * 2


def test_a_worker_of_the_same_image_does_the_jobs(projects: dict[str, Path]) -> None:
    worker, service = (services(projects["new"])[name] for name in ("worker", "service"))
    assert worker["command"] == ["worker"]
    assert worker["image"] == service["image"]
    assert worker["healthcheck"] == service["healthcheck"], "the image's own"
    assert worker["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert worker["environment"].items() - service["environment"].items() == {
        ("APP_PORT", "8001"),
        ("APP_METRICS_PORT", "9465"),
    }


def test_a_container_may_drain_before_it_is_killed(project: Path) -> None:
    settings = next(project.rglob("hardening/settings.py")).read_text()
    needed = sum(
        float(next(iter(re.findall(rf"{name}: \w+ = Field\(\s*default=([\d.]+)", settings))))
        for name in ("drain_seconds", "shutdown_timeout_seconds")
    )
    for name in {"service", "worker"} & set(services(project)):
        grace = services(project)[name]["stop_grace_period"]
        assert float(grace.removesuffix("s")) > needed, name
