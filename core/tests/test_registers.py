"""Registers: roots, proofs and deltas, and the age of a whitelist entry; vectors in vectors/registers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.ids import AccountId, Digest
from strongroom.core.records import DigestOrNone, parse_record
from strongroom.core.registers import (
    Register,
    RegisterHead,
    WhitelistEntry,
    check_entry_age,
    check_entry_proof,
    check_register_head,
    encode_entry,
    entry_digest,
)
from world import START, World

from .refusals import flip, refuse

VECTOR = json.loads((Path(__file__).parents[2] / "vectors/registers/whitelist.json").read_text("utf-8"))


def entries_of(texts: list[str]) -> tuple[WhitelistEntry, ...]:
    """Whitelist entries from their canonical text."""
    return tuple(parse_record(WhitelistEntry, parse_canonical(text.encode()), "entry") for text in texts)


ENTRIES = entries_of(VECTOR["entries"])
REGISTER: Register[WhitelistEntry] = Register(name="whitelist", entries=ENTRIES)
HEAD = RegisterHead(
    previous=DigestOrNone("none"), register="whitelist", root=Digest(VECTOR["root"]), size=VECTOR["size"], version=1
)


def test_the_committed_register() -> None:
    assert VECTOR["root"] == REGISTER.root()
    assert VECTOR["leaves"] == [leaf.hex() for leaf in REGISTER.leaves()]
    assert VECTOR["digests"] == [entry_digest(e) for e in ENTRIES]
    assert VECTOR["entries"] == [encode_entry(e).decode() for e in ENTRIES]
    assert VECTOR["empty_root"] == Register(name="whitelist", entries=()).root()
    check_register_head(HEAD, REGISTER)


@pytest.mark.parametrize("proof", VECTOR["proofs"], ids=[p["id"] for p in VECTOR["proofs"]])
def test_the_committed_proofs(proof: dict[str, object]) -> None:
    index, hashes = REGISTER.prove(str(proof["id"]))
    assert proof == {"id": proof["id"], "index": index, "proof": [h.hex() for h in hashes]}
    check_entry_proof(HEAD, ENTRIES[index], index, hashes, "entry")
    other = replace(ENTRIES[index], owner="Somebody Else Ltd")
    refuse(Code.PROOF_INVALID, lambda: check_entry_proof(HEAD, other, index, hashes, "entry"))
    refuse(Code.PROOF_INVALID, lambda: check_entry_proof(HEAD, ENTRIES[index], index ^ 1, hashes, "entry"))
    refuse(Code.PROOF_INVALID, lambda: check_entry_proof(HEAD, ENTRIES[index], HEAD.size, hashes, "entry"))
    refuse(
        Code.PROOF_INVALID,
        lambda: check_entry_proof(HEAD, ENTRIES[index], index, (flip(hashes[0]), *hashes[1:]), "entry"),
    )


def test_the_committed_delta() -> None:
    delta = VECTOR["delta"]
    after = REGISTER.changed(entries_of(delta["added"]), delta["removed"])
    assert (delta["root"], delta["size"]) == (after.root(), len(after.entries))
    refuse(Code.HEAD_MISMATCH, lambda: check_register_head(HEAD, after))
    refuse(Code.NOT_IN_REGISTER, lambda: after.changed((), delta["removed"]))


HEADS = (
    ("another size", {"size": 5}),
    ("another root", {"root": VECTOR["empty_root"]}),
    ("another register", {"register": "clients"}),
)


@pytest.mark.parametrize("fields", [row[1] for row in HEADS], ids=[row[0] for row in HEADS])
def test_a_head_is_of_these_entries(fields: dict[str, object]) -> None:
    check_register_head(HEAD, REGISTER)
    refuse(Code.HEAD_MISMATCH, lambda: check_register_head(replace(HEAD, **fields), REGISTER))


def test_entries_are_sorted_and_stand_once() -> None:
    refuse(Code.FIELD_INVALID, lambda: Register(name="whitelist", entries=ENTRIES[::-1]))
    refuse(Code.FIELD_INVALID, lambda: Register(name="whitelist", entries=(ENTRIES[0], ENTRIES[0])))
    assert Register(name="whitelist", entries=ENTRIES)


def test_what_is_not_there_is_not_found() -> None:
    assert ENTRIES[0] is REGISTER.find(ENTRIES[0].id, "entry")
    refuse(Code.NOT_IN_REGISTER, lambda: REGISTER.find("entry:nobody", "entry"))
    refuse(Code.NOT_IN_REGISTER, lambda: REGISTER.prove("entry:nobody"))


def test_a_client_has_its_own_accounts() -> None:
    client = World().registers["clients"].find("client:harbour", "client")
    assert client.accounts[0] is client.account(client.accounts[0].id)
    refuse(Code.NOT_IN_REGISTER, lambda: client.account(AccountId("account:peak:eth")))
    refuse(Code.FIELD_INVALID, lambda: replace(client, accounts=client.accounts[::-1]))


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_deltas_lead_to_the_same_register(first: set[int], second: set[int]) -> None:
    """Whatever the order of updates, equal entries have one root."""
    start = Register(name="whitelist", entries=tuple(ENTRIES[i] for i in sorted(first)))
    gone = [ENTRIES[i].id for i in sorted(first - second)]
    after = start.changed([ENTRIES[i] for i in second], gone)
    assert Register(name="whitelist", entries=tuple(ENTRIES[i] for i in sorted(second))) == after


AGE_S = 86_400
AGES = (
    ("old enough", timedelta(days=-1), None, None),
    ("a second too young", timedelta(days=-1, seconds=1), None, Code.ENTRY_TOO_YOUNG),
    ("dated into the future", timedelta(days=1), None, Code.ENTRY_TOO_YOUNG),
    ("seen long ago", timedelta(days=-9), timedelta(days=-1), None),
    ("back-dated into last year", timedelta(days=-365), timedelta(hours=-1), Code.ENTRY_TOO_YOUNG),
    ("seen before it was added", timedelta(hours=-1), timedelta(days=-9), Code.ENTRY_TOO_YOUNG),
)


@pytest.mark.parametrize(("added", "seen", "code"), [r[1:] for r in AGES], ids=[r[0].replace(" ", "_") for r in AGES])
def test_the_age_of_an_entry(added: timedelta, seen: timedelta | None, code: Code | None) -> None:
    entry = replace(ENTRIES[0], added_at=START + added)
    first_seen = None if seen is None else START + seen
    if code:
        refuse(code, lambda: check_entry_age(entry, first_seen, AGE_S, START))
    else:
        check_entry_age(entry, first_seen, AGE_S, START)
