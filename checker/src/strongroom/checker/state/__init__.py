"""What a device knows between two runs: its key, its own copies of all governance, and what it did.

It must never let a version fall, forget a freeze, or lose what was promised durable; station and gate stand on the
same code. Open `trust.py` first, then `update.py`, which is the only way in for news.
"""
