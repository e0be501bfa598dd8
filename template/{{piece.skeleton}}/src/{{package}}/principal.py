"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `id` owns what the caller makes."""

    id: str


async def current_principal() -> Principal:
    """Return the caller. This service authenticates nobody, so that every caller is the same one, `anonymous`.

    Replace this function (or override it, see FastAPI's dependency overrides) by one that knows callers apart; every
    route that takes a `Caller` follows.
    """
    return Principal("anonymous")


Caller = Annotated[Principal, Depends(current_principal)]
