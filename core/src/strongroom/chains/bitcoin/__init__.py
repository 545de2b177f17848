"""Bitcoin and Litecoin: addresses, scripts, transactions, our strict PSBT, and plain words for what a signer signs.

Pure: bytes in, values out; no key is ever here, and nothing that is not understood in full is accepted or shown.
Open `psbt.py` first: it is the only form in which an unsigned transaction crosses a border.
"""
