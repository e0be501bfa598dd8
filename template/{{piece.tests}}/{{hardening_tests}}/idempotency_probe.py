"""An application whose POST does its work once for each call, and what every store of keys has to make of it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from .conftest import Served
from .probe import Probe, Scope, answer


class Worker(Probe):
    """Each path does its work, counted in `done`, and ends in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        self.working = threading.Event()

    async def _work(self, _scope: Scope, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.done += 1
        document = {"number": self.done, "body": body.decode()}
        await answer(send, 201, document, headers=[(b"location", b"/work/1"), (b"set-cookie", b"session=1")])

    async def _slow(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        self.working.set()
        await asyncio.to_thread(self.release.wait, 60)
        await answer(send, 200, {"number": self.done})

    async def _first_fails(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        await answer(send, 502 if self.done == 1 else 200, {"number": self.done})

    async def _first_busy(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        await answer(send, 429 if self.done == 1 else 200, {"number": self.done})

    async def _first_crashes(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        if self.done == 1:
            raise RuntimeError("first")
        await answer(send, 200, {"number": self.done})

    async def _first_hangs(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        if self.done == 1:
            await asyncio.Event().wait()
        await answer(send, 200, {"number": self.done})

    async def _refused(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        await answer(send, 422, {"number": self.done})

    async def _big(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        await answer(send, 200, "x" * 300_000)

    async def _streamed(self, _scope: Scope, _receive: Any, send: Any) -> None:
        self.done += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"a", b"b"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def post(
    http: httpx2.Client, path: str, key: str | None = None, content: str = "{}", **headers: str
) -> httpx2.Response:
    """Send a request with a key, by default one that nobody has used."""
    return send(http, "POST", path, uuid.uuid4().hex if key is None else key, content, **headers)


def send(http: httpx2.Client, method: str, path: str, key: str, content: str = "", **headers: str) -> httpx2.Response:
    """Send a request with a key."""
    http.cookies.clear()  # who has another cookie is another caller
    return http.request(method, path, content=content, headers={"idempotency-key": key, **headers})


def check_replay(served: Served) -> None:
    """Check that a repeated request gets the first one's answer, and nothing is done again."""
    key = uuid.uuid4().hex
    first, again = (post(served.http, "/work", key, '"naïve"') for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["location"] == "/work/1"
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert "set-cookie" in first.headers
    assert "set-cookie" not in again.headers
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert served.probe.done == 1  # type: ignore[attr-defined]


def check_one_of_many_runs(served: Served) -> None:
    """Check that of 50 simultaneous requests one is executed, and the others are told so."""
    worker: Any = served.probe
    key = uuid.uuid4().hex

    def send() -> httpx2.Response:
        with httpx2.Client(base_url=served.http.base_url, timeout=60) as http:
            return post(http, "/slow", key)

    with ThreadPoolExecutor(50) as threads:
        requests = [threads.submit(send) for _ in range(50)]
        assert worker.working.wait(60)
        refused = post(served.http, "/slow", key)
        assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
        while sum(request.done() for request in requests) < 49:
            threading.Event().wait(0.01)
        worker.release.set()
        statuses = sorted(request.result().status_code for request in requests)
    assert statuses == [200] + [409] * 49
    assert worker.done == 1
    assert post(served.http, "/slow", key).headers["idempotency-replayed"] == "true"


def check_another_body(served: Served) -> None:
    """Check that a key stands for one body and query."""
    key = uuid.uuid4().hex
    answers = [
        post(served.http, "/work", key, "1"),
        post(served.http, "/work", key, "2"),
        post(served.http, "/work?a=1", key, "1"),
        post(served.http, "/work", key, "1"),
    ]
    assert [answer.status_code for answer in answers] == [201, 422, 422, 201]


def check_failures_free_the_key(served: Served) -> None:
    """Check that a request that failed can be sent again at once."""
    for path, status in (("/first-fails", 502), ("/first-busy", 429), ("/first-crashes", 500)):
        served.probe.done = 0  # type: ignore[attr-defined]
        key = uuid.uuid4().hex
        answers = [post(served.http, path, key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, 200]
        assert answers[1].json() == {"number": 2}


def check_cancellation_frees_the_key(served: Served) -> None:
    """Check that a request that took too long can be sent again, before its claim ends by itself."""
    key = uuid.uuid4().hex
    assert post(served.http, "/first-hangs", key).status_code == 504
    again = post(served.http, "/first-hangs", key)
    for _ in range(100):  # the key is given back while the answer is sent
        if again.status_code == 409:
            threading.Event().wait(0.01)
            again = post(served.http, "/first-hangs", key)
    assert (again.status_code, again.json()) == (200, {"number": 2})


def check_what_is_not_kept(served: Served) -> None:
    """Check that nothing is done twice, even when its answer is not kept."""
    for path in ("/big", "/streamed"):
        served.probe.done = 0  # type: ignore[attr-defined]
        key = uuid.uuid4().hex
        assert post(served.http, path, key).status_code == 200
        again = post(served.http, path, key)
        assert (again.status_code, "retry-after" in again.headers) == (409, False)
        assert served.probe.done == 1  # type: ignore[attr-defined]


ALL = (
    check_replay,
    check_one_of_many_runs,
    check_another_body,
    check_failures_free_the_key,
    check_cancellation_frees_the_key,
    check_what_is_not_kept,
)
