"""A device at work: enrolment, and one run of a program in a locked home with a clock that was handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from nacl.signing import SigningKey

from strongroom.checker.reading.canonical import Json
from strongroom.checker.reading.keys import Key
from strongroom.checker.reading.roots import check_roots, parse_root_file
from strongroom.checker.state.home import (
    LOCK,
    create_home,
    load_bytes,
    load_secret,
    locked_home,
    save_bytes,
    save_secret,
)
from strongroom.checker.state.packages import (
    MAX_PACKAGE_BYTES,
    Kind,
    Package,
    check_addressed,
    check_sequence,
    encode_package,
    package_name,
    parse_package,
    parse_update,
)
from strongroom.checker.state.speak import Voice
from strongroom.checker.state.store import Answer, Store, create_store, open_store
from strongroom.checker.state.trust import Trust
from strongroom.checker.state.update import apply_update
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId

KEY: Final = "device.key"
SEAL_KEY: Final = "seal.key"
KEYS: Final = frozenset({KEY, SEAL_KEY, LOCK})
"""What a home may hold before enrolment: the root names the gate's sealing key, so it is older than the root."""
Clock = Callable[[], datetime]


def read_clock() -> datetime:
    """The machine's clock, in whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def enroll(folder: Path, device: PartyId, root_file: bytes, typed: Sequence[str]) -> Voice:
    """Make a device's home from a root whose fingerprint two people typed; the key of its voice goes on the roster.

    Raises ROOT_MISMATCH unless every typed line is the fingerprint, ALREADY_EXISTS, and whatever is wrong with the
    root.
    """
    roots = parse_root_file(root_file)
    if len(typed) < 2:
        raise refused(Code.ROOT_MISMATCH, "fingerprint", "two people who type it", f"{len(typed)} lines")
    for line in typed:
        if line.strip() != roots[0].id:
            raise refused(Code.ROOT_MISMATCH, "fingerprint", "the fingerprint of this root.json", line.strip())
    chain = check_roots(roots)
    create_home(folder, expected=KEYS)
    with locked_home(folder):
        secret = make_key(folder)
        create_store(folder, Trust(device=device, chain=chain))
    return Voice(device=device, context=chain.context, secret=secret)


def make_key(folder: Path) -> SigningKey:
    """The device's signing key, made when it is not there yet."""
    path = folder / KEY
    if not path.exists():
        save_secret(path, bytes(SigningKey.generate()))
    return SigningKey(load_secret(path, 32))


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a program: its home, its memory, who it speaks as, and the moment, read once."""

    folder: Path
    store: Store
    trust: Trust
    voice: Voice
    now: datetime

    @property
    def key(self) -> Key:
        """The device's public key."""
        return self.voice.key

    def open_package(self, raw: bytes, kind: Kind) -> Package:
        """Read a package for this device. Raises PACKAGE_NOT_FOR_US, TYPE_MISMATCH, PACKAGE_SEQUENCE."""
        package = parse_package(raw)
        check_addressed(package, self.trust.device, kind)
        check_sequence(package, self.trust.received.get(package.sender, 0))
        return package

    def count_received(self, package: Package) -> None:
        """Never take this number again."""
        numbers = {**self.trust.received, package.sender: package.sequence}
        self.trust = replace(self.trust, received=numbers)

    def seal_answer(self, to: PartyId, kind: Kind, body: dict[str, Json], *, accepted: bool) -> Answer:
        """Wrap an answer with the next number for its receiver."""
        number = self.trust.sent.get(to, 0) + 1
        self.trust = replace(self.trust, sent={**self.trust.sent, to: number})
        content = encode_package(
            kind=kind, sender=self.trust.device, to=to, sequence=number, created_at=self.now, body=body
        )
        return Answer(file_name=package_name(number, kind), content=content, accepted=accepted)


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Run]:
    """Lock a home, prove what it holds, and check the clock against it. Raises FILE_UNAVAILABLE and CLOCK_BEHIND."""
    with locked_home(folder), open_store(folder) as store:
        trust = store.load_trust()
        now = clock()
        trust.check_clock(now)
        secret = SigningKey(load_secret(folder / KEY, 32))
        voice = Voice(device=trust.device, context=trust.context, secret=secret)
        yield Run(folder=folder, store=store, trust=trust, voice=voice, now=now)


def import_update(
    folder: Path, package_file: Path, clock: Clock, check: Callable[[Run, Trust], None] = lambda _run, _trust: None
) -> Trust:
    """Take an `update` package, whole or not at all; returns the new beliefs.

    check: raises when a program must not go on with what it would then believe.
    """
    raw = load_bytes(package_file, MAX_PACKAGE_BYTES)
    with opened(folder, clock) as run:
        package = run.open_package(raw, Kind.UPDATE)
        update = parse_update(package.body)
        after = apply_update(run.trust, update, run.now)
        check(run, after)
        run.trust = after
        run.count_received(package)
        run.store.save_trust(run.trust)
        return run.trust


def package_digest(raw: bytes) -> Digest:
    """The name under which an answer is kept."""
    return Digest("sha256:" + sha256(raw).hexdigest())


def hand_out(answer: Answer, out: Path) -> Path:
    """Write an answer's package; the same answer again writes the same file."""
    path = out / answer.file_name
    save_bytes(path, answer.content)
    return path
