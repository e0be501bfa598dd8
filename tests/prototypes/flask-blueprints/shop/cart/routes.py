from flask import Blueprint, jsonify, redirect, request, session, url_for

cart_bp = Blueprint("cart", __name__)


@cart_bp.get("/")
def show():
    return jsonify(session.get("cart", {}))


@cart_bp.post("/add")
def add():
    sku = request.form["sku"]
    count = int(request.form.get("count", 1))
    if count < 1:
        raise ValueError("count must be positive")
    cart = session.setdefault("cart", {})
    cart[sku] = cart.get(sku, 0) + count
    session.modified = True
    return redirect(url_for("cart.show"))


@cart_bp.post("/checkout")
def checkout():
    data = request.get_json()
    return jsonify(ok=True, name=data["name"], items=sum(session.get("cart", {}).values())), 202
