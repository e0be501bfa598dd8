"""How errors look in the API's description: problem details (RFC 9457), as the hardening layer sends them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field


class Fault(BaseModel):
    """What is wrong with one value of the request."""

    location: list[str | int] | None = None
    message: str


class Problem(BaseModel):
    """Problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = None
    request_id: str | None = Field(description="Quote it when you report the problem")
    errors: list[Fault] | None = None


_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_DESCRIPTIONS = {
    400: "The request can't be understood",
    404: "There is no such thing",
    405: "The method is not allowed here",
    413: "The body is too large",
    422: "A value is not valid",
    429: "Too many requests",
    500: "An error of the service",
    503: "The service can't answer now",
    504: "No answer in time",
}
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": _CONTENT} for status, description in _DESCRIPTIONS.items()
}


def describe_problems(app: FastAPI) -> None:
    """Put the schema that `ERROR_RESPONSES` refer to into the description of the API."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        description = describe()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"Problem": problem}
        return description

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents
