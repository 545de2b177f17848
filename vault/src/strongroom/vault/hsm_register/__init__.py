"""`strongroom-hsm register` and `compare`: the HSM register for people, and a token that is inserted against it.

Nothing here decides: the terminal compares by itself at every session (`terminal/token_check.py`), and checks the
signatures that these commands only count. Open `report.py` first.
"""
