"""Ethereum and chains like it: addresses, strict RLP, the one kind of transaction that we sign, and plain words for it.

Pure: bytes in, values out; no key is ever here. A plain payment of the native coin is understood, and nothing else:
no contract call, no approval, no delegation, no older or newer kind of transaction. Open `transactions.py` first.
"""
