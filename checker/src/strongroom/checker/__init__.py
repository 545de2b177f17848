"""The second pair of eyes: it reads dockets by itself, for an auditor, in the vault and at the gate.

It must never import from core more than identifiers, amounts, codes and errors, never import the vault, and never
believe a claim that it can derive. Open `reading/verify.py` first; `verify`, `station` and `gate` are the three
programs on top of it.
"""
