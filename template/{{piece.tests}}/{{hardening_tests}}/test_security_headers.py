"""Browsers are told to be strict, on every answer."""

from __future__ import annotations

import pytest

from .conftest import Serve, Served


@pytest.mark.parametrize("path", ["/ok", "/page", "/missing", "/crash", "/livez"])
def test_every_answer_has_them(served: Served, path: str) -> None:
    headers = served.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    for name in ("x-frame-options", "permissions-policy", "cross-origin-opener-policy", "content-security-policy"):
        assert headers[name]


def test_a_page_gets_the_policy_of_the_settings(serve: Serve) -> None:
    http = serve(content_security_policy="default-src 'self'").http
    assert http.get("/page").headers["content-security-policy"] == "default-src 'self'"
    assert http.get("/ok").headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_applications_own_header_stays(served: Served) -> None:
    assert served.http.get("/framed").headers.get_list("x-frame-options") == ["ALLOWALL"]


def test_strict_transport_security_only_where_deployed(serve: Serve) -> None:
    assert "strict-transport-security" not in serve().http.get("/ok").headers
    assert "max-age=31536000" in serve(environment="production").http.get("/ok").headers["strict-transport-security"]
