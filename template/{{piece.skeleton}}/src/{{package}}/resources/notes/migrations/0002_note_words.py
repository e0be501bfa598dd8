"""Words of notes.

Revision ID: 0002_note_words
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_note_words"
down_revision = "0001_notes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notes", sa.Column("words", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("notes", "words")
