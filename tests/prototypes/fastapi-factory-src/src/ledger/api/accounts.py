from fastapi import APIRouter, Request
from pydantic import BaseModel, PositiveInt

from ledger.errors import Overdrawn

router = APIRouter()


class Transfer(BaseModel):
    source: str
    target: str
    amount: PositiveInt


@router.post("/transfers")
async def transfer(body: Transfer, request: Request):
    state = request.app.state
    balances = state.balances
    left = balances.get(body.source, 0) - body.amount
    if body.source != "bank" and left < -state.config.overdraft:
        raise Overdrawn(f"{body.source} has only {balances.get(body.source, 0)} {state.config.currency}")
    balances[body.source] = left
    balances[body.target] = balances.get(body.target, 0) + body.amount
    return {"balances": dict(sorted(balances.items()))}


@router.get("/accounts/{name}")
async def account(name: str, request: Request):
    return {"name": name, "balance": request.app.state.balances.get(name, 0)}
