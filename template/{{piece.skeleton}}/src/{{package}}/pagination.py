"""Keyset pagination: a page starts behind the last item of the one before, however many rows there are."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from fastapi import HTTPException, Query
from pydantic import BaseModel

PageSize = Annotated[int, Query(ge=1, le=100, description="How many items a page has at the most")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Some items in order, and where the next ones are."""

    items: list[Item]
    next: str | None = None


def encode_cursor(created_at: datetime, item_id: uuid.UUID) -> str:
    """Return an opaque cursor behind an item, by the moment it was made and its id."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()}|{item_id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    """Return the moment and id that a cursor stands for. Raises HTTPException 404 when it is none of ours."""
    try:
        created_at, _, item_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition("|")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, uuid.UUID(item_id)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise HTTPException(404, "There is no page at this cursor: take it from `next` of the page before.") from error
