"""Clients for other services over HTTP: bounded in time, number and reach; repeated only where that is safe."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore2
import httpx2
from opentelemetry.trace import Span

from .breaker import BreakerPolicy
from .context import current_request
from .dependency import Dependency, ErrorAnswerError
from .retries import RETRIED_STATUSES, may_repeat, parse_retry_after
from .settings import HardeningSettings
from .ssrf import ForbiddenAddressError, GuardedNetwork, networks
from .tracing import child_span, traceparent
from .unavailable import BulkheadFullError, DependencyTimeoutError, DependencyUnavailableError

_CONNECT_SECONDS = 2.0
_POOL_SECONDS = 1.0
_IDLE_SECONDS = 30.0  # how long a connection is kept for the next call
_ORIGIN = "hardening_origin"  # the request's extension that tells where a chain of redirects began
# What a redirect may take along to another origin; anything else may be a secret.
_SAFE_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "host",
        "traceparent",
        "transfer-encoding",
        "user-agent",
        "x-request-id",
    }
)


class HttpUnavailableError(DependencyUnavailableError, httpx2.TransportError):
    """A service could not be called; where httpx2 had an error of its own, that is the cause."""


class HttpTimeoutError(HttpUnavailableError, httpx2.TimeoutException):
    """A service did not answer in time."""


def http_client(
    dependency: str | Dependency,
    settings: HardeningSettings,
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """Return a client for one service, to be made once and closed at the end.

    With `base_url` it calls that origin only. Without, it calls any host, and has no breaker: one host's failures say
    nothing about another's. All calls have the policies of the dependency (a name takes the defaults and
    `outgoing_timeout_seconds`), the body of an answer included in the time. Retried are idempotent methods and requests
    with an Idempotency-Key, whose body is not a stream, after connection errors and 429, 502, 503 and 504.

    The calls raise httpx2's errors; those that mean that the service can't be used now are DependencyUnavailableError
    too. Addresses outside the public internet are refused unless `outgoing_private_networks` has them. Redirects are
    followed only where a request says so. Cookies are not kept. Environment variables, as for proxies, are not read.
    """
    if isinstance(dependency, str):
        policy = BreakerPolicy() if base_url else None
        dependency = Dependency(dependency, timeout_seconds=settings.outgoing_timeout_seconds, breaker=policy)
    whole = dependency.timeout_seconds
    return httpx2.AsyncClient(
        base_url=base_url,
        headers=headers,
        transport=_Transport(dependency, settings, httpx2.URL(base_url) if base_url else None, verify),
        timeout=httpx2.Timeout(whole, connect=min(_CONNECT_SECONDS, whole), pool=min(_POOL_SECONDS, whole)),
        trust_env=False,
        max_redirects=5,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # one caller's are not another's
    )


class _Transport(httpx2.AsyncBaseTransport):
    """Every call of a client passes here, each redirect by itself."""

    def __init__(
        self,
        dependency: Dependency,
        settings: HardeningSettings,
        base: httpx2.URL | None,
        verify: ssl.SSLContext | None,
    ) -> None:
        self._dependency = dependency
        self._base = base
        network = GuardedNetwork(networks(settings.outgoing_private_networks))
        self._wire = _Wire(network, verify or _trusted(), dependency.concurrency)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._stay_in_bounds(request)
        end = time.monotonic() + self._dependency.timeout_seconds
        error_answer: httpx2.Response | None = None

        async def attempt() -> httpx2.Response:
            nonlocal error_answer
            if error_answer is not None:
                await error_answer.aclose()
                error_answer = None
            about = {"http.request.method": request.method, "server.address": request.url.host}
            with child_span(f"{request.method} {self._dependency.name}", about) as span:
                _propagate(request, span)
                try:
                    response = await self._wire.handle_async_request(request)
                except httpx2.PoolTimeout as error:
                    raise BulkheadFullError(self._dependency.name, "has no free connection") from error
                status = response.status_code
                if span is not None:
                    span.set_attribute("http.response.status_code", status)
            if status >= 500 or status in RETRIED_STATUSES:
                error_answer = response
                raise ErrorAnswerError(
                    is_failure=status >= 500,
                    is_temporary=status in RETRIED_STATUSES,
                    retry_after=parse_retry_after(response.headers.get("retry-after")),
                )
            return response

        # A stream is used up by the first attempt.
        repeatable = may_repeat(request.method, request.headers) and isinstance(request.stream, httpx2.ByteStream)
        try:
            response = await self._dependency.call(attempt, repeatable=repeatable)
        except ErrorAnswerError:
            if error_answer is None:
                raise
            response, error_answer = error_answer, None
        except (DependencyUnavailableError, httpx2.TransportError) as error:
            raise self._unavailable(error) from error
        finally:
            if error_answer is not None:
                await error_answer.aclose()
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Body(response.stream, end, self._dependency)
        return response

    async def aclose(self) -> None:
        await self._wire.aclose()

    def _stay_in_bounds(self, request: httpx2.Request) -> None:
        url, name = request.url, self._dependency.name
        if self._base is not None and url.origin != self._base.origin:
            raise ForbiddenAddressError(f"The client of {name} calls {self._base} only, not {url.scheme}://{url.host}.")
        first = request.extensions.setdefault(_ORIGIN, url.origin)
        if first == url.origin:
            return
        if first.scheme == "https" and url.scheme != "https":
            raise ForbiddenAddressError(f"{name} redirects from https to {url.scheme}://{url.host}.")
        for header in {*request.headers} - _SAFE_HEADERS:
            del request.headers[header]

    def _unavailable(self, error: DependencyUnavailableError | httpx2.TransportError) -> HttpUnavailableError:
        name = self._dependency.name
        kind = HttpTimeoutError if isinstance(error, DependencyTimeoutError | httpx2.TimeoutException) else None
        if isinstance(error, DependencyUnavailableError):
            return (kind or HttpUnavailableError)(name, str(error).removeprefix(f"{name} "), error.retry_after)
        return (kind or HttpUnavailableError)(name, f"can't be reached: {type(error).__name__}: {error}")


class _Wire(httpx2.AsyncHTTPTransport):
    """httpx2's own transport over a guarded network, for which it has no argument."""

    def __init__(self, network: GuardedNetwork, context: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=network,
        )


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, which has to be there by `end`; what breaks off counts as a failure."""

    def __init__(self, stream: httpx2.AsyncByteStream, end: float, dependency: Dependency) -> None:
        self._stream = stream
        self._end = end
        self._dependency = dependency

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        try:
            while True:
                async with asyncio.timeout(self._end - time.monotonic()):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
        except TimeoutError as error:
            self._dependency.count_failure()
            raise HttpTimeoutError(self._dependency.name, "did not answer completely in time") from error
        except httpx2.TransportError as error:
            self._dependency.count_failure()
            raise HttpUnavailableError(self._dependency.name, f"broke off: {type(error).__name__}") from error
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificate authorities that httpx2 trusts; to read them takes a tenth of a second."""
    return httpx2.create_ssl_context(trust_env=False)


def _propagate(request: httpx2.Request, span: Span | None) -> None:
    """Tell the other service the ids of the request at hand (W3C Trace Context)."""
    current = current_request()
    if current is not None:
        request.headers.setdefault("x-request-id", current.request_id)
        request.headers["traceparent"] = traceparent(span) if span else current.traceparent
