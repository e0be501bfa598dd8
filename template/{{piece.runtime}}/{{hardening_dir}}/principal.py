"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `id` owns what the caller makes; `scopes` are what the caller may do."""

    id: str
    scopes: frozenset[str] = frozenset()


ANONYMOUS = Principal("anonymous")
