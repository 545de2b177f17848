"""Output descriptors: the published checksums, one spelling for one address, and everything else refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.chains.bitcoin.descriptors import add_checksum, build_descriptor, check_checksum, parse_descriptor
from strongroom.chains.bitcoin.scripts import multisig_script, p2wpkh_script, p2wsh_script
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from world import chain_key

from .examples import load_vectors

VECTORS = load_vectors("bip380.json")


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes


KEYS = [chain_key(f"key:{name}").public_key.format() for name in ("a", "b", "c")]


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: str(case["descriptor"]))
def test_published_checksums_are_ours(case: dict[str, Any]) -> None:
    body = check_checksum(case["descriptor"], "descriptor")
    assert case["descriptor"] == add_checksum(body)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: str(case["why"]))
def test_published_errors_are_refused(case: dict[str, Any]) -> None:
    refuse(Code.DESCRIPTOR_INVALID, lambda: check_checksum(case["descriptor"], "descriptor"))


def test_one_key_is_wpkh_and_several_are_sorted_in_wsh() -> None:
    single, multi = build_descriptor(1, KEYS[:1]), build_descriptor(2, KEYS)
    assert single.startswith(f"wpkh({KEYS[0].hex()})#")
    assert multi.startswith("wsh(sortedmulti(2," + ",".join(k.hex() for k in sorted(KEYS)) + "))#")
    assert multi == build_descriptor(2, KEYS[::-1])
    assert p2wpkh_script(KEYS[0]) == parse_descriptor(single).script
    assert p2wsh_script(multisig_script(2, KEYS)) == parse_descriptor(multi).script


def _unsorted(text: str) -> str:
    one, two, three = (k.hex() for k in sorted(KEYS))
    return add_checksum(text.partition("#")[0].replace(f"{one},{two},{three}", f"{two},{one},{three}"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.partition("#")[0],
        lambda text: text.replace("sortedmulti", "multi"),
        lambda text: add_checksum(text.partition("#")[0].replace("sortedmulti", "multi")),
        lambda text: add_checksum(text.partition("#")[0].replace("sortedmulti(2", "sortedmulti(02")),
        lambda text: add_checksum(text.partition("#")[0].replace("))", "/0))")),
        lambda text: add_checksum(f"sh({text.partition('#')[0]})"),
        _unsorted,
    ],
    ids=["no checksum", "changed under it", "multi", "two spellings of m", "a path", "inside sh", "unsorted"],
)
def test_every_other_text_is_refused(edit: Callable[[str], str]) -> None:
    honest = build_descriptor(2, KEYS)
    parse_descriptor(honest)
    refuse(Code.DESCRIPTOR_INVALID, lambda: parse_descriptor(edit(honest)))


def test_keys_that_make_no_script_have_no_descriptor() -> None:
    refuse(Code.SCRIPT_UNKNOWN, lambda: build_descriptor(3, KEYS[:2]))
    refuse(Code.SCRIPT_UNKNOWN, lambda: build_descriptor(2, [KEYS[0], KEYS[0]]))
    assert build_descriptor(2, KEYS[:2])
