"""How the commands talk to the person at the terminal: progress on standard error, results on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def progress(text: str) -> None:
    """Say what takes time now."""
    print(f"{text} ...", file=sys.stderr, flush=True)


def show(text: str = "") -> None:
    """Print a line of the result."""
    print(text, flush=True)


def require_terminal(*, defaults: bool) -> None:
    """Raise UserError when questions have to be asked and nobody can answer."""
    if not defaults and not sys.stdin.isatty():
        raise UserError("There is no terminal to ask questions on: pass --defaults to take the defaults.")


def confirm(question: str) -> bool:
    """Ask for a yes or no; yes is the default."""
    import questionary  # noqa: PLC0415  # slow, and only needed here

    return bool(questionary.confirm(question).unsafe_ask())


def select(question: str, choices: Sequence[str]) -> str:
    """Ask for one of several; the first is the default."""
    import questionary  # noqa: PLC0415  # slow, and only needed here

    return str(questionary.select(question, list(choices)).unsafe_ask())
