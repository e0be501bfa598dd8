"""What callers of a resource rely on, as a file beside it: `make openapi` writes it, a test compares the API with it.

It is the part of the OpenAPI description that machines depend on: paths, parameters, bodies and successful answers.
Prose is left out, and so are error answers and credentials, which are the same for all resources.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from . import resources

FILE = "openapi.json"
_PROSE = frozenset({"description", "example", "examples", "title"})
_SCHEMAS = frozenset({"$defs", "properties", "schemas"})  # their keys are names, not words of JSON Schema


def contracts() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder of each resource and its contract as it is now."""
    for resource in pkgutil.iter_modules(resources.__path__):
        routes = importlib.import_module(f"{resources.__name__}.{resource.name}.routes")
        yield Path(routes.__file__ or "").parent, contract_of(routes.router)


def contract_of(router: APIRouter) -> dict[str, Any]:
    """Return the contract of one resource."""
    alone = FastAPI()
    alone.include_router(router, prefix="/v1")
    description = alone.openapi()
    paths = {
        path: {method: _operation(operation) for method, operation in operations.items()}
        for path, operations in description["paths"].items()
    }
    schemas = _without_prose(description.get("components", {}).get("schemas", {}), names=True)
    errors = ("HTTPValidationError", "ValidationError")
    return {"paths": paths, "schemas": {name: schema for name, schema in schemas.items() if name not in errors}}


def write_contracts() -> None:
    """Write the contract of each resource beside it."""
    for folder, contract in contracts():
        (folder / FILE).write_text(json.dumps(contract, indent=2, sort_keys=True) + "\n")


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"parameters": operation.get("parameters", [])}
    if "requestBody" in operation:
        kept["requestBody"] = operation["requestBody"]
    kept["responses"] = {status: answer for status, answer in operation["responses"].items() if status < "4"}
    without: dict[str, Any] = _without_prose(kept)
    return without


def _without_prose(part: Any, *, names: bool = False) -> Any:
    if isinstance(part, list):
        return [_without_prose(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_prose(value, names=not names and key in _SCHEMAS)
        for key, value in part.items()
        if names or key not in _PROSE
    }
