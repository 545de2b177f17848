"""Encoders, strict decoders and plain words for the chains we serve.

Pure: bytes in, values out. What cannot be decoded in full is refused by name, never guessed. Open
`ethereum/transactions.py` or `bitcoin/transactions.py` first.
"""
