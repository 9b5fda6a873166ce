"""The ledger: the store of predictions and runs."""
