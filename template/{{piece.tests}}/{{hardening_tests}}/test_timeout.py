"""Nobody waits for ever."""

from __future__ import annotations

from .conftest import Serve


def test_a_stuck_request_is_answered(serve: Serve) -> None:
    response = serve(request_timeout_seconds=0.2).http.get("/stuck")
    assert response.status_code == 504
    assert response.json()["detail"] == "No answer within 0.2 seconds."


def test_a_handler_in_a_thread_is_answered_for(serve: Serve) -> None:
    served = serve(request_timeout_seconds=0.2)
    assert served.http.get("/blocked").status_code == 504  # the thread is let go only afterwards
    served.probe.release.set()
    assert served.http.get("/ok").status_code == 200


def test_a_stream_that_has_started_may_take_its_time(serve: Serve) -> None:
    served = serve(request_timeout_seconds=0.2)
    with served.http.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "first"
        assert served.http.get("/stuck").status_code == 504  # so the time is over for the stream, too
        served.probe.release.set()
        assert next(lines) == "last"
