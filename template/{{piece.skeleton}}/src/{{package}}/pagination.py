"""Keyset pagination: a page starts behind the last item of the one before, however many rows there are.

A cursor is signed, so that callers can't ask for pages that they were not led to.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, HTTPException, Query, Request
from pydantic import BaseModel

PageSize = Annotated[int, Query(ge=1, le=100, description="How many items a page has at the most")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]

_SIGNATURE_BYTES = 16  # 128 bits, as RFC 2104, section 5, allows for SHA-256


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Some items in order, and where the next ones are."""

    items: list[Item]
    next: str | None = None


class CursorSigner:
    """Makes cursors and reads them again. `order` names the list and its order: a cursor of one is none of another."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, order: str, created_at: datetime, item_id: uuid.UUID) -> str:
        """Return an opaque cursor behind an item, by the moment it was made and its id."""
        place = f"{created_at.isoformat()}|{item_id}".encode()
        return base64.urlsafe_b64encode(self._sign(order, place) + place).decode()

    def decode(self, order: str, cursor: str) -> tuple[datetime, uuid.UUID]:
        """Return the moment and id that a cursor stands for. Raises HTTPException 404 when it is none of this list."""
        try:
            signed = base64.b64decode(cursor, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            signed = b""
        signature, place = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(order, place)):
            raise HTTPException(404, "There is no page at this cursor: take it from `next` of the page before.")
        created_at, _, item_id = place.decode().partition("|")
        return datetime.fromisoformat(created_at), uuid.UUID(item_id)

    def _sign(self, order: str, place: bytes) -> bytes:
        # The first word tells it from all else that is signed with this key.
        message = b"\0".join((b"cursor", order.encode(), place))
        return hmac.digest(self._key, message, hashlib.sha256)[:_SIGNATURE_BYTES]


async def _signer(request: Request) -> CursorSigner:
    signer: CursorSigner = request.app.state.cursors
    return signer


Cursors = Annotated[CursorSigner, Depends(_signer)]
"""A parameter of a route that lists in pages."""
