"""Pages of named origins may call, and no others."""

from __future__ import annotations

import httpx2
import pytest

from .conftest import Serve

OURS, OTHER = "https://app.example.com", "https://evil.test"


def preflight(http: httpx2.Client, origin: str) -> httpx2.Response:
    """Ask, as browsers do, whether a page may send a request with this header."""
    headers = {"origin": origin, "access-control-request-method": "PATCH", "access-control-request-headers": "x-own"}
    return http.options("/ok", headers=headers)


def test_a_named_origin_may_call(serve: Serve) -> None:
    served = serve(cors_origins=(OURS,))
    asked = preflight(served.http, OURS)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == OURS
    assert "PATCH" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == "x-own"
    assert served.probe.seen == []
    response = served.http.get("/ok", headers={"origin": OURS})
    assert response.headers["access-control-allow-origin"] == OURS
    assert "access-control-allow-credentials" not in response.headers
    assert "Retry-After" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("rewrite", [True, False])
def test_another_may_not(serve: Serve, rewrite: bool) -> None:
    http = serve(cors_origins=(OURS,), rewrite_errors=rewrite).http
    asked = preflight(http, OTHER)
    assert asked.status_code == 400
    assert asked.json()["detail"] == "Disallowed CORS origin"
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in http.get("/ok", headers={"origin": OTHER}).headers


@pytest.mark.parametrize(("path", "status"), [("/crash", 500), ("/missing", 404), ("/stuck", 504)])
def test_pages_can_read_errors(serve: Serve, path: str, status: int) -> None:
    http = serve(cors_origins=(OURS,), request_timeout_seconds=0.2).http
    response = http.get(path, headers={"origin": OURS})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, OURS)


def test_credentials_are_for_who_says_so(serve: Serve) -> None:
    http = serve(cors_origins=(OURS,), cors_credentials=True).http
    assert preflight(http, OURS).headers["access-control-allow-credentials"] == "true"


def test_nobody_may_call_where_no_origin_is_named(serve: Serve) -> None:
    http = serve().http
    assert "access-control-allow-origin" not in http.get("/ok", headers={"origin": OURS}).headers
    assert "access-control-allow-origin" not in preflight(http, OURS).headers
