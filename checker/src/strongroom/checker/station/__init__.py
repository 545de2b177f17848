"""The checker station in the vault: no network, a second reading of every docket, and a signed yes or halt.

It must never start beside a network, never say yes to what it cannot prove with its own copies. Open `verify.py` first.
"""
