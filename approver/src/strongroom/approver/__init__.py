"""The dedicated approval device: one person, one key, its own copies of roster, registers and policy.

It decides nothing and believes no description: what it shows comes from its own reading of the bytes. It must never
talk to anything but the place where dockets wait for its person. Open `flow.py` first.
"""
