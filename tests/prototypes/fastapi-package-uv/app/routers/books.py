import sqlite3
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, Field

from ..config import Settings, get_settings
from ..db import get_db

router = APIRouter()

Db = Annotated[sqlite3.Connection, Depends(get_db)]


class BookIn(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    author: str
    isbn: str | None = Field(default=None, pattern=r"^\d{13}$")


class Book(BookIn):
    id: int


@router.get("", response_model=list[Book])
def list_books(
    db: Db,
    settings: Annotated[Settings, Depends(get_settings)],
    page: int = Query(1, ge=1),
):
    rows = db.execute(
        "SELECT * FROM books ORDER BY id LIMIT ? OFFSET ?",
        (settings.page_size, (page - 1) * settings.page_size),
    )
    return [dict(row) for row in rows]


@router.post("", response_model=Book, status_code=201)
def add_book(book: BookIn, db: Db):
    cursor = db.execute(
        "INSERT INTO books (title, author, isbn) VALUES (?, ?, ?)",
        (book.title, book.author, book.isbn),
    )
    return {"id": cursor.lastrowid, **book.model_dump()}


@router.get("/{book_id}", response_model=Book)
def get_book(book_id: int, db: Db):
    row = db.execute("SELECT * FROM books WHERE id = ?", (book_id,)).fetchone()
    if row is None:
        raise HTTPException(404, detail={"error": "no such book", "id": book_id})
    return dict(row)
