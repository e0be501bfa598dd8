"""Calls to other services: the client that routes share."""

from __future__ import annotations

from typing import Annotated

import httpx2
from fastapi import Depends, Request


def _http(request: Request) -> httpx2.AsyncClient:
    http: httpx2.AsyncClient = request.app.state.http
    return http


Http = Annotated[httpx2.AsyncClient, Depends(_http)]
"""A parameter of a route that calls other services now and then. One that it depends on gets a client of its own."""
