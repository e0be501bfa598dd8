"""The faults that the other tests rest on are real."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .proxy import FaultProxy


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """A proxy before a server that sends back what it gets."""

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65_536):
                connection.sendall(data)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        with FaultProxy(*server.getsockname()) as proxy:
            yield proxy
        server.shutdown(socket.SHUT_RDWR)


def connect(proxy: FaultProxy, timeout: float = 30) -> socket.socket:
    """Connect to the proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout)


def says(connection: socket.socket, text: bytes) -> bytes:
    """Send a text and return what comes back."""
    connection.sendall(text)
    return connection.recv(100)


def test_it_passes_on_both_ways(proxy: FaultProxy) -> None:
    with connect(proxy) as connection:
        assert says(connection, b"one") == b"one"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert proxy.accepted == 1


def test_latency(proxy: FaultProxy) -> None:
    with connect(proxy) as connection:
        proxy.latency(0.2)
        started = time.monotonic()
        assert says(connection, b"one") == b"one"
        assert time.monotonic() - started >= 0.2


def test_a_black_hole_answers_nothing_until_it_is_restored(proxy: FaultProxy) -> None:
    with connect(proxy, 0.2) as before:
        assert says(before, b"one") == b"one"
        proxy.black_hole()
        with connect(proxy, 0.2) as after:
            for connection in (before, after):
                with pytest.raises(TimeoutError):
                    says(connection, b"two")
            proxy.restore()
            for connection in (before, after):
                connection.settimeout(30)
                assert connection.recv(100) == b"two"


def test_reset(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert says(before, b"one") == b"one"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            before.recv(100)
    with pytest.raises(ConnectionError), connect(proxy) as after:
        says(after, b"two")


def test_half_close(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert says(before, b"one") == b"one"
        proxy.half_close()
        assert before.recv(100) == b""
        before.sendall(b"still taken")
    with connect(proxy) as after:
        assert says(after, b"two") == b""


def test_refuse_and_restore(proxy: FaultProxy) -> None:
    with connect(proxy) as before:
        assert says(before, b"one") == b"one"
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            before.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.restore()
    with connect(proxy) as again:
        assert says(again, b"two") == b"two"
