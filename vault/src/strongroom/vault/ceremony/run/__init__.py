"""The ceremony led by a run book: step after step on a plain text terminal, recorded, resumed, and signed at the end.

It never skips or reorders a step, never does twice what cannot be undone, and never writes a secret. Open `books.py`
for what people are led through, and `engine.py` for how.
"""
