"""The log: every statement appended, checkpoints signed and witnessed. Tables elsewhere are views of it.

It must never lose, reorder or rewrite an entry; the database's triggers refuse it, and witnesses would see it.
Open `store.py` first.
"""
