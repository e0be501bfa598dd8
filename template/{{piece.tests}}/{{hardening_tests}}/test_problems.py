"""Errors have one form and give nothing away."""

from __future__ import annotations

import httpx2
import pytest

from .conftest import Serve, Served

UNEXPECTED = "The request failed for a reason of ours; quote the request id to us."
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/missing", 404, "There is no such thing."),
        ("/not-allowed", 405, None),
        ("/invalid", 422, "The request is not valid."),
        ("/crash", 500, UNEXPECTED),
        ("/debug-page", 500, UNEXPECTED),
        ("/own-failure", 500, UNEXPECTED),
    ],
)
def test_every_error_is_problem_details(served: Served, path: str, status: int, detail: str | None) -> None:
    response = served.http.get(path)
    problem = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem.get("detail") == detail
    assert problem["request_id"] == response.headers["x-request-id"]


def test_a_rewritten_error_keeps_its_headers(served: Served) -> None:
    assert served.http.get("/not-allowed").headers["allow"] == "GET, POST"


def test_an_invalid_value_is_not_sent_back(served: Served) -> None:
    response = served.http.get("/invalid")
    assert response.json()["errors"] == [{"location": ["body", "pin"], "message": "too short"}]
    assert "hunter2" not in response.text


def test_the_applications_own_problem_details_stay(served: Served) -> None:
    assert served.http.get("/own-problem").json() == {"type": "https://example.com/taken"}


@pytest.mark.parametrize("path", ["/crash", "/debug-page"])
def test_internals_do_not_reach_the_caller(serve: Serve, path: str) -> None:
    response = serve(rewrite_errors=False).http.get(path)
    assert response.status_code == 500
    assert response.headers["content-type"] == PROBLEM
    assert "internals" not in response.text


def test_an_unexpected_error_is_logged_with_its_traceback_and_without_its_secret(served: Served) -> None:
    response = served.http.get("/crash")
    (entry,) = served.log.entries("unhandled_exception")
    assert entry["request_id"] == response.headers["x-request-id"]
    assert "in _crash" in entry["exception"]
    assert "hunter2" not in str(entry)


def test_a_failure_in_mid_answer_cuts_the_connection(served: Served) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        served.http.get("/crash-late")


@pytest.mark.parametrize(("path", "body"), [("/missing", "There is no such thing."), ("/own-failure", "own words")])
def test_the_applications_own_errors_stay_when_not_rewritten(serve: Serve, path: str, body: str) -> None:
    response = serve(rewrite_errors=False).http.get(path)
    assert response.headers["content-type"] == "application/json"
    assert body in response.text
