"""Files are added all together or not at all, and never over others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from casehard.errors import UserError
from casehard.template.files import files, install


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """A rendered folder with a nested file, an executable and a link."""
    folder = tmp_path / "rendered"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "one.txt").write_text("1")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")
    return folder


def test_files_arrive_with_their_modes_and_links(rendered: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    install(files(rendered), rendered, target)
    assert files(target) == files(rendered)
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (target / "link").is_symlink()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_added_goes_again_when_it_cannot_be_finished(
    error: BaseException, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    (target / "a").mkdir(parents=True)
    (target / "a" / "mine.txt").write_text("mine")
    copied: list[Path] = []
    copy2 = shutil.copy2

    def fail_on_the_last(source: Path, place: Path, *, follow_symlinks: bool) -> None:
        if len(copied) == 2:
            stop()
        copy2(source, place, follow_symlinks=follow_symlinks)
        copied.append(place)

    def stop() -> NoReturn:
        raise error

    monkeypatch.setattr("casehard.template.files.shutil.copy2", fail_on_the_last)
    with pytest.raises(UserError if isinstance(error, OSError) else KeyboardInterrupt):
        install(files(rendered), rendered, target)
    assert files(target) == [Path("a/mine.txt")]
    assert not (target / "a" / "b").exists()


def test_nothing_is_written_when_one_file_exists(rendered: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "run.sh").write_text("mine")
    with pytest.raises(UserError, match=r"run\.sh exists already"):
        install(files(rendered), rendered, target)
    assert files(target) == [Path("run.sh")]
    assert (target / "run.sh").read_text() == "mine"


def test_a_link_that_leads_elsewhere_is_not_followed(rendered: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    target.mkdir()
    elsewhere.mkdir()
    (target / "a").symlink_to(elsewhere)
    with pytest.raises(UserError, match="a is not a folder of this project"):
        install(files(rendered), rendered, target)
    assert list(elsewhere.iterdir()) == []
