"""Large bodies are refused before they are read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import Serve


def pieces(length: int) -> Iterator[bytes]:
    for _ in range(length // 10):
        yield b"x" * 10


@pytest.mark.parametrize("content", [b"x" * 100, None], ids=["announced", "chunked"])
def test_a_body_at_the_limit_passes(serve: Serve, content: bytes | None) -> None:
    response = serve(max_body_bytes=100, content_types=()).http.post("/length", content=content or pieces(100))
    assert response.json() == {"length": 100}


def test_a_larger_body_is_refused_by_its_announcement(serve: Serve) -> None:
    served = serve(max_body_bytes=100, content_types=())
    response = served.http.post("/length", content=b"x" * 101)
    assert response.status_code == 413
    assert response.json()["detail"] == "The body may have at most 100 bytes."
    assert served.probe.seen == []


def test_a_larger_body_is_refused_while_it_arrives(serve: Serve) -> None:
    response = serve(max_body_bytes=100, content_types=()).http.post("/length", content=pieces(200))
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("kind", "length", "status"),
    [
        ("multipart/form-data; boundary=x", 200, 200),
        ("Multipart/Form-Data", 210, 413),
        ("application/octet-stream", 110, 413),
    ],
)
def test_uploads_have_a_limit_of_their_own(serve: Serve, kind: str, length: int, status: int, announced: bool) -> None:
    http = serve(max_body_bytes=100, max_upload_bytes=200, content_types=()).http
    content = b"x" * length if announced else pieces(length)
    assert http.post("/length", content=content, headers={"content-type": kind}).status_code == status
