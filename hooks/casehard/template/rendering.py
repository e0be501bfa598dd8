"""Renders the template through Copier, without trust, and turns what can go wrong into one sentence."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casehard.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from .source import Source

_IN_QUESTION = re.compile(r"Validation error for question '(\w+)': (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was rendered: the answers, and the template's version as Copier records it."""

    answers: Mapping[str, Any]
    version: str


def render(source: Source, target: Path, *, given: Mapping[str, Any], found: Mapping[str, Any], ask: bool) -> Rendering:
    """Render into a folder: `given` answers as they are, `found` ones unless the template refuses them.

    With `ask`, the questions that neither answers are asked. Raises UserError with one sentence.
    """
    import copier
    from copier.errors import CopierAnswersInterrupt

    taken = dict(found)
    if not ask:
        os.environ.setdefault("GIT_TERMINAL_PROMPT", "0")
    while True:
        with _one_sentence(source, given), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                worker = copier.run_copy(
                    source.location,
                    target,
                    data={**taken, **given},
                    vcs_ref=source.ref,
                    defaults=not ask,
                    overwrite=True,
                    quiet=True,
                )
            except CopierAnswersInterrupt as error:
                raise KeyboardInterrupt from error
            except ValueError as error:
                refused = _IN_QUESTION.match(str(error))
                if refused and refused[1] in taken and refused[1] not in given:
                    del taken[refused[1]]
                    continue
                raise
        questions = worker.template.questions_data
        if unknown := [name for name in given if questions.get(name, {"when": False}).get("when") is False]:
            raise UserError(f"The template has no question called {unknown[0]}: leave it out of --data.")
        return Rendering(worker.answers.combined, str(worker.template.commit or ""))


@contextmanager
def _one_sentence(source: Source, given: Mapping[str, Any]) -> Iterator[None]:
    import yaml
    from copier.errors import CopierError
    from plumbum import ProcessExecutionError

    try:
        yield
    except ProcessExecutionError as error:
        wanted = f"{source.location}{f' at {source.ref}' if source.ref else ''}"
        reason = _last_line(error.stderr) or "git failed"
        raise UserError(
            f"The template {wanted} cannot be fetched ({reason}): check the network and --template, or pass --ref."
        ) from error
    except yaml.YAMLError as error:
        raise UserError(f"A YAML file of the project or of the template cannot be read: {_flat(error)}.") from error
    except CopierError as error:
        raise UserError(f"{_flat(error).rstrip('.')}.") from error
    except (ValueError, TypeError) as error:
        refused = _IN_QUESTION.match(str(error))
        if refused:
            name, reason = refused[1], " ".join(refused[2].split())
            raise UserError(f"{name}{_value(given, name)} cannot be taken: {reason}") from error
        raise UserError(f"The template {source.location} cannot be used: {_flat(error).rstrip('.')}.") from error
    except OSError as error:
        raise UserError(f"{error.filename or source.location}: {error.strerror or error}.") from error


def _value(given: Mapping[str, Any], name: str) -> str:
    return f" {given[name]!r}" if name in given else ""


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())


def _last_line(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""
