"""What the three offline programs share and what decides nothing: how pages are drawn, and how bytes cross the gap.

It takes from core only names, amounts and error codes, so that the checker's second reading stays its own: every value
that is shown here was read by the program that shows it. Open `screens/` for how pages are drawn, and `gap/` for the
films of QR codes.
"""
