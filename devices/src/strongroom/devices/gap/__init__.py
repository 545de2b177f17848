"""Crossing the gap by sight: bytes become a film of QR codes on one screen and bytes again before another's camera.

It carries bytes and judges none of them: what was joined must still be read, as a typed package, by the program that
takes it in, and every limit here is there so that a hostile film costs nothing but its own time. Open `bbqr.py` first.
"""
