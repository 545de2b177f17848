"""The starts of a device that has no journal: one line each, appended and on the disk before anything else is done."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.devices.measure.judge import Judgement

STARTS: Final = "starts"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_LINE: Final = re.compile(rb"([0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}Z) sha256:.*")
_TAIL: Final = 64 * 1024


def keep_start(folder: Path, judgement: Judgement, moment: datetime) -> None:
    """Write down one start: when, what was measured, by which manifest, what was refused.

    Raises CLOCK_BEHIND when the last one was later: a clock set back would bring expired orders to life again. Raises
    UnavailableError STATE_UNWRITABLE: what cannot be written down does not start.
    """
    last = load_last_start(folder)
    if last is not None and moment < last:
        raise refused(Code.CLOCK_BEHIND, "clock", f"{last:{_FORM}} or later", f"{moment:{_FORM}}")
    codes = " ".join(f"{each.code.value}:{each.field}" for each in judgement.refusals) or "accepted"
    line = f"{moment:{_FORM}} {judgement.measured} {judgement.manifest or 'none'} {codes}\n"
    path = folder / STARTS
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A half line that a power cut left is ended first, or it would swallow this one.
            os.write(descriptor, (_end_half_line(path) + line).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnavailableError(
            Refusal(code=Code.STATE_UNWRITABLE, field=str(path), expected="a line more", got=str(error.strerror))
        ) from error


def load_last_start(folder: Path) -> datetime | None:
    """When the last start was; None before the first. A line that a power cut left half is passed over."""
    path = folder / STARTS
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        whole = file.read().split(b"\n")[:-1]
    found = [each for line in whole if (each := _LINE.fullmatch(line))]
    return datetime.strptime(found[-1][1].decode("ascii"), _FORM).replace(tzinfo=UTC) if found else None


def _end_half_line(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return "" if file.read(1) in {b"", b"\n"} else "\n"
