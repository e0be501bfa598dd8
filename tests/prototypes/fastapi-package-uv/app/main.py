from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.config import get_settings
from app.db import init_db
from app.routers import books, health


@asynccontextmanager
async def lifespan(app: FastAPI):
    init_db()
    yield


app = (
    FastAPI(
        title=get_settings().app_name,
        lifespan=lifespan,
    )
)
app.include_router(health.router)
app.include_router(books.router, prefix="/books", tags=["books"])
