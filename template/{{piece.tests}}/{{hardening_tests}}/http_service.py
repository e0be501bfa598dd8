"""Another service, as this one meets it: over HTTP, on a real socket, with answers that a test scripts."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """What the service answers. It may hang up before (`drops`), or stop in mid-body until the test ends (`hangs`)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    drops: bool = False
    hangs: bool = False


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes


class HttpService:
    """Serve the scripted answers in their order, and then plain successes; note what is asked."""

    def __init__(self, *answers: Answer, host: str = "127.0.0.1", port: int = 0, tls: Any = None) -> None:
        self.answers = deque(answers)
        self.received: list[Received] = []
        self.release = threading.Event()
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://{self.host}:{self.port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                service.received.append(Received(self.command, self.path, self.headers, body))
                answer = service.answers.popleft() if service.answers else Answer()
                if answer.drops:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + answer.hangs))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.hangs:
                    self.wfile.flush()
                    service.release.wait(60)
                    self.close_connection = True

            do_DELETE = do_GET = do_POST = do_PUT = _answer  # noqa: N815  # what http.server calls

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in http.server
                """Log nothing."""

        return Handler
