"""What callers send and get."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")  # PostgreSQL can't store it
    return text


Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)
]
Body = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]


class NewNote(BaseModel):
    """A note to make."""

    model_config = ConfigDict(extra="forbid")

    title: Title = Field(examples=["Groceries"])
    body: Body = ""


class NoteChange(BaseModel):
    """What to change in a note; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    body: Body | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields to change."""
        return self.model_dump(exclude_none=True)


class NoteView(BaseModel):
    """A note as callers see it."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    title: str
    body: str
    words: int | None = Field(description="How many words the body has; null until they are counted")
    created_at: datetime
    updated_at: datetime
