class LedgerError(Exception):
    code = "ledger"


class Overdrawn(LedgerError):
    code = "overdrawn"
