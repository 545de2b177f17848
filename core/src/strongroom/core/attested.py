"""Address batches: lines that say which keys hold an address, each with a proof that its keys sign.

A batch is a file of lines and an `address-attestation`, the statement that every terminal with keys in it signs. The
statement names the Merkle root over the lines, so one signature stands for 100,000 addresses, and each of them can be
shown alone with a proof. Pure; what makes a batch true is in `checks/attest.py`. Source: spec/attestation.md; II.1,
II.2; incidents `primetrust-2021` and `multisig-receive-2019` (addresses handed out whose keys nobody had).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId, WalletId, parse_own_id
from strongroom.core.merkle import leaf_hash, tree_root
from strongroom.core.records import NONE, EntryOrNone, HexBytes, check_sorted, parse_record
from strongroom.core.registers import AddressEntry, AddressPurpose

MAX_LINES: Final = 100_000
MAX_KEYS: Final = 15
"""Keys of one address; as many as one script of ours holds (`scripts.MAX_MULTISIG_KEYS`)."""
MAX_LINE_BYTES: Final = 8192
MAX_BATCH_BYTES: Final = 256 * 1024 * 1024
CHALLENGE_BYTES: Final = 32

_DOMAIN = "strongroom-spend-proof/1"
_DRILL_DOMAIN = "strongroom-restore-drill/1"
_NAME = r"[a-z0-9][a-z0-9._-]{0,79}(?::[a-z0-9][a-z0-9._-]{0,79})?"
_KEY = (
    rf'\{{"id":"(key:{_NAME})","proof":"([0-9a-f]{{128}})","public":"(0[23][0-9a-f]{{64}})"'
    rf',"terminal":"(device:{_NAME})"\}}'
)
_ANY_KEY = re.sub(r"\((?!\?)", "(?:", _KEY)
_KEYS = re.compile(_KEY)
_LINE = re.compile(
    rf'\{{"address":"([0-9A-Za-z]{{1,90}})","id":"(address:{_NAME})","keys":\[({_ANY_KEY}(?:,{_ANY_KEY}){{0,14}})\]'
    r',"purpose":"(deposit|change)","threshold":([1-9]|1[0-5])\}'
)
_PLAIN = re.compile(r"[0-9A-Za-z:_-]{1,120}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAttestation:
    """Body of an `address-attestation`: these terminals hold the keys of the addresses under this root.

    challenge: 32 bytes that whoever wants the proof chose, so that no proof can be older than the question.
    """

    batch: EntryId
    chain: ChainId
    challenge: HexBytes
    root: Digest
    size: int
    terminals: tuple[PartyId, ...]
    wallet: WalletId

    def __post_init__(self) -> None:
        parse_own_id(self.batch, "entry", "batch")
        check_sorted(self.terminals, "terminals")
        if len(self.challenge) != CHALLENGE_BYTES:
            raise malformed(Code.FIELD_INVALID, "challenge", f"{CHALLENGE_BYTES} bytes", f"{len(self.challenge)} bytes")
        if not 1 <= self.size <= MAX_LINES:
            raise malformed(Code.FIELD_INVALID, "size", f"1 to {MAX_LINES}", str(self.size))
        if not 1 <= len(self.terminals) <= MAX_KEYS:
            raise malformed(Code.FIELD_INVALID, "terminals", f"1 to {MAX_KEYS} terminals", str(len(self.terminals)))
        for terminal in self.terminals:
            parse_own_id(terminal, "device", "terminals")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedKey:
    """A key of an address. public: 33 bytes. proof: `r || s`, 64 bytes, by this key over the challenge's digest."""

    id: EntryId
    proof: HexBytes
    public: HexBytes
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedLine:
    """One address of a batch, held by `threshold` of `keys`; keys sorted by id. A claim until the batch is checked."""

    address: str
    id: EntryId
    keys: tuple[AttestedKey, ...]
    purpose: AddressPurpose
    threshold: int

    def __post_init__(self) -> None:
        if len(self.keys) > 1:
            check_sorted([key.id for key in self.keys], f"{self.id}.keys")

    def entry(self, body: AddressAttestation) -> AddressEntry:
        """The entry of the address register that this line gives rise to; whose it is, only an assignment says."""
        return AddressEntry(
            account=EntryOrNone(NONE),
            address=self.address,
            chain=body.chain,
            id=self.id,
            keys=tuple(key.id for key in self.keys),
            purpose=self.purpose,
            threshold=self.threshold,
            wallet=body.wallet,
        )


def build_challenge_text(chain: ChainId, address: str, challenge: bytes) -> bytes:
    """The 32 bytes that every key of an address signs as its spend proof: SHA-256 of a text with a domain of its own.

    It is no transaction's digest. The Bitcoin family signs SHA-256 over the 32 bytes of another SHA-256, and this text
    is longer than that; Ethereum signs Keccak-256. Statements are signed by keys of other curves over texts that
    begin otherwise. So whoever chooses the challenge cannot make a key sign anything else (II.2, III.10).
    """
    if not _PLAIN.fullmatch(chain) or not _PLAIN.fullmatch(address) or len(challenge) != CHALLENGE_BYTES:
        got = f"{chain!r} {address!r}, {len(challenge)} bytes"
        raise malformed(Code.FIELD_INVALID, "challenge", "chain, address and 32 bytes", got[:200])
    return hashlib.sha256(f"{_DOMAIN}\n{chain}\n{address}\n{challenge.hex()}\n".encode()).digest()


def build_drill_text(chain: ChainId, address: str, challenge: bytes, second_token: str) -> bytes:
    """The 32 bytes that a restored key signs in the second token, whose serial number is in them.

    A domain of its own: spend proofs are public, and one of them must not pass for a drill that nobody held.
    """
    if not _PLAIN.fullmatch(chain) or not _PLAIN.fullmatch(address) or len(challenge) != CHALLENGE_BYTES:
        got = f"{chain!r} {address!r}, {len(challenge)} bytes"
        raise malformed(Code.FIELD_INVALID, "challenge", "chain, address and 32 bytes", got[:200])
    text = f"{_DRILL_DOMAIN}\n{chain}\n{address}\n{challenge.hex()}\n{second_token.encode().hex()}\n"
    return hashlib.sha256(text.encode()).digest()


def derive_address_id(chain: ChainId, address: str) -> EntryId:
    """An address's name when nobody gave it one: `address:` and 40 hex digits of SHA-256 over chain and address."""
    return EntryId("address:" + hashlib.sha256(f"{chain}\n{address}".encode()).hexdigest()[:40])


def encode_line(line: AttestedLine) -> bytes:
    """The one form of a line, canonical JSON without its line feed; the Merkle leaf. Raises as `parse_line`."""
    keys = ",".join(
        f'{{"id":"{k.id}","proof":"{k.proof.hex()}","public":"{k.public.hex()}","terminal":"{k.terminal}"}}'
        for k in line.keys
    )
    text = (
        f'{{"address":"{line.address}","id":"{line.id}","keys":[{keys}]'
        f',"purpose":"{line.purpose.value}","threshold":{line.threshold}}}'
    )
    parse_line(text, line.id)
    return text.encode()


def parse_line(text: str, field: str) -> AttestedLine:
    """Read one line, without its line feed.

    One pattern holds the whole line, and it has one spelling for one value, so what it matches is canonical: a file of
    100,000 lines is read in a second. What does not match is read slowly, to say what is wrong with it.
    Raises TOO_LARGE, JSON_*, FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID.
    """
    found = _LINE.fullmatch(text) if len(text) <= MAX_LINE_BYTES else None
    if found is None:
        _refuse_line(text, field)
    keys = tuple(
        [
            AttestedKey(
                id=EntryId(name),
                proof=HexBytes(bytes.fromhex(proof)),
                public=HexBytes(bytes.fromhex(public)),
                terminal=PartyId(terminal),
            )
            for name, proof, public, terminal in _KEYS.findall(found[3])
        ]
    )
    if int(found[5]) > len(keys):
        raise malformed(Code.FIELD_INVALID, f"{field}.threshold", f"at most {len(keys)}", found[5])
    purpose = AddressPurpose.DEPOSIT if found[4] == "deposit" else AddressPurpose.CHANGE
    return AttestedLine(address=found[1], id=EntryId(found[2]), keys=keys, purpose=purpose, threshold=int(found[5]))


def _refuse_line(text: str, field: str) -> NoReturn:
    raw = text.encode()
    if len(raw) > MAX_LINE_BYTES:
        raise malformed(Code.TOO_LARGE, field, f"at most {MAX_LINE_BYTES} bytes", f"{len(raw)} bytes")
    parse_record(AttestedLine, parse_canonical(raw, limit=MAX_LINE_BYTES), field)
    # The fields are of the right types, but longer, shorter or of other characters than a line may have.
    raise malformed(Code.FIELD_INVALID, field, "a line as spec/attestation.md has it", text[:200])


def split_batch(raw: bytes) -> tuple[str, ...]:
    """The lines of a batch file, each of which ended with a line feed. Reads none of them.

    Raises TOO_LARGE; FIELD_INVALID for an empty file, bytes that are not ASCII and a last line without its end.
    """
    if len(raw) > MAX_BATCH_BYTES:
        raise malformed(Code.TOO_LARGE, "batch", f"at most {MAX_BATCH_BYTES} bytes", f"{len(raw)} bytes")
    if not raw.endswith(b"\n") or not raw.isascii():
        raise malformed(Code.FIELD_INVALID, "batch", "ASCII lines, each with its line feed", "something else")
    lines = tuple(raw[:-1].decode("ascii").split("\n"))
    if len(lines) > MAX_LINES:
        raise malformed(Code.TOO_LARGE, "batch", f"at most {MAX_LINES} lines", f"{len(lines)} lines")
    return lines


def join_batch(lines: Iterable[AttestedLine]) -> bytes:
    """A batch file; its lines sorted by address id, as a reader demands."""
    return b"".join(encode_line(line) + b"\n" for line in sorted(lines, key=lambda line: line.id))


def batch_root(lines: Iterable[str]) -> Digest:
    """The Merkle root over the lines as they stand in the file."""
    return Digest("sha256:" + tree_root([leaf_hash(line.encode()) for line in lines]).hex())
