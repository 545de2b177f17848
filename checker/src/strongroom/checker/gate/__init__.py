"""The release gate: the only host that ever holds releasable bytes, and the last comparison before they leave.

It must never send what it did not prove, store and sign for. Open `release.py` first: it is the list of its steps.
"""
