"""A prototype on Starlette: plain routes, a background task, server-sent events and a WebSocket."""

import asyncio
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

state = {"started": False, "told": []}
listeners = []


@asynccontextmanager
async def lifespan(app):
    state["started"] = True
    yield
    state["started"] = False


async def home(request):
    return JSONResponse({"started": state["started"]})


async def tell(request):
    words = (await request.json())["message"]
    for queue in listeners:
        queue.put_nowait(words)
    told = BackgroundTask(state["told"].append, words)
    return JSONResponse({"listeners": len(listeners)}, status_code=202, background=told)


async def feed(request):
    queue = asyncio.Queue()
    listeners.append(queue)

    async def events():
        words = "hello"
        yield f"data: {words}\n\n"
        while words != "bye":
            words = await queue.get()
            yield f"data: {words}\n\n"
        listeners.remove(queue)

    return StreamingResponse(events(), media_type="text/event-stream")


async def echo(websocket):
    if websocket.path_params["room"] == "closed":
        await websocket.close()
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        if text == "quit":
            await websocket.close(4000, "bye")
            return
        await websocket.send_text(text.upper())


async def item(request):
    return JSONResponse({"item": request.path_params["number"]})


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", home),
        Route("/tell", tell, methods=["POST"]),
        Route("/feed", feed),
        Mount("/shop", routes=[Route("/items/{number:int}", item)]),
        WebSocketRoute("/echo/{room}", echo),
    ],
)
