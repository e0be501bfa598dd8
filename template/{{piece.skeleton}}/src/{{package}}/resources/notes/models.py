"""How notes are stored."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from ...database import Base


class Note(Base):
    """A note and whom it belongs to."""

    __tablename__ = "notes"
    __table_args__ = (
        CheckConstraint("char_length(title) between 1 and 200", name="title_length"),
        Index("ix_notes_owner_id_created_at_id", "owner_id", "created_at", "id"),  # serves the list, in its order
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    owner_id: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(String(10_000))
    words: Mapped[int | None]  # None until the job has counted them
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )
