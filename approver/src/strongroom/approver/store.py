"""The device's files: configuration, trust, sequence numbers. Written whole, flushed, renamed; one process at a time.

A crash between two writes leaves the older file, never half of a new one.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from strongroom.approver.files import load_file, unavailable, write_durably
from strongroom.approver.memory import Payment
from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.development_keys import KeyFile, parse_key_file
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import MAX_PACKAGE_BYTES
from strongroom.core.records import HexBytes, encode_record, parse_record
from strongroom.core.trust import MAX_TRUST_BYTES, Trust
from strongroom.core.trust_file import encode_trust, parse_trust
from strongroom.devices.screens.language import (
    CHOICES,
    MAX_CHOICES_BYTES,
    Language,
    encode_languages,
    parse_languages,
)


class KeyKind(StrEnum):
    """What the person signs with."""

    PKCS11 = "pkcs11"
    FIDO2 = "fido2"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Who this device is and whose token it uses. module, token: `none` but for a PKCS#11 token."""

    device: PartyId
    kind: KeyKind
    module: str
    person: PartyId
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A FIDO2 key's public side. credential: the handle that the key itself gave, by which it finds its secret."""

    credential: HexBytes
    public: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Last package sequence numbers in and out, wrong PINs since the last right one, and when the last was typed.

    A PIN that is about to be tried counts as wrong until the token takes it. approved: since the person's last rest,
    and approved_at: the last of them.
    """

    approved: int
    approved_at: datetime
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
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise unavailable(self.path, "a folder for this device", error) from error
        with lock as handle:
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

    def load_credential(self) -> Credential:
        """Read the FIDO2 key's public side."""
        return parse_record(Credential, parse_canonical(self._read("fido2.json")), "fido2")

    def save_credential(self, credential: Credential) -> None:
        """Write the FIDO2 key's public side. Raises ALREADY_EXISTS: another one would orphan the first."""
        path = self.path / "fido2.json"
        if path.exists():
            raise refused(Code.ALREADY_EXISTS, str(path), "no FIDO2 key yet", "one")
        self._write(path, encode_canonical(encode_record(credential)))

    def load_language(self) -> Language:
        """In which language this device's person reads; English before they chose. Raises FIELD_INVALID."""
        path = self.path / CHOICES
        if not path.exists() or not self.is_enrolled():
            return Language.ENGLISH
        chosen = parse_languages(load_file(path, MAX_CHOICES_BYTES))
        return chosen.get(self.load_config().person, Language.ENGLISH)

    def save_language(self, language: Language) -> None:
        """Keep what this device's person chose."""
        self._write(self.path / CHOICES, encode_languages({self.load_config().person: language}))

    def load_development_key(self) -> KeyFile:
        """Read the development key's file."""
        return parse_key_file(self._read("development-key.json"))

    def save_development_key(self, file: KeyFile) -> None:
        """Keep the development key's file."""
        self._write(self.path / "development-key.json", file.encode())

    def load_trust(self) -> Trust:
        """Read and prove the trust file."""
        return parse_trust(self._read("trust.json"))

    def load_counters(self) -> Counters:
        """Read the counters."""
        return parse_record(Counters, parse_canonical(self._read("counters.json")), "counters")

    def save_config(self, config: Config) -> None:
        """Write the configuration."""
        self._write(self.path / "config.json", encode_canonical(encode_record(config)))

    def save_trust(self, trust: Trust) -> None:
        """Write the trust file."""
        self._write(self.path / "trust.json", encode_trust(trust))

    def save_counters(self, counters: Counters) -> None:
        """Write the counters."""
        self._write(self.path / "counters.json", encode_canonical(encode_record(counters)))

    def load_answer(self, request: bytes) -> bytes | None:
        """The package that answered a request, byte for byte; None for a request that is new."""
        path = self._answer_path(request)
        return load_file(path, MAX_PACKAGE_BYTES) if path.exists() else None

    def save_answer(self, request: bytes, answer: bytes) -> None:
        """Keep an answer before anybody gets it: a medium that is full or lost must not cost a signature."""
        self._write(self._answer_path(request), answer)

    def load_payment(self, instruction: Digest) -> Payment:
        """What was approved here for an instruction; nothing for a new one."""
        path = self._payment_path(instruction)
        if not path.exists():
            return Payment(approved=())
        return parse_record(Payment, parse_canonical(load_file(path, MAX_TRUST_BYTES)), "payment")

    def save_payment(self, instruction: Digest, payment: Payment) -> None:
        """Remember before anything is signed: a power cut may cost an approval and never the memory of one."""
        self._write(self._payment_path(instruction), encode_canonical(encode_record(payment)))

    def _payment_path(self, instruction: Digest) -> Path:
        return self.path / "payments" / f"{instruction.removeprefix('sha256:')}.json"

    def _answer_path(self, request: bytes) -> Path:
        return self.path / "answers" / f"{sha256(request).removeprefix('sha256:')}.package.json"

    def _read(self, name: str) -> bytes:
        path = self.path / name
        if not path.exists():
            raise refused(Code.FILE_UNAVAILABLE, str(path), "an enrolled device", "no such file")
        return load_file(path, MAX_TRUST_BYTES)

    def _write(self, path: Path, data: bytes) -> None:
        """Raises UnavailableError STATE_UNWRITABLE: this device remembers first and acts afterwards."""
        try:
            write_durably(path, data)
        except UnavailableError as error:
            facts = error.refusals[0]
            raise UnavailableError(
                Refusal(code=Code.STATE_UNWRITABLE, field=facts.field, expected=facts.expected, got=facts.got)
            ) from error
