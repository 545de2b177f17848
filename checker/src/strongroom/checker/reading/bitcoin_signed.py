"""Signed transactions of the Bitcoin family: taken apart, put together from partial signatures, verified.

BDK reads, embit writes what is left without witnesses, `cryptography` takes DER apart and libsecp256k1 verifies.
Consensus accepts high s, and libraries accept other second spellings, so those are refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bdkpython import Transaction as BdkTransaction  # type: ignore[import-untyped]
from bdkpython import TransactionError, TxIn
from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from embit import compact  # type: ignore[import-untyped]
from embit.hashes import hash160  # type: ignore[import-untyped]
from embit.script import Witness  # type: ignore[import-untyped]
from embit.transaction import Transaction as EmbitTransaction  # type: ignore[import-untyped]

from strongroom.checker.reading.bitcoin import BitcoinReading, InputReading, OutputReading
from strongroom.checker.reading.bitcoin_rules import check_shape
from strongroom.checker.reading.bitcoin_scripts import key_hash_of, read_multisig
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, malformed, refused

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SIGHASH_ALL: Final = b"\x01"
_MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInputReading:
    """A coin and what spends it. signatures: DER without hash type byte, in the order of the witness.

    The coin is of one key, whose 33 bytes are `public_key`, or of m-of-n; the other field is None.
    """

    txid_hex: str
    index: int
    sequence: int
    signatures: tuple[bytes, ...]
    witness_script: bytes | None
    public_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBitcoinReading:
    """A signed transaction. unsigned_bytes: what is left without witnesses, byte for byte."""

    inputs: tuple[SignedInputReading, ...]
    outputs: tuple[OutputReading, ...]
    version: int
    lock_time: int
    txid_hex: str
    unsigned_bytes: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReading:
    """A signature that verified. public_key: 33 bytes. r: to be looked up among all that were ever used."""

    public_key: bytes
    der: bytes
    r: int


def read_bitcoin_signed(raw: bytes) -> SignedBitcoinReading:
    """Read a transaction whose every input spends an m-of-n P2WSH coin with m signatures, or a P2WPKH coin with one.

    Raises TX_NOT_CANONICAL (also for bytes that are no transaction, or that go on after it), the codes of
    `bitcoin_rules.check_shape`, SIGNATURES_MISSING, SIGNATURE_INVALID, SIGNATURE_HIGH_S, SIGHASH_REFUSED,
    SCRIPT_UNKNOWN, TOO_LARGE. Whether the signatures are of the keys is for `verify_signatures`.
    """
    if len(raw) > _MOST_BYTES:
        raise malformed(Code.TOO_LARGE, "transaction", f"at most {_MOST_BYTES} bytes", str(len(raw)))
    try:
        tx = BdkTransaction(raw)
    except TransactionError as error:
        raise malformed(Code.TX_NOT_CANONICAL, "transaction", "a transaction", str(error)) from error
    if bytes(tx.serialize()) != raw:
        raise malformed(Code.TX_NOT_CANONICAL, "transaction", bytes(tx.serialize()).hex(), raw.hex())
    check_shape(tx)
    unsigned = _strip(raw)
    if EmbitTransaction.parse(unsigned).txid().hex() != str(tx.compute_txid()):
        raise refused(Code.READINGS_DISAGREE, "txid", str(tx.compute_txid()), unsigned.hex())
    return SignedBitcoinReading(
        inputs=tuple(_read_input(spending, f"inputs[{n}]") for n, spending in enumerate(tx.input())),
        outputs=tuple(
            OutputReading(value_sat=o.value.to_sat(), script=bytes(o.script_pubkey.to_bytes()), witness_script=None)
            for o in tx.output()
        ),
        version=tx.version(),
        lock_time=tx.lock_time(),
        txid_hex=str(tx.compute_txid()),
        unsigned_bytes=unsigned,
    )


def _strip(raw: bytes) -> bytes:
    """The serialization without witnesses, by embit."""
    tx = EmbitTransaction.parse(raw)
    for spending in tx.vin:
        spending.witness = Witness([])
    return bytes(tx.serialize())


def _read_input(spending: TxIn, field: str) -> SignedInputReading:
    witness = [bytes(item) for item in spending.witness]
    is_one_key = len(witness) == 2 and len(witness[1]) == 33
    signatures = witness[:1] if is_one_key else _multisig_signatures(witness, field)
    for number, item in enumerate(signatures):
        _check_signature_item(item, f"{field}.signatures[{number}]")
    return SignedInputReading(
        txid_hex=str(spending.previous_output.txid),
        index=spending.previous_output.vout,
        sequence=spending.sequence,
        signatures=tuple(item[:-1] for item in signatures),
        witness_script=None if is_one_key else witness[-1],
        public_key=witness[1] if is_one_key else None,
    )


def _multisig_signatures(witness: list[bytes], field: str) -> list[bytes]:
    if len(witness) < 3 or witness[0]:
        got = f"{len(witness)} items"
        expected = "an empty item, signatures and the script, or one signature and a key"
        raise refused(Code.SIGNATURES_MISSING, f"{field}.witness", expected, got)
    threshold = read_multisig(witness[-1], f"{field}.witness_script").threshold
    if len(witness) - 2 != threshold:
        raise refused(Code.SIGNATURES_MISSING, f"{field}.witness", str(threshold), str(len(witness) - 2))
    return witness[1:-1]


def _check_signature_item(item: bytes, field: str) -> None:
    if item[-1:] != _SIGHASH_ALL:
        raise refused(Code.SIGHASH_REFUSED, field, _SIGHASH_ALL.hex(), item[-1:].hex() or "none")
    read_der(item[:-1], field)


def read_der(der: bytes, field: str = "signature") -> tuple[int, int]:
    """Both numbers, r and s, of a signature in strict DER with low s. Raises SIGNATURE_INVALID, SIGNATURE_HIGH_S."""
    try:
        r, s = decode_dss_signature(der)
    except ValueError as error:
        raise malformed(Code.SIGNATURE_INVALID, field, "strict DER", der.hex()) from error
    if not (0 < r < _ORDER and 0 < s < _ORDER) or encode_dss_signature(r, s) != der:
        raise malformed(Code.SIGNATURE_INVALID, field, "scalars of secp256k1 in strict DER", der.hex())
    if 2 * s > _ORDER:
        raise refused(Code.SIGNATURE_HIGH_S, field, "the lower of both values", hex(s))
    return r, s


def check_signature(reading: BitcoinReading, index: int, public_key: bytes, der: bytes) -> SignatureReading:
    """Verify one partial signature: of a key of input `index`, over what this reading says is signed.

    Raises SIGNER_KEY_MISMATCH for a key that the input does not have, SIGNATURE_INVALID, SIGNATURE_HIGH_S.
    """
    field = f"inputs[{index}]"
    spent = _input_of(reading, index)
    if not _is_key_of(spent, public_key):
        expected = spent.script.hex() if spent.witness_script is None else spent.witness_script.hex()
        raise refused(Code.SIGNER_KEY_MISMATCH, field, f"a key of {expected}", public_key.hex())
    r, _ = read_der(der, f"{field}.signature")
    if not _is_signed_by(public_key, der, reading.sighashes[index]):
        expected = f"a signature of {public_key.hex()} over {reading.sighashes[index].hex()}"
        raise refused(Code.SIGNATURE_INVALID, f"{field}.signature", expected, der.hex())
    return SignatureReading(public_key=public_key, der=der, r=r)


def _input_of(reading: BitcoinReading, index: int) -> InputReading:
    if not 0 <= index < len(reading.inputs):
        raise refused(Code.TX_FIELD_INVALID, "input index", f"0 to {len(reading.inputs) - 1}", str(index))
    return reading.inputs[index]


def _is_key_of(spent: InputReading, public_key: bytes) -> bool:
    if spent.witness_script is None:
        return len(public_key) == 33 and hash160(public_key) == key_hash_of(spent.script)
    return public_key in read_multisig(spent.witness_script).public_keys


def _is_signed_by(public_key: bytes, der: bytes, digest: bytes) -> bool:
    try:
        key = PublicKey(public_key)
    except ValueError:
        # The scripts only look at lengths: these 33 bytes are no point, so nobody can sign for them.
        return False
    return key.verify(der, digest, hasher=None)


def combine_signatures(reading: BitcoinReading, partial_signatures: Mapping[int, Mapping[bytes, bytes]]) -> bytes:
    """Put the signed transaction together.

    partial_signatures: for each input number, DER signatures without hash type byte by public key. Every one is
    verified, and of more than the threshold the first in the order of the keys are taken (BIP-67 order, which
    CHECKMULTISIG walks once). Raises SIGNATURES_MISSING, and as `check_signature`.
    """
    for index, given in partial_signatures.items():
        for public_key, der in given.items():
            check_signature(reading, index, public_key, der)
    stacks = b"".join(_write_witness(reading, index, partial_signatures) for index in range(len(reading.inputs)))
    unsigned = reading.unsigned_bytes
    signed = unsigned[:4] + b"\x00\x01" + unsigned[4:-4] + stacks + unsigned[-4:]
    if read_bitcoin_signed(signed).unsigned_bytes != unsigned:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="signed", expected=unsigned.hex(), got=signed.hex()))
    return signed


def _write_witness(
    reading: BitcoinReading, index: int, partial_signatures: Mapping[int, Mapping[bytes, bytes]]
) -> bytes:
    spent, given = reading.inputs[index], partial_signatures.get(index, {})
    if spent.witness_script is None:
        items = [item for key, der in given.items() for item in (der + _SIGHASH_ALL, key)]
        if len(items) != 2:
            raise refused(Code.SIGNATURES_MISSING, f"inputs[{index}]", "1", str(len(given)))
    else:
        multisig = read_multisig(spent.witness_script)
        signatures = [given[key] for key in multisig.public_keys if key in given][: multisig.threshold]
        if len(signatures) < multisig.threshold:
            raise refused(Code.SIGNATURES_MISSING, f"inputs[{index}]", str(multisig.threshold), str(len(signatures)))
        # The empty first item is what CHECKMULTISIG pops too many; BIP-147 wants it empty.
        items = [b"", *(der + _SIGHASH_ALL for der in signatures), spent.witness_script]
    return bytes(compact.to_bytes(len(items))) + b"".join(bytes(compact.to_bytes(len(i))) + i for i in items)


def verify_signatures(reading: BitcoinReading, signed_raw: bytes) -> tuple[tuple[SignatureReading, ...], ...]:
    """Verify a signed transaction against the unsigned one that was approved; return who signed each input.

    Signed minus witnesses equals unsigned, byte for byte (SIGNED_MISMATCH); each input is spent with its own witness
    script or its own one key (SIGNED_MISMATCH) and by as many signatures as it wants, each of another key of it
    (SIGNATURE_INVALID).
    Raises as `read_bitcoin_signed` too.
    """
    signed = read_bitcoin_signed(signed_raw)
    if signed.unsigned_bytes != reading.unsigned_bytes:
        expected, got = reading.unsigned_bytes.hex(), signed.unsigned_bytes.hex()
        raise refused(Code.SIGNED_MISMATCH, "transaction without witnesses", expected, got)
    return tuple(_verify_input(reading, index, spent) for index, spent in enumerate(signed.inputs))


def _verify_input(reading: BitcoinReading, index: int, spent: SignedInputReading) -> tuple[SignatureReading, ...]:
    wanted = reading.inputs[index]
    if spent.witness_script != wanted.witness_script:
        field = f"inputs[{index}].witness_script"
        raise refused(Code.SIGNED_MISMATCH, field, _script_or_none(wanted), _script_or_none(spent))
    if spent.public_key is not None:
        if not _is_key_of(wanted, spent.public_key):
            expected = f"the key of {wanted.script.hex()}"
            raise refused(Code.SIGNED_MISMATCH, f"inputs[{index}].public_key", expected, spent.public_key.hex())
        return (check_signature(reading, index, spent.public_key, spent.signatures[0]),)
    return _verify_multisig(reading, index, spent)


def _script_or_none(spent: InputReading | SignedInputReading) -> str:
    return "none" if spent.witness_script is None else spent.witness_script.hex()


def _verify_multisig(reading: BitcoinReading, index: int, spent: SignedInputReading) -> tuple[SignatureReading, ...]:
    # As the network does: keys are walked once, so each signature needs a later key than the one before.
    keys = iter(read_multisig(spent.witness_script or b"").public_keys)
    found = []
    for number, der in enumerate(spent.signatures):
        key = next((key for key in keys if _is_signed_by(key, der, reading.sighashes[index])), None)
        if key is None:
            field = f"inputs[{index}].signatures[{number}]"
            raise refused(
                Code.SIGNATURE_INVALID, field, "a signature of a key of this input, in their order", der.hex()
            )
        found.append(check_signature(reading, index, key, der))
    return tuple(found)
