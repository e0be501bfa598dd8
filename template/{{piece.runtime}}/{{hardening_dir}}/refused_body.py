"""Answer for a body that is refused while the application reads it."""

from __future__ import annotations

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .problems import send_problem

CLOSE = (b"connection", b"close")  # the rest of the body is not read: the connection can't be used again


class BodyRefusedError(Exception):
    """Raised by `receive`. What an application makes of it is not its answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def call_or_refuse(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Call an application whose `receive` may raise BodyRefusedError, and answer that as problem details.

    An answer that had started by then is cut off: the error goes on to the server.
    """
    refusal: BodyRefusedError | None = None
    started = False

    async def receive_and_note() -> Message:
        nonlocal refusal
        try:
            return await receive()
        except BodyRefusedError as error:
            refusal = error
            raise

    async def send_unless_refused(message: Message) -> None:
        nonlocal started
        if started or refusal is None:
            started = True
            await send(message)

    try:
        await app(scope, receive_and_note, send_unless_refused)
    except Exception:
        if refusal is None or started:
            raise
    if refusal is not None and not started:
        await send_problem(send, refusal.status, refusal.detail, (CLOSE,))
