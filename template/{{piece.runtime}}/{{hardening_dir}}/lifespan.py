"""Start and stop also around applications that know nothing of it."""

from __future__ import annotations

from .asgi_types import ASGIApp, Message, Receive, Scope, Send


class Lifespan:
    """Answer ASGI's lifespan protocol for an application that does not (Django raises), so that layers can close."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        received = answered = False

        async def receive_and_note() -> Message:
            nonlocal received
            message = await receive()
            received = True
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, receive_and_note, send_and_note)
        except Exception:
            if answered:  # it knows the protocol, and failed
                raise
        if not answered:
            if not received:
                await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
