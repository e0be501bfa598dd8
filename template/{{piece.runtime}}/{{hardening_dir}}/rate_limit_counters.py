"""Count requests in a sliding window: in this process, or in Redis for all processes.

A window holds a fixed time. What the window before it counted weighs as much as of it still lies within the last
`seconds`, so that no caller gets twice its share around a window's end. Refused requests are not counted.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis

from .rate_limit_policies import Policy

_log = structlog.stdlib.get_logger("rate_limit")
_redis_up = Gauge("rate_limit_redis_up", "1 while limits are counted in Redis, 0 while it is down, NaN without Redis")
_redis_up.set(math.nan)

REDIS_TIMEOUT = 0.25  # seconds
RETRY_REDIS_AFTER = 5.0  # seconds

# One round trip: the window's number, its count and the previous one's are one hash. Redis's own clock tells the time,
# so that processes whose clocks differ count together.
_HIT = """
local now = redis.call('TIME')
local milliseconds = now[1] * 1000 + math.floor(now[2] / 1000)
local length, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
local window, elapsed = math.floor(milliseconds / length), milliseconds % length
local kept = redis.call('HMGET', KEYS[1], 'window', 'current', 'previous')
local current, previous = 0, 0
if kept[1] and tonumber(kept[1]) == window then
    current, previous = tonumber(kept[2]), tonumber(kept[3])
elseif kept[1] and tonumber(kept[1]) == window - 1 then
    previous = tonumber(kept[2])
end
local allowed = previous * (length - elapsed) / length + current + 1 <= amount
if allowed then
    current = current + 1
    redis.call('HSET', KEYS[1], 'window', window, 'current', current, 'previous', previous)
    redis.call('PEXPIRE', KEYS[1], 2 * length)
end
return {allowed and 1 or 0, current, previous, elapsed}
"""


class Count(NamedTuple):
    """Whether a request is within its limit, how many more are, and after how many seconds there are more."""

    allowed: bool
    remaining: int
    reset: int


def _count(policy: Policy, allowed: bool, current: int, previous: int, elapsed: float) -> Count:
    rest = policy.seconds - elapsed  # of this window
    if allowed:
        return Count(True, max(0, math.floor(policy.amount - current - previous * rest / policy.seconds)), _up(rest))
    if current < policy.amount:  # the previous window's weight has to fall
        return Count(False, 0, _up(rest - policy.seconds * (policy.amount - 1 - current) / previous))
    return Count(False, 0, _up(rest + policy.seconds * (1 - (policy.amount - 1) / current)))


def _up(seconds: float) -> int:
    return max(1, math.ceil(seconds))


class LocalCounter:
    """Counts of one policy in this process. It forgets a caller after two windows."""

    def __init__(self, policy: Policy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._window = 0
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}

    def hit(self, caller: str) -> Count:
        """Count a request."""
        policy = self._policy
        window, elapsed = divmod(self._clock(), policy.seconds)
        if window != self._window:
            self._previous = self._current if window == self._window + 1 else {}
            self._current = {}
            self._window = int(window)
        current = self._current.get(caller, 0)
        previous = self._previous.get(caller, 0)
        allowed = previous * (policy.seconds - elapsed) / policy.seconds + current + 1 <= policy.amount
        if allowed:
            current += 1
            self._current[caller] = current
        return _count(policy, allowed, current, previous, elapsed)


class SharedCounter:
    """Counts of all policies in Redis.

    While Redis is down no request waits for it, but one every few seconds that asks whether it is back.
    """

    def __init__(self, redis: Redis) -> None:
        self._hit = redis.register_script(_HIT)
        self._up = True
        self._ask_again_at = 0.0
        self._asking = False
        _redis_up.set(1)

    @property
    def retry_after(self) -> int:
        """Seconds until Redis is asked again."""
        return _up(self._ask_again_at - time.monotonic())

    async def hit(self, policy: Policy, caller: str) -> Count | None:
        """Count a request; None while Redis is down."""
        if self._up:
            return await self._ask(policy, caller)
        if self._asking or time.monotonic() < self._ask_again_at:
            return None
        self._asking = True
        try:
            return await self._ask(policy, caller)
        finally:
            self._asking = False

    async def _ask(self, policy: Policy, caller: str) -> Count | None:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                allowed, current, previous, elapsed = await self._hit(
                    [f"rate_limit:{policy.name}:{policy.amount}/{policy.seconds}:{caller}"],
                    [policy.seconds * 1000, policy.amount],
                )
        except Exception as error:  # noqa: BLE001  # uvloop adds a RuntimeError of its own to what redis raises
            self._ask_again_at = time.monotonic() + RETRY_REDIS_AFTER
            self._note(up=False, reason=type(error).__name__)
            return None
        self._note(up=True)
        return _count(policy, bool(allowed), int(current), int(previous), elapsed / 1000)

    def _note(self, *, up: bool, reason: str | None = None) -> None:
        if up == self._up:
            return
        self._up = up
        _redis_up.set(up)
        if up:
            _log.info("rate_limit_redis_up")
        else:
            _log.warning("rate_limit_redis_down", reason=reason, asked_again_after_seconds=RETRY_REDIS_AFTER)
