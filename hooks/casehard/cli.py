"""The command line: `casehard new` and `casehard overlay`."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError
from .new import new
from .overlay import overlay
from .template.source import source

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEVELS = ("basic", "standard", "comprehensive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns 0 when it worked, 1 for a user's mistake, and 130 when it was interrupted; argparse exits with 2.
    """
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except UserError as error:
        print(f"casehard: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"casehard: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("casehard: interrupted; nothing was written.", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    given = dict(options.data)
    if options.level:
        given["level"] = options.level
    template = source(options.template, options.ref)
    if options.command == "new":
        new(options.path, source=template, given=given, defaults=options.defaults)
    else:
        overlay(options.path, source=template, given=given, defaults=options.defaults)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="casehard", description="Harden a Python service for production.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('casehard')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--defaults", "--yes", action="store_true", help="ask nothing and take the defaults")
    shared.add_argument(
        "--data",
        action="append",
        default=[],
        type=_answer,
        metavar="KEY=VALUE",
        help="answer a question; repeat for more",
    )
    shared.add_argument("--level", choices=_LEVELS, help="how far to harden (default: standard)")
    shared.add_argument("--template", metavar="URL", help="another template: an address or a folder")
    shared.add_argument("--ref", metavar="REF", help="a tag, branch or commit of the template")
    fresh = commands.add_parser("new", parents=[shared], help="make a new service")
    fresh.add_argument("path", type=Path, metavar="PATH", help="where to put it")
    onto = commands.add_parser("overlay", parents=[shared], help="harden a prototype; none of its files change")
    onto.add_argument(
        "path", type=Path, metavar="PATH", nargs="?", default=Path(), help="the prototype (default: here)"
    )
    return parser


def _answer(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


if __name__ == "__main__":
    sys.exit(main())
