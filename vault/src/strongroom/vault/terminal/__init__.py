"""The signing terminal: what it believes, what it remembers, and the six steps from a package to a sealed signature.

It never has a network, never signs what it did not prove and show, and never lets a signature out that is not in its
journal first or that anyone but the gate can read. Open `flow.py` first: it is the table of contents.
"""
