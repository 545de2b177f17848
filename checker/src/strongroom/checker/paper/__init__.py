"""The operators' paper: what a client signed, printed large by the station, for the eyes that answer the terminal.

It comes from the instruction alone and never from the transaction, so that paper and screen are two sources; and it is
printed only when the station can prove the docket, so that no paper exists for what is refused. Open `pages.py` first.
"""
