"""Idempotency keys in PostgreSQL: a row for each, claimed by the request that inserts it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from .database import Base, Database
from .hardening.idempotency import Entry

_ATTEMPTS = 5  # a key may be given back between the attempt to claim it and the look at who has it


class IdempotencyKey(Base):
    """A key that a caller has used. It has no answer while its request runs."""

    __tablename__ = "idempotency_keys"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    claim: Mapped[uuid.UUID]
    claimed_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    answer: Mapped[bytes | None]


class PostgresIdempotency:
    """An IdempotencyStore. The server's clock tells the time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, key: bytes, fingerprint: bytes, claim: bytes, *, running_seconds: float, kept_seconds: float
    ) -> Entry | None:
        """Claim a key; see IdempotencyStore. One whose request has died may be claimed again for the same body."""
        columns = IdempotencyKey.__table__.c
        new = {
            "fingerprint": fingerprint,
            "claim": uuid.UUID(bytes=claim),
            "claimed_until": _after(running_seconds),
            "expires_at": _after(kept_seconds),
            "answer": None,
        }
        abandoned = and_(
            columns.answer.is_(None), columns.claimed_until < func.now(), columns.fingerprint == fingerprint
        )
        statement = (
            insert(IdempotencyKey)
            .values(key=key, **new)
            .on_conflict_do_update(
                index_elements=[columns.key], set_=new, where=or_(columns.expires_at < func.now(), abandoned)
            )
            .returning(columns.claim)
        )
        for _ in range(_ATTEMPTS):
            async with self._database.session() as session, session.begin():
                if await session.scalar(statement) is not None:
                    return None
                row = await session.get(IdempotencyKey, key)
                if row is not None:
                    return Entry(row.fingerprint, row.answer)
        raise RuntimeError("a key is claimed and given back all the time")

    async def complete(self, key: bytes, claim: bytes, answer: bytes, *, kept_seconds: float) -> None:
        """Keep an answer; see IdempotencyStore."""
        values = {"answer": answer, "expires_at": _after(kept_seconds)}
        async with self._database.session() as session, session.begin():
            await session.execute(update(IdempotencyKey).where(*_is(key, claim)).values(values))

    async def release(self, key: bytes, claim: bytes) -> None:
        """Give a key back; see IdempotencyStore."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(IdempotencyKey).where(*_is(key, claim), IdempotencyKey.answer.is_(None)))

    async def purge(self, limit: int = 10_000) -> int:
        """Delete keys whose time is over, at most `limit` of them, and return how many there were."""
        over = select(IdempotencyKey.key).where(IdempotencyKey.expires_at < func.now()).limit(limit)
        async with self._database.session() as session, session.begin():
            gone = await session.execute(
                delete(IdempotencyKey).where(IdempotencyKey.key.in_(over)).returning(IdempotencyKey.key)
            )
            return len(gone.all())


def _is(key: bytes, claim: bytes) -> tuple[ColumnElement[bool], ...]:
    return IdempotencyKey.key == key, IdempotencyKey.claim == uuid.UUID(bytes=claim)


def _after(seconds: float) -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=seconds)
