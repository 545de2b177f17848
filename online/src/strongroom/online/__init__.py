"""The connected platform: it proposes, records and watches, and can move nothing by itself.

No key that signs coins is ever here, and whoever holds this host holds at most one of the two keys of a
clear-to-sign. Open `transfers/withdrawal/flow.py` first.
"""
