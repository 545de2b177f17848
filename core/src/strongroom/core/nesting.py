"""How deeply a JSON text nests, found without recursion.

A JSON parser recurses once a level. Python's own limit stops it at about a thousand levels, but a library that raises
the limit for its own needs (py_ecc does, under eth-account) takes that guard away, and a megabyte of `[` from a
stranger then ends the process instead of being refused. So the depth is measured first.
"""

from __future__ import annotations

import re
from typing import Final

# A whole string, so that brackets within it do not count.
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_OTHERS: Final = bytes(each for each in range(256) if each not in b"[]{}")


def is_nested_deeper(raw: bytes, levels: int) -> bool:
    """Whether arrays and objects stand more than `levels` deep within one another. raw: JSON, or anything else."""
    if raw.count(b"[") + raw.count(b"{") <= levels:
        return False
    return is_deeper(_STRING.sub(b"", raw), levels)


def is_deeper(between: bytes, levels: int) -> bool:
    """As `is_nested_deeper`, for what stands between the strings of a document."""
    if between.count(b"[") + between.count(b"{") <= levels:
        return False
    depth = 0
    for each in between.translate(None, _OTHERS):
        if each in b"[{":
            depth += 1
            if depth > levels:
                return True
        else:
            depth -= 1
    return False
