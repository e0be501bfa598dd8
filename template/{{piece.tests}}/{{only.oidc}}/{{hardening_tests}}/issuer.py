"""An identity provider: it publishes its keys over HTTP and signs whatever a test wants."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "the-service"


@functools.cache
def _first_key() -> RSAKey:
    """Return the key that every issuer begins with: to make one takes a while."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class Issuer:
    """A server of its own. `keys` are published; while it is `down`, every answer is 503."""

    def __init__(self) -> None:
        self.keys: list[Any] = [_first_key()]
        self.down = False
        self.fetches = 0
        self.answers = threading.Event()  # cleared, it keeps callers waiting
        self.answers.set()
        self.configuration: dict[str, Any] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answers.wait(30)
                if self.path == "/.well-known/openid-configuration":
                    issuer.fetches += 1
                    document: dict[str, Any] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                    document |= issuer.configuration
                else:
                    document = {"keys": [key.as_dict(private=False) for key in issuer.keys]}
                body = json.dumps(document).encode()
                self.send_response(503 if issuer.down else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def claims(self, subject: str, scopes: Iterable[str] = (), **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token, with changes; None takes a claim away."""
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "exp": int(time.time()) + 600,
            "scope": " ".join(sorted(scopes)),
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(
        self,
        subject: str,
        scopes: Iterable[str] = (),
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Return a token: a good one, or one with another key, header or claims."""
        key = key or self.keys[-1]
        head = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
        given = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(given, self.claims(subject, scopes, **changes), key, algorithms=[given["alg"]])
