"""Every touch of a PKCS#11 token: finding it, logging in, making keys, signing.

No private key ever leaves a token in the clear, no PIN is ever printed, and no foreign exception leaves this room.
Open `module.py` first, then `signing_key.py` (people and devices) and `wrapped_keys.py` (the keys that hold assets).
"""
