"""The command line itself."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from conftest import run
from serving import casehard

if TYPE_CHECKING:
    from pathlib import Path


def test_the_command_line_starts_without_copier(tmp_path: Path) -> None:
    program = "import sys, casehard.cli; print({'copier', 'questionary', 'plumbum'} & set(sys.modules))"
    assert run(sys.executable, "-c", program, cwd=tmp_path).stdout == "set()\n"


def test_version(tmp_path: Path) -> None:
    assert casehard("--version", cwd=tmp_path).stdout == f"casehard {version('casehard')}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["harden"], ["new"], ["overlay", "--data", "level"], ["overlay", "--level", "9"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str], tmp_path: Path) -> None:
    done = casehard(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: casehard" in done.stderr
