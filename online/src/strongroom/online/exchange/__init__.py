"""Packages to devices and back: what crosses the gap, in order, nothing lost, nothing taken twice.

A package is decided in a database transaction; the file in the outbox is a copy that is made again when it is missing.
Open `outgoing.py` first.
"""
