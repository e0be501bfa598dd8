"""OpenID Connect: who calls, by an access token (JWT) of the identity provider that `oidc_issuer` names.

Tokens are judged as RFC 8725 and RFC 9068 ask: by the issuer's own keys, with algorithms of this list, for this
audience, within their time. The issuer is asked for its keys only, never about a token.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry
from prometheus_client import Counter

from .asgi_types import Scope
from .authentication import AuthenticationUnavailableError, InvalidCredentialsError, bearer_token
from .dependency import Dependency
from .http_client import http_client
from .principal import Principal
from .settings import HardeningSettings

_log = structlog.stdlib.get_logger("authentication")
_FETCHES = Counter("oidc_key_fetches_total", "Requests for the issuer's keys by their outcome.", ["outcome"])
_ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "Ed25519", "EdDSA"})  # no HMAC, no none
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MAX_TOKEN = 8192  # bytes
_MIN_RSA_BITS = 2048  # RFC 7518, 3.3
_LEEWAY = 30  # seconds that clocks may differ
_FRESH_SECONDS = 600.0  # keys are fetched again after this time
_STALE_SECONDS = 86_400.0  # while the issuer is down, its keys are believed this long
_INTERVAL_SECONDS = 10.0  # between two fetches, however many tokens name a key that is not known
_TIMEOUT_SECONDS = 3.0

VerifyingKey = RSAKey | ECKey | OKPKey


class AccessTokens:
    """The authenticator of callers that have an access token. `clock` counts seconds."""

    challenge = b'Bearer realm="api"'

    def __init__(self, settings: HardeningSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = _client(settings)
        self._keys = _IssuerKeys(self._client, settings.oidc_issuer, clock)
        self._claims = JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def authenticate(self, scope: Scope) -> Principal | None:
        """Return whom a request's token speaks of, None when it has none."""
        token = bearer_token(scope)
        if token is None:
            return None
        if len(token) > _MAX_TOKEN:
            raise InvalidCredentialsError("the token is too long")
        try:
            claims = await self._verified(token)
            self._claims.validate(claims)
            return Principal(_subject(claims), _scopes(claims))
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            reason = error.error if isinstance(error, JoseError) else "malformed"
            raise InvalidCredentialsError(f"the token is not valid: {reason}") from error

    async def _verified(self, token: bytes) -> dict[str, Any]:
        signed = extract_compact(token, None, _JWS)
        header = signed.headers()
        kind, kid = header.get("typ", "JWT"), header.get("kid")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise InvalidCredentialsError("the token is of another kind")
        if "crit" in header or "b64" in header or header.get("alg") not in _ALGORITHMS:
            raise InvalidCredentialsError("the token is signed in a way that is not accepted")
        if not isinstance(kid, str | None):
            raise InvalidCredentialsError("the token names its key in a wrong way")
        key = await self._keys.find(kid)
        if not validate_compact(signed, key, registry=_JWS):
            raise InvalidCredentialsError("the token's signature is wrong")
        claims = json.loads(signed.payload or b"")
        if not isinstance(claims, dict):
            raise InvalidCredentialsError("the token holds no claims")
        return claims

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._client.aclose()


class _IssuerKeys:
    """The issuer's public keys: fetched when first needed, when they get old, and when a token names an unknown one.

    Requests share one fetch. While the issuer does not answer, the keys that are known stay good for a day.
    """

    def __init__(self, client: httpx2.AsyncClient, issuer: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._issuer = issuer
        self._clock = clock
        self._keys: Mapping[str | None, VerifyingKey] = {}
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> VerifyingKey:
        """Return a key by its id; a token that names none means the only one.

        Raises InvalidCredentialsError when there is no such key, AuthenticationUnavailableError when no keys are known.
        """
        if self._age() > _FRESH_SECONDS or self._pick(kid) is None:
            await self._refresh()
        if self._age() > _STALE_SECONDS:
            raise AuthenticationUnavailableError("the issuer's keys can't be had")
        key = self._pick(kid)
        if key is None:
            raise InvalidCredentialsError("the issuer has no such key")
        return key

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _pick(self, kid: str | None) -> VerifyingKey | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        if self._fetch is None or self._fetch.done():
            if self._clock() < self._next_fetch_at:
                return
            self._next_fetch_at = self._clock() + _INTERVAL_SECONDS
            self._fetch = asyncio.create_task(self._fetch_all())
        await asyncio.shield(self._fetch)  # who gives up must not take the keys from the others

    async def _fetch_all(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                configuration = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                if configuration["issuer"] != self._issuer:  # OpenID Connect Discovery, 4.3
                    raise ValueError("the issuer calls itself otherwise")
                address = str(configuration["jwks_uri"])
                if not address.startswith("https://" if self._issuer.startswith("https://") else "http"):
                    raise ValueError("jwks_uri is not https")
                keys = (await self._document(address))["keys"]
            self._keys = {key.kid: key for key in map(_imported, keys) if key}
        except Exception as error:  # noqa: BLE001  # whatever is wrong with the issuer: what is known stays
            _FETCHES.labels(outcome="failed").inc()
            _log.warning("issuer_unavailable", reason=f"{type(error).__name__}: {error}", keys=len(self._keys))
        else:
            _FETCHES.labels(outcome="ok").inc()
            self._fetched_at = self._clock()

    async def _document(self, url: str) -> Any:
        response = await self._client.get(url)
        response.raise_for_status()
        return response.json()


class _Registry(JWSRegistry):
    """Which tokens are read at all. The algorithms are those of the list above, checked before this is asked."""

    max_header_length = 4096  # room for certificates in x5c
    max_payload_length = _MAX_TOKEN

    def get_alg(self, name: str) -> Any:
        """Return an algorithm without the warning that EdDSA has a newer name (RFC 9864): issuers use the old one."""
        return self.algorithms[name]


_JWS = _Registry(strict_check_header=False)


def _client(settings: HardeningSettings) -> httpx2.AsyncClient:
    """Return the client that asks the issuer."""
    seconds = min(_TIMEOUT_SECONDS, settings.outgoing_timeout_seconds)
    # Once is enough, and without a breaker: `_IssuerKeys` says when to try again.
    return http_client(Dependency("issuer", timeout_seconds=seconds, attempts=1, breaker=None), settings)


def _imported(document: Any) -> VerifyingKey | None:
    """Return a key of the issuer's set, None for one that is not for signatures or of another kind."""
    try:
        if document["kty"] not in {"RSA", "EC", "OKP"}:
            return None
        key = JWKRegistry.import_key(document)
        key.check_use("sig")
        key.ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < _MIN_RSA_BITS:
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise InvalidCredentialsError("the token's subject can't be an owner")
    return subject


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes of a token: `scope` (RFC 9068, 2.2.3) or `scp`, as a text or as a list."""
    given = claims.get("scope", claims.get("scp", ""))
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
    return frozenset(word for word in words if isinstance(word, str))
