"""A withdrawal, step by step; the numbered files are the journey, `flow.py` is its table of contents.

Each step is one transaction that can be repeated: a process killed anywhere starts again and pays once. It must never
hold releasable bytes before the gate released them.
"""
