"""What an owner does with a new service in its first week."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, run
from projects import render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.heavy
CONTRACT = ROOT / "template" / "{{piece.skeleton}}" / "src" / "{{package}}" / "resources" / "notes" / "openapi.json"

ORDERS = '''"""How orders are stored."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Mapped, mapped_column

from ...database import Base


class Order(Base):
    """An order."""

    __tablename__ = "orders"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
'''
ROUTES = '''"""Orders."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from ...principal import Principal, requires

router = APIRouter(prefix="/orders", tags=["orders"])


@router.get("")
async def list_orders(caller: Annotated[Principal, requires("orders:read")]) -> list[str]:
    """List orders."""
    return [caller.id]
'''


def test_a_resource_is_added_and_the_sample_deleted(template: Path, tmp_path: Path) -> None:
    """Its migration is written and formatted by one command, and does not depend on the sample's."""
    project = render(template, tmp_path / "order-desk", pieces=["tests", "quality"])
    run("uv", "sync", "--quiet", cwd=project)
    resources = project / "src" / "order_desk" / "resources"
    orders = resources / "orders"
    orders.mkdir()
    for name, text in {"__init__": '"""Orders."""\n', "models": ORDERS, "routes": ROUTES}.items():
        (orders / f"{name}.py").write_text(text)
    run("make", "migration", "message=orders", cwd=project)
    done = run("make", "test", "ARGS=tests/contract/test_compatibility.py", cwd=project, check=False)
    assert "orders has no contract yet: run `make openapi`" in done.stdout
    run("make", "openapi", cwd=project)
    (written,) = (project / "migrations" / "versions").glob("*_orders.py")
    assert 'op.create_table(\n        "orders"' in written.read_text()
    shutil.rmtree(resources / "notes")
    run("make", "check", cwd=project)

    # The database of this machine has had the sample's migration: that is said, and a fresh one works.
    done = run("make", "migration", "message=no notes", cwd=project, check=False)
    assert done.returncode
    assert "Can't locate revision identified by '0002_note_words'" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(project / ".postgres")
    run("make", "migration", "message=orders have more", cwd=project)
    run("make", "test", "ARGS=tests/integration/test_migrations.py", cwd=project)


@pytest.mark.parametrize("auth", ["api-key", "oidc", "none"])
def test_the_samples_contract_is_current(template: Path, tmp_path: Path, auth: str) -> None:
    """A fresh project has nothing to write: `make contract` in this repository writes what the template has."""
    project = render(template, tmp_path / "order-desk", pieces=[], auth=auth)
    run("uv", "sync", "--quiet", "--no-dev", cwd=project)
    run("make", "openapi", cwd=project)
    current = (project / "src" / "order_desk" / "resources" / "notes" / "openapi.json").read_text()
    if os.environ.get("CASEHARD_WRITE"):
        CONTRACT.write_text(current)
    assert CONTRACT.read_text() == current
