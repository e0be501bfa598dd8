import os

from dotenv import load_dotenv
from flask import Flask, jsonify
from flask_cors import CORS

load_dotenv()


def create_app(test_config=None):
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.getenv("SECRET_KEY", "dev")
    if test_config:
        app.config.update(test_config)
    CORS(app)

    from shop.cart.routes import cart_bp
    from shop.catalog import catalog_bp

    app.register_blueprint(catalog_bp)
    app.register_blueprint(cart_bp, url_prefix="/cart")

    @app.errorhandler(404)
    def not_found(error):
        return jsonify(error="not found"), 404

    @app.errorhandler(ValueError)
    def bad_value(error):
        return jsonify(error=str(error)), 400

    return app
