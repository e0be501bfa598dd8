"""The template that belongs to an installation is found by what its installer recorded (PEP 610)."""

from __future__ import annotations

import json
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from casehard.template import source as sources
from casehard.template.source import Source
from conftest import commit_all, git

if TYPE_CHECKING:
    from pathlib import Path


def installed(monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None) -> Source:
    """Return what is found for an installation with this direct_url.json."""

    class Distribution:
        metadata = EmailMessage()

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    package = Distribution()
    package.metadata["Project-URL"] = "Repository, https://github.com/casehard/casehard"
    monkeypatch.setattr(sources, "distribution", lambda _: package)
    return sources.source(None, None)


COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, Source("https://github.com/casehard/casehard", None)),
        (
            {"url": "https://github.com/me/casehard", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            Source("https://github.com/me/casehard", COMMIT),
        ),
        (
            {"url": "https://git.example.com/casehard", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            Source("git+https://git.example.com/casehard", COMMIT),
        ),
        (
            {"url": "file:///srv/case%20hard", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            Source("/srv/case hard", COMMIT),
        ),
        (
            {"url": "https://example.com/casehard-1.tar.gz", "archive_info": {}},
            Source("https://github.com/casehard/casehard", None),
        ),
    ],
    ids=["index", "github", "other-host", "file", "archive"],
)
def test_the_template_is_where_the_package_came_from(
    origin: dict[str, Any] | None, expected: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed(monkeypatch, origin) == expected


def test_a_checkout_is_taken_at_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commit_all(tmp_path)
    origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert installed(monkeypatch, origin) == Source(str(tmp_path), git(tmp_path, "rev-parse", "HEAD").strip())


def test_a_folder_that_is_no_repository_leaves_the_published_template(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = installed(monkeypatch, {"url": tmp_path.as_uri(), "dir_info": {}})
    assert found == Source("https://github.com/casehard/casehard", None)


def test_a_folder_is_recorded_by_its_full_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "casehard").mkdir()
    monkeypatch.chdir(tmp_path)
    assert sources.source("casehard", "v1.0.0") == Source(str(tmp_path / "casehard"), "v1.0.0")


@pytest.mark.parametrize("template", ["git@example.com:me/x.git", "https://example.com/x.git", "gh:me/x", "no/such"])
def test_what_copier_knows_stays_as_it_was_typed(template: str) -> None:
    assert sources.source(template, None) == Source(template, None)


def test_other_addresses_are_marked_as_repositories() -> None:
    assert sources.source("https://example.com/x", None) == Source("git+https://example.com/x", None)
