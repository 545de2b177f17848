"""`strongroom-approver` as it is installed: a sealed start, then the program. docs/adr/0028."""

from __future__ import annotations

from typing import NoReturn

from strongroom.devices.measure.start import seal_start


def main() -> NoReturn:
    """Start the program without the caller's surroundings; what this process has imported is left behind."""
    seal_start("strongroom.approver.cli")
