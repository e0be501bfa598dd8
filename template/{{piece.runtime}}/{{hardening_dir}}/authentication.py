"""Who calls, and whether callers that nobody knows are let in: deny by default.

Two layers, because the rate limit stands between them: it counts by principal, else by address, and so bounds guessing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Protocol

import structlog
from prometheus_client import Counter

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .principal import ANONYMOUS, Principal
from .problems import send_problem

_log = structlog.stdlib.get_logger("authentication")
_OUTCOMES = Counter("authentication_total", "Requests by what their credentials were worth.", ["outcome"])
_AUTHENTICATED, _MISSING, _INVALID, _UNAVAILABLE = (
    _OUTCOMES.labels(outcome) for outcome in ("authenticated", "missing", "invalid", "unavailable")
)
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*) *")  # RFC 6750, 2.1
_HIDDEN = re.compile(rb"%(2[ef5]|5c|00)", re.IGNORECASE)  # an encoded . / % \ or NUL
_RETRY_AFTER = 5  # seconds


class InvalidCredentialsError(Exception):
    """Credentials were given and are not valid. The reason goes to the log, not to the caller, and holds no secret."""


class AuthenticationUnavailableError(Exception):
    """Whether credentials are valid can't be told now, because what knows them does not answer."""


class Authenticator(Protocol):
    """One way to tell who calls. `challenge` is the WWW-Authenticate header of a refusal (RFC 9110, 11.6.1)."""

    challenge: bytes

    async def authenticate(self, scope: Scope) -> Principal | None:
        """Return who makes a request, None when it has no credentials.

        Raises InvalidCredentialsError or AuthenticationUnavailableError.
        """

    async def close(self) -> None:
        """Let go of connections; the process is about to end."""


class Authenticate:
    """Find out who calls, for everything further in: `current_request().principal`.

    It refuses nobody. Whoever can't be authenticated stays anonymous, and the reason stands beside the principal.
    """

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator) -> None:
        self.app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = current_request()
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            await self._authenticator.close()
            return
        if request is None:
            raise RuntimeError("Authenticate stands inside RequestId, which makes the context of a request.")
        try:
            principal = await self._authenticator.authenticate(scope)
        except InvalidCredentialsError as error:
            _INVALID.inc()
            request.authentication_error = error
        except AuthenticationUnavailableError as error:
            _UNAVAILABLE.inc()
            request.authentication_error = error
        else:
            if principal is None:
                _MISSING.inc()
            else:
                _AUTHENTICATED.inc()
                request.principal = principal
        await self.app(scope, receive, send)


class RequirePrincipal:
    """Refuse who is anonymous, on every path but the public ones.

    401 with WWW-Authenticate (RFC 9110, 15.5.2; RFC 6750, 3) when credentials are missing or not valid; 503 with
    Retry-After when that can't be told now. A WebSocket is refused before it is accepted. A public path that ends in
    `/*` stands for all paths below; a path that only resembles a public one is not public.
    """

    def __init__(self, app: ASGIApp, *, challenge: bytes, public_paths: Collection[str]) -> None:
        self.app = app
        self._challenge = challenge
        self._public = frozenset(path for path in public_paths if not path.endswith("/*"))
        self._public_below = tuple(path[:-1] for path in public_paths if path.endswith("/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = current_request()
        known = request is not None and request.principal is not ANONYMOUS
        if known or scope["type"] == "lifespan" or self._is_public(scope):
            await self.app(scope, receive, send)
            return
        error = request.authentication_error if request else None
        if scope["type"] == "websocket":
            await receive()  # the opening handshake
            if "websocket.http.response" not in scope.get("extensions", {}):
                self._log(error, scope)
                await send({"type": "websocket.close", "code": 1008})  # policy violation; the server answers 403
                return
            send = _denial(send)
        self._log(error, scope)
        if isinstance(error, AuthenticationUnavailableError):
            retry = (b"retry-after", str(_RETRY_AFTER).encode())
            await send_problem(send, 503, "Credentials can't be checked now; try again later.", (retry,))
        elif error is not None:
            challenge = (b"www-authenticate", self._challenge + b', error="invalid_token"')
            await send_problem(send, 401, "The credentials are not valid.", (challenge,))
        else:
            challenge = (b"www-authenticate", self._challenge)
            await send_problem(send, 401, "This needs credentials.", (challenge,))

    def _is_public(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path in self._public:
            return True
        if not path.startswith(self._public_below):
            return False
        # Routers, proxies and file servers read these in more than one way: none of them is below anything.
        segments = path.removesuffix("/").split("/")[1:]
        plain = "\\" not in path and "\x00" not in path and not {"", ".", ".."}.intersection(segments)
        return plain and not _HIDDEN.search(scope.get("raw_path") or b"")

    @staticmethod
    def _log(error: Exception | None, scope: Scope) -> None:
        if error is None:
            _log.info("authentication_failed", reason="no credentials", path=scope["path"])
        else:
            _log.warning("authentication_failed", reason=str(error), path=scope["path"])


def bearer_token(scope: Scope) -> bytes | None:
    """Return the token of the Authorization header (RFC 6750, 2.1), None without one.

    Raises InvalidCredentialsError when the header is of another form, or there is more than one.
    """
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if not found:
        return None
    match = _BEARER.fullmatch(found[0])
    if match is None or len(found) > 1:
        raise InvalidCredentialsError("the Authorization header holds no bearer token")
    return match[1]


def _denial(send: Send) -> Send:
    """Return a `send` that refuses a WebSocket by an HTTP answer (ASGI's extension WebSocket Denial Response)."""

    async def send_denial(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return send_denial
