"""Circuit breaker: stop calling what fails, and find out carefully whether it works again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

import structlog
from prometheus_client import Gauge

from .unavailable import BreakerOpenError

_log = structlog.stdlib.get_logger("breaker")
_STATE = Gauge(
    "dependency_breaker_state", "State of a dependency's circuit breaker: 0 closed, 1 half-open, 2 open", ["dependency"]
)


class BreakerState(IntEnum):
    """Closed lets every call through, open none, half-open one at a time to see."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, kw_only=True)
class BreakerPolicy:
    """Open when `failure_rate` of at least `minimum_calls` calls within `window_seconds` failed.

    After `open_seconds` one call is let through as a probe: it closes the breaker, or opens it again.
    """

    window_seconds: float = 30.0
    minimum_calls: int = 10
    failure_rate: float = 0.5
    open_seconds: float = 10.0


class Breaker:
    """The breaker of one dependency in this process.

    `judge` says what an error means: True speaks against the dependency, False shows that it answered, None proves
    nothing.
    """

    def __init__(
        self,
        dependency: str,
        policy: BreakerPolicy,
        *,
        judge: Callable[[Exception], bool | None] = lambda _error: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dependency = dependency
        self._policy = policy
        self._judge = judge
        self._clock = clock
        self._calls: deque[tuple[float, bool]] = deque()  # when it ended, and whether it failed
        self._failures = 0
        self._opened_at = 0.0
        self._probing = False
        self._gauge = _STATE.labels(dependency)
        self._gauge.set(BreakerState.CLOSED)
        self.state = BreakerState.CLOSED

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Make one call inside. Raises BreakerOpenError instead while the breaker is open.

        A call that is cancelled proves nothing: it is not counted, and a probe gives its place to the next one.
        """
        probe = self._admit()
        try:
            yield
        except Exception as error:
            failed = self._judge(error)
            if failed is not None:
                self._note(probe=probe, failed=failed)
            raise
        else:
            self._note(probe=probe, failed=False)
        finally:
            if probe:
                self._probing = False

    def count_failure(self) -> None:
        """Count a call that failed after it had looked like a success, as an answer does that breaks off."""
        if self.state is BreakerState.CLOSED:
            self._note(probe=False, failed=True)

    def _admit(self) -> bool:
        """Let a call through, and return whether it is a probe. Nothing awaits here, so there is one probe at most."""
        if self.state is BreakerState.CLOSED:
            return False
        wait = self._opened_at + self._policy.open_seconds - self._clock()
        if wait > 0 or self._probing:
            reason = "fails too often to be called now"
            raise BreakerOpenError(self._dependency, reason, max(1.0, wait))
        self._change(BreakerState.HALF_OPEN)
        self._probing = True
        return True

    def _note(self, *, probe: bool, failed: bool) -> None:
        now = self._clock()
        if probe:
            self._calls.clear()
            self._failures = 0
            self._opened_at = now
            self._change(BreakerState.OPEN if failed else BreakerState.CLOSED)
        elif self.state is BreakerState.CLOSED:  # what began before it opened counts no more
            self._calls.append((now, failed))
            self._failures += failed
            while self._calls[0][0] < now - self._policy.window_seconds:
                self._failures -= self._calls.popleft()[1]
            count = len(self._calls)
            if count >= self._policy.minimum_calls and self._failures >= self._policy.failure_rate * count:
                self._opened_at = now
                self._change(BreakerState.OPEN)

    def _change(self, state: BreakerState) -> None:
        if state is not self.state:
            self.state = state
            self._gauge.set(state)
            log = _log.warning if state is BreakerState.OPEN else _log.info
            log("breaker_changed", dependency=self._dependency, state=state.name.lower())
