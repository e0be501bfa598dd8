"""Only proxies that are trusted say where a request comes from, and over which scheme."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Serve, Served
from .probe import Probe, Scope, answer

FORWARDED = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}


class _Mirror(Probe):
    async def _origin(self, scope: Scope, _receive: Any, send: Any) -> None:
        await answer(send, 200, {"address": scope["client"][0], "scheme": scope["scheme"]})


def origin(served: Served, headers: dict[str, str]) -> tuple[str, str]:
    """Return the address and scheme that the application sees."""
    seen = served.http.get("/origin", headers=headers).json()
    return seen["address"], seen["scheme"]


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.9.8.7, 127.0.0.1"])
def test_a_trusted_proxy_is_believed(serve: Serve, proxies: str) -> None:
    served = serve(probe=_Mirror(), trusted_proxies=proxies)
    assert origin(served, FORWARDED) == ("192.0.2.7", "https")
    chain = {"x-forwarded-for": "203.0.113.9, 192.0.2.7, 127.0.0.1"}  # the first one is the caller's own invention
    assert origin(served, chain) == ("192.0.2.7", "http")


def test_anyone_else_is_not(serve: Serve) -> None:
    served = serve(probe=_Mirror(), trusted_proxies="10.9.8.7", rate_limit="3/hour")
    assert origin(served, FORWARDED) == ("127.0.0.1", "http")
    addresses = [f"192.0.2.{number}" for number in range(3)]
    statuses = [served.http.get("/ok", headers={"x-forwarded-for": address}).status_code for address in addresses]
    assert statuses == [200, 200, 429]


def test_strict_transport_security_is_for_where_there_is_tls(serve: Serve) -> None:
    deployed = serve(environment="production", allowed_hosts=("*",)).http.get("/ok")
    assert deployed.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "strict-transport-security" not in serve().http.get("/ok", headers=FORWARDED).headers
