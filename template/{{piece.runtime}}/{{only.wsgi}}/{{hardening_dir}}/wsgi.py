"""Serve a WSGI application (PEP 3333) through ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from .asgi_types import ASGIApp

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def as_asgi(app: WSGIApp, *, threads: int) -> ASGIApp:
    """Return an ASGI application that calls a WSGI application in a pool of so many threads."""
    return cast("ASGIApp", WSGIMiddleware(cast("Any", _with_ending_input(app)), workers=threads))


def _with_ending_input(app: WSGIApp) -> WSGIApp:
    """Let an application read bodies that come without a Content-Length (chunked transfer coding).

    Werkzeug reads such a body only when the server promises that the input ends by itself (`wsgi.input_terminated`);
    here it does.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return application
