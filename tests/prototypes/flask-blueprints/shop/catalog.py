from flask import Blueprint, jsonify, render_template, request

catalog_bp = Blueprint("catalog", __name__)

PRODUCTS = [
    {"sku": "tea-1", "name": "Assam", "price": 5.5},
    {"sku": "tea-2", "name": "Sencha", "price": 8.25},
]


@catalog_bp.route("/")
def index():
    return render_template("index.html", products=PRODUCTS)


@catalog_bp.route("/api/products")
def products():
    wanted = request.args.get("q", "").lower()
    return jsonify([p for p in PRODUCTS if wanted in p["name"].lower()])


@catalog_bp.route("/api/products/<sku>")
def product(sku):
    for p in PRODUCTS:
        if p["sku"] == sku:
            return p
    return {"error": "unknown sku"}, 404
