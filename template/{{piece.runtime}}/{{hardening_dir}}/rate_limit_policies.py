"""Which requests are counted against which limit, as settings write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

WithoutRedis = Literal["local", "open", "closed"]

LIMIT = r"[1-9][0-9]{0,8}/([1-9][0-9]{0,5} ?)?(second|minute|hour|day)"
_LIMIT = re.compile(r"(?P<amount>[0-9]+)/(?P<count>[0-9]*) ?(?P<unit>[a-z]+)")
_POLICY = re.compile(
    rf"((?P<method>[A-Z]+)\s+)?(?P<path>/[^\s;]*)\s+(?P<limit>{LIMIT})(\s+(?P<without_redis>local|open|closed))?"
)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_FORM = "must be policies like POST /v1/login 5/minute closed, separated by semicolons"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `amount` requests of a caller in any `seconds`, on the paths at and below `path`, with one method or any.

    `path` has no slash at its end, so that of all paths is empty.
    `without_redis` says what happens while Redis is down: each process counts for itself (local), all requests pass
    (open), or none does (closed).
    """

    amount: int
    seconds: int
    without_redis: WithoutRedis = "local"
    method: str | None = None
    path: str = ""

    @property
    def name(self) -> str:
        """What metrics call it: `default`, or its method and path."""
        if not self.path and self.method is None:
            return "default"
        return f"{self.method or 'ANY'} {self.path or '/'}"

    def covers(self, method: str, path: str) -> bool:
        """Return whether a request is counted against this limit. HEAD is a GET without its body."""
        if not path.startswith(self.path) or path[len(self.path) : len(self.path) + 1] not in {"", "/"}:
            return False
        return self.method is None or self.method == method or (self.method, method) == ("GET", "HEAD")


def parse_limit(limit: str, without_redis: WithoutRedis) -> Policy:
    """Return the policy for every request that has none of its own, from a limit like 600/minute or 10/5 second."""
    return Policy(*_amount_and_seconds(limit), without_redis=without_redis)


def parse_policies(text: str) -> tuple[Policy, ...]:
    """Return the policies that a text like `POST /v1/login 5/minute closed; /v1/search 60/minute` holds.

    Raises ValueError, with a sentence that does not repeat the text, when it holds anything else.
    """
    policies = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = _POLICY.fullmatch(part)
        if match is None:
            raise ValueError(_FORM)
        amount, seconds = _amount_and_seconds(match["limit"])
        without_redis = cast("WithoutRedis", match["without_redis"] or "local")
        policies.append(Policy(amount, seconds, without_redis, match["method"], match["path"].rstrip("/")))
    if len({policy.name for policy in policies}) < len(policies):
        raise ValueError("must name each method and path once")
    return tuple(policies)


def _amount_and_seconds(limit: str) -> tuple[int, int]:
    match = _LIMIT.fullmatch(limit)
    if match is None:
        raise ValueError("must be a limit like 600/minute")
    return int(match["amount"]), int(match["count"] or 1) * _SECONDS[match["unit"]]
