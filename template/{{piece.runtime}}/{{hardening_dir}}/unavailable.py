"""Why a call to a dependency was given up, or not made."""

from __future__ import annotations


class DependencyUnavailableError(Exception):
    """A dependency can't be used now. `retry_after` is in how many seconds it is worth another try.

    Where nobody catches it, the caller of the service gets 503 with Retry-After (RFC 9110, 15.6.4 and 10.2.3).
    """

    outcome = "unavailable"

    def __init__(self, dependency: str, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(f"{dependency} {reason}")
        self.dependency = dependency
        self.retry_after = retry_after


class BreakerOpenError(DependencyUnavailableError):
    """Too many of the last calls failed, so this one was not made."""

    outcome = "breaker_open"


class BulkheadFullError(DependencyUnavailableError):
    """Too many calls are under way, and this one found no place in time."""

    outcome = "bulkhead_full"


class DeadlinePassedError(DependencyUnavailableError):
    """The request at hand has no time left for a call."""

    outcome = "deadline_passed"


class DependencyTimeoutError(DependencyUnavailableError, TimeoutError):
    """A call took longer than it may."""

    outcome = "timeout"


class CallRefusedError(Exception):
    """A call that this service must not make. It says nothing about the dependency, and trying again is no use."""

    outcome = "refused"
