"""Bodies of other media types are not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import Serve

ACCEPTED = ("application/json", "application/*+json", "image/*", "multipart/form-data")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        ("application/vnd.example.v1+json", 200),
        ("image/png", 200),
        ("multipart/form-data; boundary=x", 200),
        ("text/plain", 415),
        ("application/jsonp", 415),
        ("application/+json", 415),
        ("application/json/x", 415),
        ("xml", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_media_types(serve: Serve, kind: str | None, status: int) -> None:
    served = serve(content_types=ACCEPTED)
    response = served.http.post("/length", content=b"{}", headers={} if kind is None else {"content-type": kind})
    assert response.status_code == status
    assert served.probe.seen == (["/length"] if status == 200 else [])


@pytest.mark.parametrize(("method", "name"), [("POST", "accept-post"), ("PATCH", "accept-patch"), ("PUT", "accept")])
def test_the_answer_says_what_is_accepted(serve: Serve, method: str, name: str) -> None:
    response = serve(content_types=ACCEPTED).http.request(method, "/length", content=b"x")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["accept"] == response.headers[name] == ", ".join(ACCEPTED)


def test_a_body_of_unknown_length(serve: Serve) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"

    assert serve(content_types=ACCEPTED).http.post("/length", content=pieces()).status_code == 415


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_request_without_a_body_needs_no_type(serve: Serve, method: str) -> None:
    assert serve(content_types=ACCEPTED).http.request(method, "/ok").status_code == 200


def test_any_type_where_none_is_named(serve: Serve) -> None:
    assert serve(content_types=()).http.post("/length", content=b"x").status_code == 200
