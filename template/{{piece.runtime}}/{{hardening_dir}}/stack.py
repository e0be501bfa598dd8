"""The layers around the application, outermost first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog

from .access_log import AccessLog
from .asgi_types import ASGIApp
from .authentication import Authenticate, Authenticator, RequirePrincipal
from .body_limit import BodyLimit
from .content_type import ContentType
from .cors import Cors
from .deprecation import Deprecation
from .health import Check, Health
from .idempotency import Idempotency, IdempotencyStore
from .idempotency_redis import RedisIdempotency
from .lifespan import Lifespan
from .load_shedding import LoadShedding
from .metrics import Metrics
from .problems import Problems
from .rate_limit import RateLimit
from .rate_limit_policies import parse_limit, parse_policies
from .redis_connections import RedisConnections, redis_client
from .request_id import RequestId
from .security_headers import SecurityHeaders
from .settings import HardeningSettings
from .slow_client import SlowClient
from .timeout import Timeout
from .tracing import Tracing
from .trusted_hosts import TrustedHosts

_log = structlog.stdlib.get_logger("stack")


@dataclass(frozen=True)
class Parts:
    """What an application brings to its own hardening.

    `checks` are what readiness asks, by name. With an `authenticator`, callers that it does not know are refused on all
    but the `public_paths`. `idempotency` keeps Idempotency-Keys; without one, Redis does if it is set, and without that
    keys are ignored.
    """

    checks: Mapping[str, Check] = field(default_factory=dict)
    authenticator: Authenticator | None = None
    public_paths: tuple[str, ...] = ()
    idempotency: IdempotencyStore | None = None


def harden(app: ASGIApp, settings: HardeningSettings, parts: Parts | None = None) -> ASGIApp:
    """Wrap an ASGI application in every layer."""
    parts = parts or Parts()
    redis = redis_client(settings.redis_url.get_secret_value()) if settings.redis_url else None
    idempotency = parts.idempotency or (RedisIdempotency(redis) if redis else None)
    policies = (
        *parse_policies(settings.rate_limit_policies),
        parse_limit(settings.rate_limit, settings.rate_limit_without_redis),
    )
    authenticator = parts.authenticator
    if authenticator is None and settings.deployed:
        _log.warning("authentication_off", environment=settings.environment)
    layers: tuple[Callable[[ASGIApp], ASGIApp] | None, ...] = (
        partial(RedisConnections, redis=redis) if redis else None,
        RequestId,
        partial(Tracing, settings=settings) if settings.otlp_endpoint else None,
        partial(AccessLog, sample_rate=settings.access_log_sample_rate),
        Metrics,
        partial(
            SecurityHeaders,
            content_security_policy=settings.content_security_policy,
            strict_transport=settings.deployed,
        ),
        partial(Health, checks=parts.checks, timeout_seconds=settings.readiness_timeout_seconds),
        partial(TrustedHosts, hosts=settings.allowed_hosts) if settings.names_hosts else None,
        partial(Cors, origins=settings.cors_origins, credentials=settings.cors_credentials)
        if settings.cors_origins
        else None,
        partial(Problems, rewrite=settings.rewrite_errors),
        partial(Authenticate, authenticator=authenticator) if authenticator else None,
        partial(RateLimit, policies=policies, redis=redis),
        partial(RequirePrincipal, challenge=authenticator.challenge, public_paths=parts.public_paths)
        if authenticator
        else None,
        partial(
            LoadShedding,
            concurrent=settings.max_concurrent_requests,
            waiting=settings.max_waiting_requests,
            wait_seconds=settings.max_wait_seconds,
        ),
        partial(Timeout, seconds=settings.request_timeout_seconds),
        partial(SlowClient, seconds=settings.client_timeout_seconds),
        partial(BodyLimit, limit=settings.max_body_bytes, upload_limit=settings.max_upload_bytes),
        partial(ContentType, accepted=settings.content_types) if settings.content_types else None,
        partial(
            Idempotency,
            store=idempotency,
            kept_seconds=settings.idempotency_hours * 3600,
            request_timeout_seconds=settings.request_timeout_seconds,
        )
        if idempotency
        else None,
        Deprecation,
        Lifespan,
    )
    for layer in reversed(layers):
        if layer is not None:
            app = layer(app)
    return app
