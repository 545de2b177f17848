"""The auditor's tool: prove a docket with the root and nothing else, no network and no database.

It must never write anything, ask anybody, or call a docket proved that the second reading refused. Open `cli.py` first.
"""
