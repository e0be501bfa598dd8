"""CPU time of `copier copy --defaults`, beside that of a copy of an empty template in the same run.

    make bench

Bound: at most 1.5 times the empty template's time plus 16 ms for each file. Best of several runs; user and system time
of the process and its children.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com")


def cpu_seconds(template: Path, target: Path) -> float:
    """Return the CPU time of one copy, in seconds."""
    before = os.times()
    command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
    subprocess.run([*command, str(template), str(target)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def repository(folder: Path, files: dict[str, bytes]) -> Path:
    """Make a git repository with these files, committed."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=bench"]):
        subprocess.run([*GIT, *arguments], cwd=folder, check=True)
    return folder


def main() -> None:
    """Measure and print."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    with tempfile.TemporaryDirectory(prefix="casehard-bench-") as parent:
        here = Path(parent)
        empty = repository(here / "empty", {"copier.yml": b"_subdirectory: template\n", "template/.keep": b""})
        full = repository(here / "full", {name: (ROOT / name).read_bytes() for name in names})
        seconds = {"empty": 9e9, "full": 9e9}
        for turn in range(ROUNDS):  # in turns, so that what else the machine does falls on both
            for name, template in (("empty", empty), ("full", full)):
                seconds[name] = min(seconds[name], cpu_seconds(template, here / f"{name}-{turn}" / "order-desk"))
        files = sum(1 for path in (here / "full-0").rglob("*") if path.is_file())
    bound = 1.5 * seconds["empty"] + 0.016 * files
    print(f"copy of an empty template         {seconds['empty']:.2f} s CPU, best of {ROUNDS}")
    print(f"copy of this one, {files} files        {seconds['full']:.2f} s CPU, best of {ROUNDS}")
    print(f"bound, 1.5 x empty + 16 ms a file {bound:.2f} s CPU")
    print(f"ratio to the bound                {seconds['full'] / bound:.2f} (at most 1)")


if __name__ == "__main__":
    main()
