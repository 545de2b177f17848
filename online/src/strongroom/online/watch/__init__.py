"""Watching: followers read every block, reconciliation compares ledger and chain, clears are given or withheld.

It notices and freezes; it never moves anything. Section V of the circular. Open `follow.py` first.
"""
