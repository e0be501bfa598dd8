"""Other host names are not answered."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .conftest import Serve

HOSTS = ("api.example.com", "*.example.org", "[::1]")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example.com", 200),
        ("API.example.com:8443", 200),
        ("a.b.example.org", 200),
        ("[::1]", 200),
        ("[::1]:8000", 200),
        ("example.org", 421),
        ("evil-example.org", 421),
        ("api.example.com.evil.test", 421),
        ("evil.test", 421),
        ("", 421),
    ],
)
def test_hosts(serve: Serve, host: str, status: int) -> None:
    response = serve(allowed_hosts=HOSTS).http.get("/ok", headers={"host": host})
    assert response.status_code == status
    if status != 200:
        assert response.headers["content-type"] == "application/problem+json"


def test_websockets(serve: Serve) -> None:
    with pytest.raises(InvalidStatus, match="403"), connect(f"ws://127.0.0.1:{serve(allowed_hosts=HOSTS).port}/ws"):
        pass


def test_health_is_asked_by_address(serve: Serve) -> None:
    http = serve(allowed_hosts=HOSTS).http
    assert http.get("/livez").status_code == http.get("/readyz").status_code == 200


@pytest.mark.parametrize("hosts", [(), ("*",), ("api.example.com", "*")])
def test_every_host_is_answered_where_none_is_named(serve: Serve, hosts: tuple[str, ...]) -> None:
    assert serve(allowed_hosts=hosts).http.get("/ok", headers={"host": "evil.test"}).status_code == 200
