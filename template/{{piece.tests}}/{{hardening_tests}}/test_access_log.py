"""One event for each request, without what must not be logged."""

from __future__ import annotations

import contextlib

import httpx2
import pytest

from .conftest import Serve, Served


def test_a_request_is_one_event(served: Served) -> None:
    served.http.get("/ok?token=hunter2-hunter2")
    (entry,) = served.log.entries("http_request")
    assert entry["method"] == "GET"
    assert entry["path"] == "/ok"
    assert entry["status"] == 200
    assert entry["duration_ms"] >= 0
    assert entry["level"] == "info"
    assert "hunter2" not in str(entry)


@pytest.mark.parametrize("path", ["/crash", "/crash-late"])
def test_a_failure_is_one_event_too(served: Served, path: str) -> None:
    with contextlib.suppress(httpx2.RemoteProtocolError):  # the late failure cuts the connection
        served.http.get(path)
    (entry,) = served.log.entries("http_request")
    assert entry["path"] == path
    assert entry["status"] == (500 if path == "/crash" else 200)


def test_errors_stand_out(served: Served) -> None:
    served.http.get("/crash")
    (entry,) = served.log.entries("http_request")
    assert entry["level"] == "error"


def test_health_checks_are_not_logged(served: Served) -> None:
    served.http.get("/livez")
    served.http.get("/readyz")
    served.http.get("/ok")
    (entry,) = served.log.entries("http_request")
    assert entry["path"] == "/ok"


def test_of_successful_requests_a_share_is_logged_and_of_errors_all(serve: Serve) -> None:
    served = serve(access_log_sample_rate=0, rewrite_errors=True)
    for path in ("/ok", "/missing", "/ok", "/crash"):
        served.http.get(path)
    assert [entry["status"] for entry in served.log.entries("http_request", 2)] == [404, 500]


def test_a_route_is_logged_as_its_template(served: Served) -> None:
    served.http.get("/routed/4711")
    (entry,) = served.log.entries("http_request")
    assert entry["route"] == "/routed/{number}"
    assert "4711" not in str(entry)


def test_a_path_that_no_route_has_is_redacted(served: Served) -> None:
    served.http.get("/who/jane.doe@example.com")
    (entry,) = served.log.entries("http_request")
    assert entry["path"] == "/who/[e-mail]"
