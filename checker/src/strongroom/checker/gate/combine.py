"""Put signed bytes together from what terminals signed; whether they are right is judged from the bytes alone."""

from __future__ import annotations

from collections.abc import Sequence

import rlp  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.checker.gate.seal import PartialSignature, Result
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_signed import combine_signatures
from strongroom.checker.reading.ethereum import bytes_to_ethereum_address, split_ethereum_signed
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Entries
from strongroom.checker.reading.spend import Spend
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused


def combine(spend: Spend, unsigned: bytes, results: Sequence[Result], entries: Entries) -> bytes:
    """The bytes that nodes take.

    Raises SIGNATURES_MISSING, SIGNER_KEY_MISMATCH, SIGNATURE_INVALID, SIGNATURE_HIGH_S.
    """
    signatures = [each for result in results for each in result.signatures]
    if is_ethereum(spend.chain):
        return _combine_ethereum(spend, signatures)
    by_input: dict[int, dict[bytes, bytes]] = {}
    for each in signatures:
        public = entries.keys[each.key].public
        by_input.setdefault(each.input, {})[public] = encode_dss_signature(*_split(each.signature))
    return combine_signatures(read_psbt(unsigned), by_input)


def _combine_ethereum(spend: Spend, signatures: Sequence[PartialSignature]) -> bytes:
    """A signature does not say which of two keys made it: the one that gives our sender is ours."""
    if len(signatures) != 1 or signatures[0].input != 0:
        raise refused(Code.SIGNATURES_MISSING, "sealed", "one signature of input 0", f"{len(signatures)} signatures")
    r, s = _split(signatures[0].signature)
    items = [*rlp.decode(spend.unsigned_bytes[1:], strict=True)]
    found: list[Refusal] = []
    senders: list[str] = []
    for parity in (b"", b"\x01"):
        signed = b"\x02" + bytes(rlp.encode([*items, parity, _number(r), _number(s)]))
        with gathered(found):
            sender = bytes_to_ethereum_address(split_ethereum_signed(signed)[2])
            if sender == spend.spent[0].address:
                return signed
            senders.append(sender)
    if not senders:
        raise_found(found)
    raise refused(Code.SIGNER_KEY_MISMATCH, "sealed", spend.spent[0].address, " or ".join(senders))


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
