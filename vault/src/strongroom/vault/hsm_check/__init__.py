"""`strongroom-hsm check`: a PKCS#11 module passes or fails point by point, before anybody trusts it with a key.

Gathering touches the token (`keys.py`, `export.py`, `sessions.py`); judging is pure (`judge.py`), so that every point
is shown to fail on bad evidence. Nothing here is used while signing. Open `run.py` first.
"""
