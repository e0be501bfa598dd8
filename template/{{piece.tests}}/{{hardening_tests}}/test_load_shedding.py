"""What can't be answered in time is refused at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2
from prometheus_client import REGISTRY

from .conftest import Serve, Served


class Background:
    """Requests that are sent from threads of their own."""

    def __init__(self, served: Served) -> None:
        self._url = served.http.base_url
        self._threads: list[threading.Thread] = []
        self.statuses: list[int] = []

    def get(self, path: str) -> None:
        """Send one."""
        thread = threading.Thread(target=self._get, args=(path,))
        thread.start()
        self._threads.append(thread)

    def join(self) -> list[int]:
        """Return how all were answered."""
        for thread in self._threads:
            thread.join(30)
        return self.statuses

    def _get(self, path: str) -> None:
        with httpx2.Client(base_url=self._url, timeout=30) as http:
            self.statuses.append(http.get(path).status_code)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    patience = threading.Event()
    for _ in range(1500):
        if condition():
            return
        patience.wait(0.01)
    raise AssertionError("it did not happen")


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"load_shedding_requests_{name}")


def test_requests_wait_for_their_turn_and_the_rest_is_refused(serve: Serve) -> None:
    served = serve(max_concurrent_requests=1, max_waiting_requests=1, max_wait_seconds=20)
    background = Background(served)
    background.get("/blocked")
    until(lambda: served.probe.seen == ["/blocked"])
    background.get("/ok")
    until(lambda: gauge("waiting") == 1)
    before = REGISTRY.get_sample_value("load_shedding_refused_total", {"reason": "full"}) or 0
    refused = served.http.get("/ok")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "20")
    assert refused.headers["content-type"] == "application/problem+json"
    assert REGISTRY.get_sample_value("load_shedding_refused_total", {"reason": "full"}) == before + 1
    assert served.http.get("/livez").status_code == served.http.get("/readyz").status_code == 200
    assert gauge("in_progress") == 1
    served.probe.release.set()
    assert background.join() == [200, 200]
    assert served.probe.seen == ["/blocked", "/ok"]
    until(lambda: gauge("in_progress") == gauge("waiting") == 0)


def test_nobody_waits_long(serve: Serve) -> None:
    served = serve(max_concurrent_requests=1, max_wait_seconds=0.05)
    background = Background(served)
    background.get("/blocked")
    until(lambda: served.probe.seen == ["/blocked"])
    assert served.http.get("/ok").status_code == 503  # the slot is let go only afterwards
    served.probe.release.set()
    assert background.join() == [200]
    assert served.http.get("/ok").status_code == 200


def test_every_end_gives_the_slot_back(serve: Serve) -> None:
    http = serve(max_concurrent_requests=1, max_waiting_requests=0, request_timeout_seconds=0.1).http
    assert [http.get(path).status_code for path in ("/crash", "/stuck", "/missing")] == [500, 504, 404]
    until(lambda: http.get("/ok").status_code == 200)


def test_a_stream_that_has_started_holds_no_slot(serve: Serve) -> None:
    served = serve(max_concurrent_requests=1, max_waiting_requests=0)
    with served.http.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "first"
        assert served.http.get("/page", headers={"connection": "close"}).status_code == 200
        served.probe.release.set()
        assert next(lines) == "last"
