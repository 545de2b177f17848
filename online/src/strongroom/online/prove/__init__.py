"""Ledger against log: everything in the ledger is justified by exactly one statement, and what is justified is there.

The reconciler reads the log itself, verifies who signed, and compares; a thief who rewrites the ledger consistently,
triggers off, still has no signatures. It must never write the ledger or the log. Open `justify.py` first, then
`prover.py`.
"""
