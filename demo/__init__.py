"""The demonstration: a whole firm on one machine, its main job, and attacks on it. Development only.

Every device is its own process with its own files and tokens; the air-gapped ones run in a network namespace without
interfaces. Open `__main__.py` first: it is the story in order.
"""
