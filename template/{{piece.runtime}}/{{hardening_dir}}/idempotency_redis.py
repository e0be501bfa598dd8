"""Idempotency keys in Redis."""

from __future__ import annotations

from redis.asyncio import Redis

from .idempotency import Entry

# A value is the claim (16 bytes), the fingerprint (32 bytes), and then, once it is there, 1 and the answer.
_CLAIM_SIZE = 16
_HEAD_SIZE = 48
_CLAIM = """
local value = redis.call('GET', KEYS[1])
if not value then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return value
"""
_COMPLETE = """
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, 16) == ARGV[1] then
    redis.call('SET', KEYS[1], string.sub(value, 1, 48) .. '1' .. ARGV[2], 'PX', ARGV[3])
end
"""
_RELEASE = """
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, 16) == ARGV[1] and #value == 48 then
    redis.call('DEL', KEYS[1])
end
"""


class RedisIdempotency:
    """An IdempotencyStore. Redis should keep what it has (`appendonly yes`), or a restart forgets keys."""

    def __init__(self, redis: Redis) -> None:
        self._claim = redis.register_script(_CLAIM)
        self._complete = redis.register_script(_COMPLETE)
        self._release = redis.register_script(_RELEASE)

    async def claim(
        self, key: bytes, fingerprint: bytes, claim: bytes, *, running_seconds: float, kept_seconds: float
    ) -> Entry | None:
        """Claim a key; see IdempotencyStore."""
        del kept_seconds  # an answer gets its time when it is there
        value = await self._claim([_name(key)], [claim + fingerprint, int(running_seconds * 1000)])
        if value is None:
            return None
        answer = value[_HEAD_SIZE + 1 :] if len(value) > _HEAD_SIZE else None
        return Entry(value[_CLAIM_SIZE:_HEAD_SIZE], answer)

    async def complete(self, key: bytes, claim: bytes, answer: bytes, *, kept_seconds: float) -> None:
        """Keep an answer; see IdempotencyStore."""
        await self._complete([_name(key)], [claim, answer, int(kept_seconds * 1000)])

    async def release(self, key: bytes, claim: bytes) -> None:
        """Give a key back; see IdempotencyStore."""
        await self._release([_name(key)], [claim])


def _name(key: bytes) -> str:
    return f"idempotency:{key.hex()}"
