"""Requests can be followed."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from .conftest import Served


def test_an_answer_and_its_log_line_carry_the_same_id(served: Served) -> None:
    response = served.http.get("/ok")
    (entry,) = served.log.entries("http_request")
    assert entry["request_id"] == response.headers["x-request-id"]


def test_ids_differ(served: Served) -> None:
    assert served.http.get("/ok").headers["x-request-id"] != served.http.get("/ok").headers["x-request-id"]


def test_a_callers_id_is_taken_over(served: Served) -> None:
    response = served.http.get("/ok", headers={"x-request-id": "order-4711.a_B~c"})
    assert response.headers["x-request-id"] == "order-4711.a_B~c"


@pytest.mark.parametrize("bad", ["", "a b", "a" * 129, '"}{"admin":true', "a;b"])
def test_a_malformed_id_is_replaced(served: Served, bad: str) -> None:
    response = served.http.get("/ok", headers={"x-request-id": bad})
    assert response.headers["x-request-id"] != bad
    assert len(response.headers["x-request-id"]) == 32


def test_the_callers_trace_goes_on(served: Served) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    served.http.get("/ok", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    served.http.get("/ok", headers={"traceparent": "00-zz-b7ad6b7169203331-01"})
    first, second = [entry["trace_id"] for entry in served.log.entries("http_request", 2)]
    assert first == trace
    assert second != trace
    assert len(second) == 32


def test_a_websocket_has_an_id(served: Served) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/socket") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
        assert socket.response is not None
        assert len(socket.response.headers["x-request-id"]) == 32
