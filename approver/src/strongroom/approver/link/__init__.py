"""The device's one line out: to the platform's two endpoints, by a pinned key, and to nobody else.

It carries packages and believes nothing: what comes in is a file like a courier's, read and proved by `flow.py`; what
goes out was kept before. Open `carry.py` first.
"""
