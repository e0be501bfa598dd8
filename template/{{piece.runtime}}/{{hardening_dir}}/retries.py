"""What may be tried again, how often, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# RFC 9110, 9.2.2: repeating these has no further effect.
_IDEMPOTENT_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
# The server did not do it, or a server before it had no answer from it.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})


class RetryBudget:
    """A token bucket that bounds retries to a share of all calls, so that they don't multiply an outage.

    Each call pays in `ratio` of a token, each retry takes a whole one; `reserve` tokens are there at first and at most.
    """

    def __init__(self, *, ratio: float = 0.1, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._tokens = reserve

    def pay_in(self) -> None:
        """Count a first attempt."""
        self._tokens = min(self._reserve, self._tokens + self._ratio)

    def take(self) -> bool:
        """Return whether one retry is within the budget, and count it if so."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def may_repeat(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request has the same effect when it arrives twice, by its method or an Idempotency-Key."""
    return method in _IDEMPOTENT_METHODS or "idempotency-key" in headers


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), or None when it is not valid.

    The header is a number of seconds or a date; a date that has passed asks for 0 seconds.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
