"""Short links."""

import hashlib
import io

import qrcode
import qrcode.image.svg
from fastapi import FastAPI, Form, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from service.storage import links

admin = FastAPI(title="Admin")
api: FastAPI = FastAPI(title="Links")


@admin.get("/count")
def count():
    return {"links": len(links)}


@api.get("/", response_class=HTMLResponse)
def home():
    return "<h1>Links</h1><form method=post action=/links><input name=url></form>"


@api.post("/links")
def shorten(url: str = Form(...)):
    if not url.startswith(("http://", "https://")):
        raise HTTPException(400, "Only web addresses")
    key = hashlib.sha256(url.encode()).hexdigest()[:6]
    links[key] = url
    return {"key": key}


@api.get("/qr/{key}")
def qr(key: str):
    buffer = io.BytesIO()
    qrcode.make(links[key], image_factory=qrcode.image.svg.SvgImage).save(buffer)
    return Response(buffer.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=60"})


api.mount("/admin", admin)


@api.get("/{key}")
def follow(key: str):
    if key not in links:
        raise HTTPException(404, "No such link")
    return RedirectResponse(links[key], status_code=307)
