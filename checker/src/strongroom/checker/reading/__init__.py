"""The second reading of statements, registers, the log and transactions: from the specification, not from core.

It must never import from core more than identifiers, amounts, codes and errors, never touch a network or a database,
and never take a description for a fact. Open `verify.py` first: it is the list of what a docket has to show.
"""
