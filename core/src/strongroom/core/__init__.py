"""The pure core: no network, no database, no clock but the one handed in.

It parses and verifies; it never signs, stores or sends. Open `statements.py` first: everything that anyone decides is
a statement, and everything that one transaction rests on is a docket (`docket.py`).
"""
