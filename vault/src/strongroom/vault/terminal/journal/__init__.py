"""The terminal's memory: a hash-chained journal in SQLite, written to the disk before anything leaves the terminal.

It never deletes or changes an entry, and never holds a signed transaction or a PIN. Its other tables are indexes that
can be made again from the chain, and are compared with it each time it is opened. Open `journal.py` first, then
`marks.py`.
"""
