"""Jobs: several workers of each program on one database, woken by what changed, and by a sweep for what nobody foresaw.

A job is a wake-up call with an id in it and never an authority: the task loads the state, locks it, looks again, acts
and saves. It must never carry a fact, so that a job that runs twice, or that somebody forged, does nothing. Open
`tasks.py` first, then `worker.py`; who wakes whom is in the database's migration `wakeups` (ADR 0013).
"""
