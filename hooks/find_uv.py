"""Print the path of a uv that is new enough, for the Makefile; where there is none, put one from PyPI into .tools/."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".tools" / "uv"
OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 9, 17)


def is_new_enough(uv: str) -> bool:
    """Tell whether this program answers as uv of at least the version that pyproject.toml asks for."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", said)
    return found is not None and tuple(map(int, found.groups())) >= OLDEST_UV


def fetch() -> Path:
    """Install uv into an environment of its own and return the program's path; exit with one sentence if that fails."""
    uv = HOME / "bin" / "uv"
    if uv.is_file() and is_new_enough(str(uv)):
        return uv
    wanted = "uv>=" + ".".join(map(str, OLDEST_UV))
    sys.stderr.write(f"uv is not on PATH: installing it from PyPI into {HOME.relative_to(ROOT)}\n")
    steps = (
        ([sys.executable, "-m", "venv", "--clear", HOME], "no virtual environment could be made: install python3-venv"),
        ([HOME / "bin" / "python", "-m", "pip", "install", "--quiet", wanted], "uv could not be installed from PyPI"),
    )
    for command, sentence in steps:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = ((done.stderr + done.stdout).strip().splitlines() or ["no reason was given"])[-1]
            sys.exit(f"{sentence} ({reason}).")
    return uv


def main() -> None:
    """Print the path."""
    if sys.version_info < OLDEST_PYTHON:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Python 3.11 or newer is needed and {sys.executable} is {version}: name another, PYTHON=python3.12.")
    on_path = shutil.which("uv")
    print(on_path if on_path and is_new_enough(on_path) else fetch())


if __name__ == "__main__":
    main()
