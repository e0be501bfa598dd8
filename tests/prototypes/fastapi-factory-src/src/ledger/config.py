import os
from dataclasses import dataclass


@dataclass
class Config:
    currency: str
    overdraft: int

    @classmethod
    def from_env(cls):
        return cls(
            currency=os.environ["LEDGER_CURRENCY"],
            overdraft=int(os.environ.get("LEDGER_OVERDRAFT", "0")),
        )
