"""QR codes in: the texts of all codes that are in one picture, by zxing-cpp.

It takes a view of our pixels, so neither numpy nor Pillow is here. The camera itself belongs to the machine: any
capture program that writes PGM or PNG files into a folder will do.
"""

from __future__ import annotations

import zxingcpp

from strongroom.devices.gap.pictures import Picture


def read_codes(picture: Picture) -> tuple[str, ...]:
    """What the QR codes say that can be read in a picture: none in a blurred one. What is not text is left out."""
    view = memoryview(picture.pixels).cast("B", [picture.height, picture.width])
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(view, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return tuple(code.text for code in found if code.content_type is zxingcpp.ContentType.Text)
