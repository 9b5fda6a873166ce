"""The ledger: the store of predictions and runs.

`records` are its values, `opening` opens it; only the latter imports SQLAlchemy, which is slow.
"""
