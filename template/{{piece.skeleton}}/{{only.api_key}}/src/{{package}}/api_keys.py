"""API keys in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, String, Text, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .database import Base, Database
from .hardening.api_keys import StoredKey
from .hardening.authentication import AuthenticationUnavailableError
from .hardening.principal import Principal

_TIMEOUT_SECONDS = 3.0  # for one look-up, whatever the network does
_USE_IS_NOTED_AFTER = timedelta(hours=1)  # since the last note: not every request writes


class ApiKey(Base):
    """A key that was given out."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    digest: Mapped[bytes]
    principal: Mapped[str] = mapped_column(String(255))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DatabaseKeys:
    """The keys in the table `api_keys`: found for each request, managed by the command `keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, and note about once an hour that it is used."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS), self._database.session() as session:
                row = await session.get(ApiKey, key_id)
                now = datetime.now(UTC)
                if row and (row.last_used_at is None or now - row.last_used_at > _USE_IS_NOTED_AFTER):
                    row.last_used_at = now
                    await session.commit()
                return _stored(row) if row else None
        except Exception as error:  # whatever a driver raises: that says nothing about the key
            raise AuthenticationUnavailableError(f"the database does not answer: {type(error).__name__}") from error

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        async with self._database.session() as session:
            session.add(
                ApiKey(
                    id=key.id,
                    digest=key.digest,
                    principal=key.principal.id,
                    scopes=sorted(key.principal.scopes),
                    created_at=key.created_at,
                    expires_at=key.expires_at,
                )
            )
            await session.commit()

    async def all(self) -> Sequence[StoredKey]:
        """Return every key, the oldest first."""
        async with self._database.session() as session:
            return [_stored(row) for row in await session.scalars(select(ApiKey).order_by(ApiKey.created_at))]

    async def expire(self, key_id: str, moment: datetime) -> None:
        """Let a key be valid no longer than until a moment."""
        async with self._database.session() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(expires_at=moment))
            await session.commit()


def _stored(row: ApiKey) -> StoredKey:
    principal = Principal(row.principal, frozenset(row.scopes))
    return StoredKey(row.id, row.digest, principal, row.created_at, row.expires_at, row.last_used_at)
