import asyncio
import hashlib
import json
from pathlib import Path

from app.hub import hub
from fastapi import FastAPI, File, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")


@app.get("/events")
async def events():
    async def stream():
        queue = asyncio.Queue()
        hub.listeners.add(queue)
        try:
            yield "event: ready\ndata: {}\n\n"
            while True:
                message = await queue.get()
                yield f"data: {json.dumps({'message': message})}\n\n"
                if message == "bye":
                    break
        finally:
            hub.listeners.discard(queue)

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.post("/messages")
async def send(request: Request):
    body = await request.json()
    return {"listeners": hub.publish(body["message"])}


@app.get("/numbers")
def numbers(count: int = 5):
    return StreamingResponse((f"{n}\n" for n in range(count)), media_type="text/plain")


@app.post("/upload")
async def upload(file: UploadFile = File(...)):
    content = await file.read()
    return {"name": file.filename, "type": file.content_type, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.post("/raw")
async def raw(request: Request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str):
    if room == "closed":
        await websocket.close(code=4003)
        return
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            if text == "quit":
                await websocket.close(code=1000, reason="bye")
                return
            await websocket.send_json({"room": room, "text": text.upper()})
    except WebSocketDisconnect:
        pass
