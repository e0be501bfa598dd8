"""Serve a WSGI application (PEP 3333) through ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from .asgi_types import ASGIApp

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def as_asgi(app: WSGIApp, *, threads: int) -> ASGIApp:
    """Return an ASGI application that calls a WSGI application in a pool of so many threads."""
    return cast("ASGIApp", WSGIMiddleware(cast("Any", _adapted(app)), workers=threads))


def _adapted(app: WSGIApp) -> WSGIApp:
    """Let an application read bodies that come without a Content-Length, and let the layers know the route.

    Werkzeug reads a body in chunked transfer coding only when the server promises that the input ends by itself
    (`wsgi.input_terminated`); here it does. Flask leaves the request, with the rule that matched, in the environment.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input_terminated"] = True
        try:
            return app(environ, start_response)
        finally:
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            environ["asgi.scope"]["route_template"] = getattr(rule, "rule", None)

    return application
