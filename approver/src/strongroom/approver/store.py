"""The device's files: configuration, trust, sequence numbers. Written whole, flushed, renamed; one process at a time.

A crash between two writes leaves the older file, never half of a new one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.ids import PartyId
from strongroom.core.records import encode_record, parse_record
from strongroom.core.trust import Trust
from strongroom.core.trust_file import encode_trust, parse_trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Who this device is and whose token it uses."""

    device: PartyId
    module: str
    person: PartyId
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Last package sequence numbers in and out, wrong PINs since the last right one, and when the last was typed."""

    received: int
    sent: int
    wrong_at: datetime
    wrong_pins: int


class Home:
    """A device's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process works on this home."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UnavailableError(
                    Refusal(
                        code=Code.FILE_UNAVAILABLE,
                        field=str(self.path),
                        expected="one process",
                        got="another is at work",
                    )
                ) from error
            yield

    def is_enrolled(self) -> bool:
        """Whether this device has a root."""
        return (self.path / "trust.json").exists()

    def load_config(self) -> Config:
        """Read the configuration."""
        return parse_record(Config, parse_canonical(self._read("config.json")), "config")

    def load_trust(self) -> Trust:
        """Read and prove the trust file."""
        return parse_trust(self._read("trust.json"))

    def load_counters(self) -> Counters:
        """Read the counters."""
        return parse_record(Counters, parse_canonical(self._read("counters.json")), "counters")

    def save_config(self, config: Config) -> None:
        """Write the configuration."""
        write_durably(self.path / "config.json", encode_canonical(encode_record(config)))

    def save_trust(self, trust: Trust) -> None:
        """Write the trust file."""
        write_durably(self.path / "trust.json", encode_trust(trust))

    def save_counters(self, counters: Counters) -> None:
        """Write the counters."""
        write_durably(self.path / "counters.json", encode_canonical(encode_record(counters)))

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise refused(Code.FILE_UNAVAILABLE, str(self.path / name), "an enrolled device", "no such file") from error


def write_durably(path: Path, data: bytes) -> None:
    """Write to a temporary name, flush to disk, rename, flush the folder."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
