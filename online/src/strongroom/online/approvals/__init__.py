"""The two endpoints for approval devices: fetch the packages that wait, submit a package of statements.

It judges who asks and nothing else: what is handed out was decided by the exchange, what is handed in goes to the one
intake that reads couriers' files as well. It must never get a third endpoint. Open `desk.py` first.
"""
