"""Typed clients of Ethereum and Bitcoin-family nodes: what the chain says, parsed strictly at this border.

Nothing here holds a key, decides anything or stores anything, and no number ever becomes a float. A node is believed
as little as possible: what can be recomputed from bytes (transaction ids, block hashes, Merkle roots) is, and the rest
is a claim of one node. Open `ethereum.py` or `bitcoin.py` first; `launch.py` and `devchain.py` are for development.
"""
