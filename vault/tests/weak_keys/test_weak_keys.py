"""Keys that others know are found, keys that somebody searched for are found, and honest keys pass."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import coincurve
import pytest

from strongroom.chains.ethereum.addresses import address_of
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.vault.weak_keys.screen import check_new_key, describe_vanity
from strongroom.vault.weak_keys.table import TABLE, load_weak_keys
from weak_keys import make

ORDER = make.ORDER
WINTERMUTE = "00000000ae347930bd1e7b0f35588b92280f9e75"
"""The hot wallet of `profanity-2022`."""
HONEST = "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
"""Source: EIP-55."""


def public_of(secret: int | bytes) -> bytes:
    raw = secret if isinstance(secret, bytes) else secret.to_bytes(32, "big")
    return coincurve.PrivateKey(raw).public_key.format()


def twisted(seed: int) -> bytes:
    """A key as a program makes it from a Mersenne Twister with that seed: the lowest byte of 32 outputs."""
    words = make.twister32(seed)
    return bytes(next(words) & 0xFF for _ in range(32))


KNOWN: tuple[tuple[str, int | bytes], ...] = (
    ("one", 1),
    ("two to the sixteenth", 2**16),
    ("the last", ORDER - 1),
    ("close to the last", ORDER - 2**16),
    ("a power of two", 2**200),
    ("one byte all over", b"\x42" * 32),
    ("counting bytes", bytes(range(32))),
    ("brain wallet", hashlib.sha256(b"correct horse battery staple").digest()),
    ("brain wallet of Ethereum", keccak256(b"satoshi nakamoto")),
    ("the empty brain wallet", hashlib.sha256(b"").digest()),
    ("a number as a brain wallet", hashlib.sha256(b"999").digest()),
    ("a development node's", bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")),
    ("a twister's", twisted(0)),
    ("a twister's", twisted(2047)),
)


@pytest.mark.parametrize(("name", "secret"), KNOWN, ids=[name for name, _secret in KNOWN])
def test_a_known_key_and_its_negative_are_refused(name: str, secret: int | bytes) -> None:
    number = secret if isinstance(secret, int) else int.from_bytes(secret, "big")
    for known in (number, ORDER - number):
        with pytest.raises(RefusedError) as caught:
            check_new_key(public_of(known), "key:new")
        assert {(Code.KNOWN_WEAK_KEY, "key:new")} == {(r.code, r.field) for r in caught.value.refusals}


def test_keys_just_outside_the_list_and_random_ones_pass() -> None:
    """What is not listed is not found: the table is a second line, and says no more than it holds."""
    for secret in (2**16 + 3, ORDER - 2**16 - 3, twisted(2048), hashlib.sha256(b"a phrase of one's own").digest()):
        check_new_key(public_of(secret), "key:new")
    for _ in range(200):
        check_new_key(public_of(os.urandom(32)), "key:new")


SOUGHT = (
    WINTERMUTE,
    "0" * 8 + HONEST[:32],
    HONEST[:32] + "0" * 8,
    "b" * 9 + HONEST[:31],
    HONEST[:31] + "f" * 9,
    "01" * 17 + "123456",
)
"""Each beside a near miss below."""
BY_CHANCE = (
    HONEST,
    "0" * 7 + HONEST[:33],
    HONEST[:33] + "0" * 7,
    "a" * 8 + HONEST[:32],
    "01" * 16 + "12345678",
)


@pytest.mark.parametrize("address", SOUGHT)
def test_an_address_that_chance_does_not_give_is_told(address: str) -> None:
    assert 40 == len(address)
    assert describe_vanity(address)


@pytest.mark.parametrize("address", BY_CHANCE)
def test_an_address_that_chance_may_give_is_not(address: str) -> None:
    assert 40 == len(address)
    assert describe_vanity(address) is None


def test_a_vanity_key_is_refused_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such key can be searched here, so the address of an honest one is put in its place."""
    key = public_of(os.urandom(32))
    check_new_key(key, "key:new")
    monkeypatch.setattr("strongroom.vault.weak_keys.screen.address_of", lambda _key: bytes.fromhex(WINTERMUTE))
    with pytest.raises(RefusedError) as caught:
        check_new_key(key, "key:new")
    assert {Code.KNOWN_WEAK_KEY} == caught.value.codes
    assert f"0x{WINTERMUTE}" in caught.value.refusals[0].got


def test_the_address_that_is_judged_is_the_key_s() -> None:
    assert "7e5f4552091a69125d5dfcb7b8c2659029395bdf" == address_of(public_of(1)).hex()


def test_a_table_that_was_shortened_or_is_gone_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "known.bin"
    short.write_bytes(TABLE.read_bytes()[6:])
    with pytest.raises(RefusedError) as caught:
        load_weak_keys(short)
    assert {Code.DIGEST_MISMATCH} == caught.value.codes
    with pytest.raises(UnavailableError) as gone:
        load_weak_keys(tmp_path / "nothing")
    assert {Code.FILE_UNAVAILABLE} == gone.value.codes


def test_the_table_is_sorted_small_and_of_what_its_tool_lists() -> None:
    table = load_weak_keys()
    rows = [table._row(place) for place in range(len(table))]
    assert sorted(set(rows)) == rows
    assert len(table.rows) < 500_000
    for family in make.FAMILIES.values():
        listed = [secret for secret in family() if 0 < secret < ORDER]
        assert all(table.has(public_of(secret)) for secret in random.Random(4).sample(listed, min(20, len(listed))))


def test_the_twisters_are_those_that_everybody_knows() -> None:
    """The 10000th output for the default seed is in the C++ standard; the first ones are in the authors' files."""
    words = make.twister32(5489)
    assert 4123659995 == [next(words) for _ in range(10_000)][-1]
    longs = make.twister64(5489)
    assert 9981545732273789042 == [next(longs) for _ in range(10_000)][-1]
