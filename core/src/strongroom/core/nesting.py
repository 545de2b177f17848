"""How deeply a JSON text nests, found without recursion.

A JSON parser recurses once a level. Python's own limit stops it at about a thousand levels, but a library that raises
the limit for its own needs (py_ecc does, under eth-account) takes that guard away, and a megabyte of `[` from a
stranger then ends the process instead of being refused. So the depth is measured first.
"""

from __future__ import annotations

import re
from typing import Final

# A whole string, so that brackets within it do not count, or one bracket.
_STRING_OR_BRACKET: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def is_nested_deeper(raw: bytes, levels: int) -> bool:
    """Whether arrays and objects stand more than `levels` deep within one another. raw: JSON, or anything else."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        first = raw[match.start()]
        if first in b"[{":
            depth += 1
            if depth > levels:
                return True
        elif first in b"]}":
            depth -= 1
    return False
