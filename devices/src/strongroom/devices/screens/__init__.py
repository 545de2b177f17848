"""How pages are drawn: from values to screenfuls of exact lines, the same on every device that two people compare.

It decides nothing, reads no file and knows no key: what a page says was read by the program that shows it, and what
cannot be drawn is refused, never left out. Open `layout.py` first.
"""
