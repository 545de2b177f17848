"""The emergency sweep on the platform: officers' order is taken in, and all dockets of the wallet are built at once.

It pays nobody, and it must never be needed to move anything that a transfer could move. From the proposal on a sweep
goes the way of a withdrawal, step by step. Open `prepare.py` first.
"""
