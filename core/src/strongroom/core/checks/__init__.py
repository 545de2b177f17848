"""What every stage establishes before it acts: pure functions of a docket, a root and a clock that is handed in.

Nothing here reads a file, a clock or a network. Open `prove.py` first: it turns a claimed `Docket` into a
`ProvedDocket`, the only thing that is ever shown to a human or signed; `device.py` then compares it with what a
device itself believes.
"""
