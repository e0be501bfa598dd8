"""Serve the hardened prototype: `python -m hardening`."""

from __future__ import annotations

from .server import serve
from .settings import HardeningSettings

if __name__ == "__main__":
    serve("hardening.asgi:app", HardeningSettings.load())
