"""What this service depends on, and the policies for every call to it.

They are a time limit, retries, a circuit breaker, a bulkhead and a fallback. `http_client` applies them to HTTP. For a
database, a queue or an SDK:

    search = Dependency("search", timeout_seconds=2.0)

    @search.protected(repeatable=True)
    async def find(words: str) -> list[Hit]: ...
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import stamina
import structlog
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

from .breaker import Breaker, BreakerPolicy, BreakerState
from .bulkhead import Bulkhead
from .context import remaining_seconds
from .retries import RetryBudget
from .unavailable import CallRefusedError, DeadlinePassedError, DependencyTimeoutError, DependencyUnavailableError

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.stdlib.get_logger("dependency")
_CALLS = Counter("dependency_calls_total", "Calls to a dependency, each attempt by itself", ["dependency", "outcome"])
_DURATION = Histogram("dependency_call_duration_seconds", "How long each attempt took", ["dependency"])
_RETRIES = Counter("dependency_retries_total", "Attempts beyond the first", ["dependency"])
_FALLBACKS = Counter("dependency_fallbacks_total", "Calls that a fallback answered", ["dependency"])

_FALLBACK_RECENT_SECONDS = 30.0
_FAIR_SHARE = 0.25  # of its time limit: a dependency that had less is not to blame for a time-out
_registry: dict[str, Dependency] = {}


class ErrorAnswerError(Exception):
    """An answer that is an error: whether it speaks against the dependency, and whether to try again, and when."""

    def __init__(self, *, is_failure: bool, is_temporary: bool, retry_after: float | None) -> None:
        super().__init__("The answer is an error.")
        self.is_failure = is_failure
        self.is_temporary = is_temporary
        self.retry_after = retry_after


@dataclass(eq=False)
class Dependency:
    """Another service, and how it is called. The last one of a name is the one that readiness looks at.

    `timeout_seconds` bounds a whole call, retries included; the deadline of the request at hand shortens it. Errors of
    the `excluded` types mean that the dependency works: they are neither retried nor counted against it. Without a
    `breaker` policy calls are always made.
    """

    name: str
    _: KW_ONLY
    timeout_seconds: float = 10.0
    attempts: int = 3
    concurrency: int = 50
    waiting: int = 50
    max_wait_seconds: float = 1.0
    excluded: tuple[type[Exception], ...] = ()
    breaker: BreakerPolicy | None = field(default_factory=BreakerPolicy)
    budget: RetryBudget = field(default_factory=RetryBudget)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        wait = min(self.max_wait_seconds, self.timeout_seconds)
        self._bulkhead = Bulkhead(self.name, concurrency=self.concurrency, waiting=self.waiting, max_wait_seconds=wait)
        self._breaker = Breaker(self.name, self.breaker, judge=self._judge, clock=self.clock) if self.breaker else None
        self._fell_back_at: float | None = None
        _registry[self.name] = self

    @property
    def degraded(self) -> bool:
        """Whether a fallback was used within the last 30 seconds, or the breaker is not closed."""
        return self._falls_back() or (self._breaker is not None and self._breaker.state is not BreakerState.CLOSED)

    def guarded(self) -> AbstractAsyncContextManager[None]:
        """Make one call inside `async with`: with time limit, breaker and bulkhead, and without retries.

        Raises DependencyUnavailableError when the call is not made or takes too long.
        """
        return self._attempt(time.monotonic() + self._limit())

    def protected(
        self, *, repeatable: bool = False
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """Apply all policies to each call of an asynchronous function; retry only what is `repeatable`.

        Repeatable is what has the same effect when it is done twice. Raises DependencyUnavailableError when the call
        is not made or takes too long, and otherwise what the function raised last.
        """

        def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
            @wraps(function)
            async def call(*args: P.args, **kwargs: P.kwargs) -> T:
                return await self.call(lambda: function(*args, **kwargs), repeatable=repeatable)

            return call

        return decorate

    def falls_back_to(
        self, fallback: Callable[P, Awaitable[T]]
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """Answer with `fallback`, called with the same arguments, where the decorated function fails.

        For what the service can do without. Put it above `protected`. Readiness says "degraded" meanwhile.
        """

        def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
            @wraps(function)
            async def call(*args: P.args, **kwargs: P.kwargs) -> T:
                try:
                    result = await function(*args, **kwargs)
                except Exception as error:
                    if isinstance(error, (CallRefusedError, *self.excluded)):
                        raise
                    self._note_fallback(fallback, error)
                    return await fallback(*args, **kwargs)
                self._note_success()
                return result

            return call

        return decorate

    async def call(self, function: Callable[[], Awaitable[T]], *, repeatable: bool) -> T:
        """Call a function under all policies, as `protected` does."""
        end = time.monotonic() + self._limit()
        self.budget.pay_in()
        if not repeatable or self.attempts == 1:
            async with self._attempt(end):
                return await function()
        made = 0

        def retry(error: BaseException) -> bool | float:
            wait = error.retry_after if isinstance(error, ErrorAnswerError) else None
            if made == self.attempts or not self._is_temporary(error) or (wait or 0) >= end - time.monotonic():
                return False
            if not self.budget.take():
                _log.warning("retry_budget_spent", dependency=self.name)
                return False
            _RETRIES.labels(self.name).inc()
            return True if wait is None else wait

        with bound_contextvars(dependency=self.name):  # for stamina's log event
            async for attempt in stamina.retry_context(
                on=retry, attempts=self.attempts, timeout=None, wait_initial=0.1, wait_max=2.0, wait_jitter=0.2
            ):
                with attempt:
                    made += 1
                    async with self._attempt(end):
                        return await function()
        raise AssertionError("unreachable")

    def count_failure(self) -> None:
        """Count a call that failed after its answer had begun."""
        _CALLS.labels(self.name, "failed").inc()
        if self._breaker is not None:
            self._breaker.count_failure()

    @asynccontextmanager
    async def _attempt(self, end: float) -> AsyncIterator[None]:
        """Make one call inside, which may go on until `end` (of `time.monotonic`)."""
        started = time.monotonic()
        outcome = "cancelled"
        watch: AbstractContextManager[None] = nullcontext() if self._breaker is None else self._breaker.watch()
        try:
            if end <= started:
                raise DeadlinePassedError(self.name, "was not called: the request has no time left")
            with watch:
                async with self._bulkhead.place():
                    timer = asyncio.timeout(end - time.monotonic())
                    try:
                        async with timer:
                            yield
                    except TimeoutError as error:
                        if timer.expired():
                            raise self._timeout(end - started) from error
                        raise
            outcome = "ok"
        except (DependencyUnavailableError, CallRefusedError) as error:
            outcome = error.outcome
            raise
        except Exception as error:
            outcome = "failed" if self._judge(error) else "ok"
            raise
        finally:
            _CALLS.labels(self.name, outcome).inc()
            _DURATION.labels(self.name).observe(time.monotonic() - started)

    def _limit(self) -> float:
        remaining = remaining_seconds()
        return self.timeout_seconds if remaining is None else min(self.timeout_seconds, remaining)

    def _timeout(self, limit: float) -> DependencyUnavailableError:
        if limit < self.timeout_seconds * _FAIR_SHARE:
            return DeadlinePassedError(self.name, f"had only {limit:.2g} seconds left to answer")
        return DependencyTimeoutError(self.name, f"did not answer within {limit:.2g} seconds")

    def _judge(self, error: Exception) -> bool | None:
        if isinstance(error, DependencyTimeoutError):
            return True
        if isinstance(error, DependencyUnavailableError | CallRefusedError):
            return None
        if isinstance(error, ErrorAnswerError):
            return error.is_failure
        return not isinstance(error, self.excluded)

    def _is_temporary(self, error: BaseException) -> bool:
        if isinstance(error, ErrorAnswerError):
            return error.is_temporary
        ours = (DependencyUnavailableError, CallRefusedError, *self.excluded)
        return isinstance(error, Exception) and not isinstance(error, ours)

    def _falls_back(self) -> bool:
        return self._fell_back_at is not None and self.clock() - self._fell_back_at < _FALLBACK_RECENT_SECONDS

    def _note_fallback(self, fallback: Callable[..., object], error: Exception) -> None:
        _FALLBACKS.labels(self.name).inc()
        if self._fell_back_at is None:
            reason = f"{type(error).__name__}: {error}"
            name = getattr(fallback, "__name__", repr(fallback))
            _log.warning("fallback_used", dependency=self.name, fallback=name, error=reason)
        self._fell_back_at = self.clock()

    def _note_success(self) -> None:
        if self._fell_back_at is not None and not self._falls_back():
            self._fell_back_at = None
            _log.info("fallback_ended", dependency=self.name)


def degraded() -> list[str]:
    """Return the names of the dependencies that the service does without at the moment."""
    return sorted(name for name, dependency in _registry.items() if dependency.degraded)
