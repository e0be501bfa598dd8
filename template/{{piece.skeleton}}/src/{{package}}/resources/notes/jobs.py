"""What is done to notes after the answer."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select, update

from ...database import Database
from ...jobs import job
from .models import Note

COUNT_WORDS = "notes.count_words"


@job(COUNT_WORDS)
async def count_words(database: Database, payload: dict[str, Any]) -> None:
    """Count the words of a note.

    It may run twice, or after a later one. So it changes nothing by a difference: it locks the note, reads what is
    there now and writes the count, which is the same however often and in whichever order that is done.
    """
    this = Note.id == uuid.UUID(payload["note_id"])
    async with database.session() as session:
        body = await session.scalar(select(Note.body).where(this).with_for_update())
        if body is not None:  # the note may have been deleted meanwhile
            counted = {"words": len(body.split()), "updated_at": Note.updated_at}  # no caller has changed anything
            await session.execute(update(Note).where(this).values(counted))
            await session.commit()
