from __future__ import annotations

import logging
import time

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from . import __version__
from .api import accounts
from .config import Config
from .errors import LedgerError

logger = logging.getLogger(__name__)


def create_app(config: Config | None = None) -> FastAPI:
    config = config or Config.from_env()
    app = FastAPI(title="Ledger", version=__version__, docs_url=None)
    app.state.config = config
    app.state.balances = {}

    @app.middleware("http")
    async def log_requests(request: Request, call_next):
        started = time.perf_counter()
        response = await call_next(request)
        logger.info("%s %s took %.3f", request.method, request.url.path, time.perf_counter() - started)
        response.headers["X-Currency"] = config.currency
        return response

    @app.exception_handler(LedgerError)
    async def handle(request: Request, error: LedgerError):
        return JSONResponse({"code": error.code, "message": str(error)}, status_code=409)

    app.include_router(accounts.router, prefix="/api")
    return app
