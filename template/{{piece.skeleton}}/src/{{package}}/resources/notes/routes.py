"""Notes of the caller: another owner's note does not exist for them."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ...database import Session
from ...jobs import Jobs
from ...pagination import Cursor, Cursors, Page, PageSize
from ...principal import Principal, requires
from .jobs import COUNT_WORDS
from .models import Note
from .schemas import NewNote, NoteChange, NoteView

router = APIRouter(prefix="/notes", tags=["notes"])
Reader = Annotated[Principal, requires("notes:read")]
Writer = Annotated[Principal, requires("notes:write")]
_ORDER = "notes by created_at, id"


@router.post("", status_code=201)
async def create_note(
    note: NewNote, session: Session, jobs: Jobs, caller: Writer, request: Request, response: Response
) -> NoteView:
    """Make a note."""
    row = Note(owner_id=caller.id, **note.model_dump())
    session.add(row)
    await session.flush()
    await jobs.enqueue(session, COUNT_WORDS, {"note_id": str(row.id)})  # in the queue when the note is in its table
    await session.refresh(row)
    await session.commit()
    response.headers["Location"] = request.app.url_path_for("read_note", note_id=row.id)
    return NoteView.model_validate(row)


@router.get("")
async def list_notes(
    session: Session, caller: Reader, cursors: Cursors, limit: PageSize = 20, cursor: Cursor = None
) -> Page[NoteView]:
    """List notes, oldest first."""
    wanted: list[ColumnElement[bool]] = [Note.owner_id == caller.id]
    if cursor is not None:
        wanted.append(tuple_(Note.created_at, Note.id) > tuple_(*cursors.decode(_ORDER, cursor)))
    query = select(Note).where(*wanted).order_by(Note.created_at, Note.id).limit(limit + 1)
    rows = (await session.scalars(query)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[NoteView.model_validate(row) for row in rows[:limit]],
        next=cursors.encode(_ORDER, last.created_at, last.id) if last else None,
    )


@router.get("/{note_id}")
async def read_note(note_id: uuid.UUID, session: Session, caller: Reader) -> NoteView:
    """Read one note."""
    return NoteView.model_validate(await _own_note(session, caller, note_id))


@router.patch("/{note_id}")
async def change_note(note_id: uuid.UUID, change: NoteChange, session: Session, jobs: Jobs, caller: Writer) -> NoteView:
    """Change a note."""
    row = await _own_note(session, caller, note_id)
    for name, value in change.given().items():
        setattr(row, name, value)
    await jobs.enqueue(session, COUNT_WORDS, {"note_id": str(row.id)})
    await session.flush()
    await session.refresh(row)
    await session.commit()
    return NoteView.model_validate(row)


@router.delete("/{note_id}", status_code=204)
async def delete_note(note_id: uuid.UUID, session: Session, caller: Writer) -> None:
    """Delete a note."""
    await session.delete(await _own_note(session, caller, note_id))
    await session.commit()


async def _own_note(session: AsyncSession, caller: Principal, note_id: uuid.UUID) -> Note:
    row = await session.scalar(select(Note).where(Note.id == note_id, Note.owner_id == caller.id))
    if row is None:
        raise HTTPException(404, "There is no such note.")
    return row
