"""The second line behind good entropy: no new key may be one that is already known, or that somebody searched for.

It finds only what `tools/weak_keys/make.py` lists and addresses that no chance gives; a key that passes is not proved
good. Open `screen.py` first.
"""
