"""The layers around the application, outermost first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from .access_log import AccessLog
from .asgi_types import ASGIApp
from .body_limit import BodyLimit
from .health import Check, Health
from .problems import Problems
from .rate_limit import RateLimit
from .request_id import RequestId
from .security_headers import SecurityHeaders
from .settings import HardeningSettings
from .timeout import Timeout


def harden(app: ASGIApp, settings: HardeningSettings, checks: Mapping[str, Check] | None = None) -> ASGIApp:
    """Wrap an ASGI application in every layer. `checks` are what readiness asks, by name."""
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    layers = (
        RequestId,
        AccessLog,
        partial(
            SecurityHeaders,
            content_security_policy=settings.content_security_policy,
            strict_transport=settings.deployed,
        ),
        partial(Health, checks=checks or {}, timeout_seconds=settings.readiness_timeout_seconds),
        partial(Problems, rewrite=settings.rewrite_errors),
        partial(RateLimit, limit=settings.rate_limit, redis_url=redis_url),
        partial(Timeout, seconds=settings.request_timeout_seconds),
        partial(BodyLimit, limit=settings.max_body_bytes),
    )
    for layer in reversed(layers):
        app = layer(app)
    return app
