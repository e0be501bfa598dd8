"""Which environment variables code can't do without: those it reads as os.environ["NAME"]."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .model import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .modules import Module

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def required_variables(modules: Iterable[Module]) -> tuple[Evidence, ...]:
    """Return where each is read first; `text` is the variable's name.

    A variable that is also given a value, tested for, or read inside a `try` is not required.
    """
    read: dict[str, Evidence] = {}
    optional: set[str] = set()
    for module in modules:
        guarded = {inner for node in ast.walk(module.tree) if isinstance(node, ast.Try) for inner in _inside(node)}
        for node in ast.walk(module.tree):
            match node:
                case ast.Subscript(value=table, slice=ast.Constant(value=str(name)), ctx=context):
                    required = isinstance(context, ast.Load) and node not in guarded
                case ast.Compare(left=ast.Constant(value=str(name)), comparators=[table]):
                    required = False
                case ast.Call(func=ast.Attribute(value=table), args=[ast.Constant(value=str(name)), *_]):
                    required = False
                case _:
                    continue
            if module.resolve(table) != "os.environ":
                continue
            if required:
                read.setdefault(name, Evidence(module.path, node.lineno, name))
            else:
                optional.add(name)
    found = [one for name, one in read.items() if name not in optional and _NAME.fullmatch(name)]
    return tuple(sorted(found, key=lambda one: one.text))


def _inside(node: ast.Try) -> Iterator[ast.AST]:
    for statement in node.body:
        yield from ast.walk(statement)
