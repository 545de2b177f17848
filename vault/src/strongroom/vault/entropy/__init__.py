"""Random bytes that no single source decides: sources, their health tests, their mixing, and a report of all of it.

It never writes, logs or reports what a source gave, only how much and whether it was healthy. Open `mixing.py` first.
"""
