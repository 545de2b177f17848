"""The books: what each client is owed, what each wallet holds, and every movement with the statement that justifies it.

Double entry is kept by PostgreSQL itself (`db/migrations/*_ledger_*.sql`); this room never updates a balance, never
writes a table except through the ledger's functions, and never records a movement that names no statement.
Open `rules.py` first for the words, then `store.py`; `spec/ledger.md` says what must hold.
"""
