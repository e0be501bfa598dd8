"""One caller can't take everything."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from .conftest import Serve


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis: the one that REDIS_URL names, else one started for these tests."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("no Redis: set REDIS_URL or install redis-server to test limits shared between processes")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        for line in server.stdout or ():
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def test_who_asks_too_often_is_told_when_to_come_back(serve: Serve) -> None:
    served = serve(rate_limit="3/hour")
    responses = [served.http.get("/ok") for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert [response.headers["ratelimit-remaining"] for response in responses] == ["2", "1", "0", "0"]
    assert 0 < int(responses[-1].headers["retry-after"]) <= 7200
    assert responses[-1].headers["content-type"] == "application/problem+json"
    assert served.probe.seen == ["/ok"] * 3


def test_health_checks_do_not_count(serve: Serve) -> None:
    http = serve(rate_limit="1/hour").http
    assert {http.get("/livez").status_code for _ in range(3)} == {200}
    assert http.get("/ok").status_code == 200


def test_processes_count_together_in_redis(serve: Serve, redis_url: str) -> None:
    limit = f"2/{os.getpid()} hour"  # a limit of this run alone
    one, other = serve(rate_limit=limit, redis_url=redis_url), serve(rate_limit=limit, redis_url=redis_url)
    assert [server.http.get("/ok").status_code for server in (one, other, one)] == [200, 200, 429]


def test_without_redis_each_process_counts_for_itself(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # free, so that nobody answers there
    served = serve(rate_limit="2/hour", redis_url=f"redis://127.0.0.1:{port}/0")
    assert [served.http.get("/ok").status_code for _ in range(3)] == [200, 200, 429]
    assert len(served.log.entries("rate_limit_counts_locally")) == 1
