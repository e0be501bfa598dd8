"""Let pages of other origins call the service (Cross-Origin Resource Sharing, https://fetch.spec.whatwg.org)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from .asgi_types import ASGIApp
from .problems import CONTENT_TYPE, problem_document

# What scripts may read, beside what the Fetch standard lets them read anyway.
_EXPOSED = (
    "Deprecation",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Sunset",
    "X-Request-ID",
)
_MAX_AGE = 600  # seconds that a browser remembers the answer to a preflight request


class Cors(CORSMiddleware):
    """Allow `origins` every method and header; cookies and HTTP authentication only with `credentials`."""

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...], credentials: bool) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("*",),
            allow_headers=("*",),
            allow_credentials=credentials,
            expose_headers=_EXPOSED,
            max_age=_MAX_AGE,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request; a refusal is problem details."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        vary = {"vary": response.headers["vary"]}
        document = problem_document(response.status_code, bytes(response.body).decode())
        return Response(document, response.status_code, vary, media_type=CONTENT_TYPE.decode())
