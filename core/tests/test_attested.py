"""Batches of attested addresses: what is read, what is derived, what is proved, and every way to cheat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PublicKey as ChainPublicKey
from embit import script as embit_script
from embit.ec import PublicKey as EmbitKey
from eth_keys.datatypes import PublicKey as EthPublicKey

import batches
from strongroom.core.attested import (
    MAX_BATCH_BYTES,
    AddressAttestation,
    batch_root,
    build_challenge_text,
    derive_address_id,
    encode_line,
    join_batch,
    parse_line,
    split_batch,
)
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.checks.attest import (
    MAX_REFUSALS,
    check_attestation_signers,
    check_batch,
    check_batch_keys,
    check_chunk,
    check_line_proof,
    derive_attested_address,
)
from strongroom.core.checks.foundation import Entries
from strongroom.core.checks.spend import derive_address
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.ids import ChainId, EntryId, PartyId
from strongroom.core.merkle import build_inclusion_proof, leaf_hash
from strongroom.core.records import HexBytes, encode_record, parse_record
from strongroom.core.registers import KeyState
from strongroom.core.roster import Roster
from strongroom.core.statements import add_signature, expect, parse_statement
from world import ETH, LTC, START, World, signer_of

MAKERS: dict[str, Callable[[], batches.Batch]] = {
    "eoa": batches.eoa_batch,
    "p2wpkh": batches.one_key_batch,
    "p2wsh": batches.multisig_batch,
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_honest_batch_holds(name: str) -> None:
    batch = MAKERS[name]()
    checked = check_batch(batch.body, batch.raw)
    assert batch.raw == join_batch(checked.lines)
    check_batch_keys(checked, batches.key_entries(batch, checked.lines))
    for index, text in enumerate(batch.lines):
        proof = build_inclusion_proof([leaf_hash(line.encode()) for line in batch.lines], index)
        assert checked.lines[index] == check_line_proof(batch.body, text, index, proof)


def test_the_vectors_are_what_this_code_makes_and_reads() -> None:
    assert batches.render_vectors() == batches.VECTORS.read_text(encoding="utf-8")
    vectors: Any = json.loads(batches.VECTORS.read_text(encoding="utf-8"))
    for known in vectors["batches"].values():
        body = parse_record(AddressAttestation, known["body"], "body")
        check_batch(body, "".join(line + "\n" for line in known["lines"]).encode())


def test_every_refused_change_of_the_vectors_is_refused_with_its_code() -> None:
    vectors: Any = json.loads(batches.VECTORS.read_text(encoding="utf-8"))
    for case in vectors["refused"]:
        honest = MAKERS[case["batch"]]()
        batch = honest.changed(case["old"], case["new"])
        body = honest.body if case["root"] == "signed" else batch.body
        with pytest.raises(StrongroomError) as caught:
            check_batch(body, batch.raw)
        assert case["code"] == caught.value.code.value, case


def test_other_libraries_derive_the_same_addresses() -> None:
    for line in check_batch((eoa := batches.eoa_batch()).body, eoa.raw).lines:
        point = ChainPublicKey(line.keys[0].public).format(compressed=False)
        assert line.address == EthPublicKey(point[1:]).to_checksum_address()
    network = {"bech32": "rltc"}
    for line in check_batch((one := batches.one_key_batch()).body, one.raw).lines:
        assert line.address == embit_script.p2wpkh(EmbitKey.parse(line.keys[0].public)).address(network)
    for line in check_batch((three := batches.multisig_batch()).body, three.raw).lines:
        keys = sorted(EmbitKey.parse(key.public) for key in line.keys)
        assert line.address == embit_script.p2wsh(embit_script.multisig(line.threshold, keys)).address(network)


@pytest.mark.parametrize("name", MAKERS)
def test_the_address_is_the_one_that_the_register_derives(name: str) -> None:
    batch = MAKERS[name]()
    lines = check_batch(batch.body, batch.raw).lines
    entries = Entries(clients={}, whitelist={}, keys=batches.key_entries(batch, lines), addresses={}, assets={})
    for line in lines:
        entry = line.entry(batch.body)
        assert (line.address, "none") == (derive_address(entry, entries, "x")[0], entry.account)


def test_the_digest_is_over_a_text_of_its_own() -> None:
    text = b"strongroom-spend-proof/1\neip155:1\n0xAb\n" + b"11" * 32 + b"\n"
    assert hashlib.sha256(text).digest() == build_challenge_text(ChainId("eip155:1"), "0xAb", b"\x11" * 32)
    # What the Bitcoin family signs is SHA-256 over 32 bytes; this text can never be one of those.
    assert len(text) > 32
    for chain, address, challenge in (
        ("eip155:1\n", "0xAb", b"\x11" * 32),
        ("eip155:1", "0xAb\n", b"\x11" * 32),
        ("eip155:1", "0xAb", b"\x11" * 31),
    ):
        with pytest.raises(StrongroomError) as caught:
            build_challenge_text(ChainId(chain), address, challenge)
        assert Code.FIELD_INVALID in caught.value.codes


def test_what_was_not_signed_is_refused_before_a_line_is_read() -> None:
    batch = batches.eoa_batch(4)
    for raw in (
        b"".join(batch.raw.splitlines(keepends=True)[:3]),
        batch.raw + batch.raw.splitlines(keepends=True)[0],
        batch.raw.replace(b"deposit", b"change", 1),
        b"\n".join(batch.raw.split(b"\n")[1::-1] + batch.raw.split(b"\n")[2:]),
    ):
        with pytest.raises(RefusedError) as caught:
            check_batch(batch.body, raw)
        assert {Code.ADDRESS_NOT_ATTESTED} == caught.value.codes
    check_batch(batch.body, batch.raw)


def test_a_proof_over_another_challenge_or_address_or_chain_proves_nothing() -> None:
    honest = batches.eoa_batch()
    old = batches.batch_of(ETH, [batches.line_of(ETH, [f"eoa-{n}"], 1, b"\x01" * 32) for n in range(3)])
    other = replace(honest.body, chain=ChainId("eip155:1"))
    for body, raw in ((old.body, old.raw), (other, honest.raw)):
        with pytest.raises(RefusedError) as caught:
            check_batch(body, raw)
        assert {Code.SPEND_PROOF_INVALID} == caught.value.codes
        assert 3 == len(caught.value.refusals)
    check_batch(honest.body, honest.raw)


def test_a_proof_with_a_high_s_or_of_nonsense_is_refused() -> None:
    batch = batches.one_key_batch(1)
    line = parse_line(batch.lines[0], "line")
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    proof = line.keys[0].proof
    high = proof[:32] + (order - int.from_bytes(proof[32:], "big")).to_bytes(32, "big")
    for bad in (high, bytes(64), b"\xff" * 64, proof[32:] + proof[:32]):
        changed = batch.changed(proof.hex(), bad.hex())
        with pytest.raises(RefusedError) as caught:
            check_batch(changed.body, changed.raw)
        assert {Code.SPEND_PROOF_INVALID} == caught.value.codes


def test_every_key_of_an_address_proves_itself_not_only_a_quorum() -> None:
    batch = batches.multisig_batch()
    line = parse_line(batch.lines[0], "line")
    for key in line.keys:
        stranger = batches.key_of("stranger", key.terminal, bytes(32)).proof
        changed = batch.changed(key.proof.hex(), stranger.hex())
        with pytest.raises(RefusedError) as caught:
            check_batch(changed.body, changed.raw)
        assert f"lines[0].{key.id}" == caught.value.refusals[0].field
        assert {Code.SPEND_PROOF_INVALID} == caught.value.codes


def test_a_point_that_is_none_makes_no_address() -> None:
    batch = batches.eoa_batch(1)
    public = parse_line(batch.lines[0], "line").keys[0].public.hex()
    changed = batch.changed(public, "02" + "ff" * 32)
    with pytest.raises(RefusedError) as caught:
        check_batch(changed.body, changed.raw)
    assert {Code.ADDRESS_NOT_DERIVED} == caught.value.codes
    with pytest.raises(RefusedError) as caught:
        derive_attested_address(ETH, 2, [bytes.fromhex(public)] * 2, "line")
    assert {Code.ADDRESS_NOT_DERIVED} == caught.value.codes
    with pytest.raises(RefusedError) as caught:
        derive_attested_address(ChainId("bip122:00"), 1, [bytes.fromhex(public)], "line")
    assert {Code.TX_WRONG_CHAIN} == caught.value.codes


def test_nothing_stands_twice() -> None:
    honest = batches.line_of(ETH, ["eoa-1"], 1)
    renamed = replace(honest, id=EntryId("address:zz"))
    other = batches.line_of(ETH, ["eoa-2"], 1)
    same_key = replace(other, keys=(replace(other.keys[0], id=honest.keys[0].id),))
    shared = batches.line_of(LTC, ["t1-1", "t2-1", "t3-1"], 2)
    again = batches.line_of(LTC, ["t1-1", "t2-2", "t3-2"], 2)
    for chain, lines in ((ETH, (honest, renamed)), (ETH, (honest, same_key)), (LTC, (shared, again))):
        batch = batches.batch_of(chain, lines)
        with pytest.raises(RefusedError) as caught:
            check_batch(batch.body, batch.raw)
        assert {Code.ATTESTED_TWICE} == caught.value.codes
    twice = batches.rooted(batches.batch_of(ETH, [honest]).body, 2 * (encode_line(honest) + b"\n"))
    with pytest.raises(RefusedError) as caught:
        check_batch(twice.body, twice.raw)
    assert {Code.ATTESTED_TWICE} == caught.value.codes
    batch = batches.batch_of(ETH, [honest, other])
    check_batch(batch.body, batch.raw)


def test_a_nonce_of_two_proofs_is_refused() -> None:
    digest = {n: build_challenge_text(ETH, batches.line_of(ETH, [n], 1).address, batches.CHALLENGE) for n in "ab"}
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    nonce = 77
    r = int.from_bytes(ChainPublicKey.from_secret(nonce.to_bytes(32, "big")).format()[1:], "big") % order
    lines = []
    for name in "ab":
        secret = int.from_bytes(batches.chain_key(name).secret, "big")
        s = pow(nonce, -1, order) * (int.from_bytes(digest[name], "big") + r * secret) % order
        proof = HexBytes(r.to_bytes(32, "big") + min(s, order - s).to_bytes(32, "big"))
        line = batches.line_of(ETH, [name], 1)
        lines.append(replace(line, keys=(replace(line.keys[0], proof=proof),)))
        check_batch((alone := batches.batch_of(ETH, lines[-1:])).body, alone.raw)
    batch = batches.batch_of(ETH, lines)
    with pytest.raises(RefusedError) as caught:
        check_batch(batch.body, batch.raw)
    assert {Code.NONCE_REUSED} == caught.value.codes


def test_lines_out_of_order_are_malformed() -> None:
    batch = batches.eoa_batch(2)
    swapped = batches.rooted(batch.body, b"".join(reversed(batch.raw.splitlines(keepends=True))))
    with pytest.raises(StrongroomError) as caught:
        check_batch(swapped.body, swapped.raw)
    assert {Code.FIELD_INVALID} == caught.value.codes


def test_the_terminals_are_those_of_the_keys() -> None:
    batch = batches.multisig_batch()
    for terminals in (batches.TERMINALS[:2], (*batches.TERMINALS, PartyId("device:terminal-4"))):
        with pytest.raises(RefusedError) as caught:
            check_batch(replace(batch.body, terminals=terminals), batch.raw)
        assert {Code.ADDRESS_NOT_ATTESTED} == caught.value.codes


def test_only_so_many_refusals_are_told() -> None:
    batch = batches.eoa_batch(MAX_REFUSALS + 5)
    with pytest.raises(RefusedError) as caught:
        check_chunk(replace(batch.body, challenge=HexBytes(bytes(32))), batch.lines, 100)
    assert MAX_REFUSALS == len(caught.value.refusals)
    assert caught.value.refusals[0].field.startswith("lines[100].")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"purpose":"deposit"', '"purpose":"both"', Code.FIELD_INVALID),
        ('"threshold":1', '"threshold":01', Code.JSON_SYNTAX),
        ('"threshold":1', '"threshold":0', Code.FIELD_INVALID),
        ('"threshold":1', '"threshold":16', Code.FIELD_INVALID),
        ('"id":"address:', '"id":"entry:', Code.FIELD_INVALID),
        ('"id":"key:', '"id":"address:', Code.FIELD_INVALID),
        ('"terminal":"device:', '"terminal":"person:', Code.FIELD_INVALID),
        (',"threshold":1', "", Code.FIELD_MISSING),
        ('"keys":[', '"keys":[],"keyz":[', Code.FIELD_UNKNOWN),
        ('"address":"0x', '"address":"0x' + 100 * "a", Code.FIELD_INVALID),
        ('"address":"0x', '"address":"0x' + 9000 * "a", Code.TOO_LARGE),
        ('"address":"0x', '"address":"\\u0030x', Code.JSON_NOT_CANONICAL),
    ],
)
def test_a_line_has_one_spelling(old: str, new: str, code: Code) -> None:
    line = batches.eoa_batch(1).lines[0]
    assert old in line
    with pytest.raises(StrongroomError) as caught:
        parse_line(line.replace(old, new, 1), "line")
    assert code in caught.value.codes
    parsed = parse_line(line, "line")
    assert line.encode() == encode_line(parsed) == encode_canonical(encode_record(parsed))
    assert encode_record(parsed) == parse_canonical(line.encode())


def test_a_changed_byte_of_a_line_never_passes() -> None:
    batch = batches.eoa_batch(1)
    line = batch.lines[0].encode()
    harmless = {line.index(b'"id":"address:') + 14 + i for i in range(40)}
    harmless |= {line.index(b'"id":"key:') + 10 + i for i in range(5)} | {
        line.index(b'"terminal"') + 19 + i for i in range(10)
    }
    for index in range(len(line)):
        raw = line[:index] + bytes([line[index] ^ 1]) + line[index + 1 :] + b"\n"
        with pytest.raises(StrongroomError):
            check_batch(batch.body, raw)
        if index not in harmless and raw != b"\n":
            # With its root made anew, too, but for names, which only the key register and the terminals judge.
            with pytest.raises(StrongroomError):
                check_batch((changed := batches.rooted(batch.body, raw)).body, changed.raw)


def test_a_file_is_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = batches.eoa_batch(2).raw
    for bad, code in (
        (b"", Code.FIELD_INVALID),
        (raw[:-1], Code.FIELD_INVALID),
        (raw + "é\n".encode(), Code.FIELD_INVALID),
        (b"\n" * 100_001, Code.TOO_LARGE),
    ):
        with pytest.raises(StrongroomError) as caught:
            split_batch(bad)
        assert {code} == caught.value.codes
    monkeypatch.setattr("strongroom.core.attested.MAX_BATCH_BYTES", len(raw) - 1)
    assert len(raw) < MAX_BATCH_BYTES
    with pytest.raises(StrongroomError) as caught:
        split_batch(raw)
    assert {Code.TOO_LARGE} == caught.value.codes


def test_an_empty_line_is_malformed() -> None:
    batch = batches.rooted((honest := batches.eoa_batch(2)).body, honest.raw + b"\n")
    with pytest.raises(StrongroomError) as caught:
        check_batch(batch.body, batch.raw)
    assert {Code.JSON_SYNTAX} == caught.value.codes


def test_the_body_is_strict() -> None:
    body = encode_record(batches.multisig_batch().body)
    for changed in (
        {"size": 0},
        {"size": 100_001},
        {"challenge": "00" * 31},
        {"terminals": []},
        {"terminals": ["device:terminal-2", "device:terminal-1"]},
        {"terminals": ["person:c.lam"]},
        {"batch": "address:a"},
    ):
        with pytest.raises(StrongroomError) as caught:
            parse_record(AddressAttestation, {**body, **changed}, "body")
        assert {Code.FIELD_INVALID} == caught.value.codes
    assert batches.multisig_batch().body == parse_record(AddressAttestation, body, "body")


def test_exactly_the_terminals_sign() -> None:
    world = World()
    batch = batches.multisig_batch()
    honest = batches.sign_batch(batch, world.context)
    roster = expect(parse_statement(world.rosters[-1]), Roster, "roster").body
    check_attestation_signers(honest, roster, START, "attestation")
    station = signer_of("device:station-1")
    extra = parse_statement(add_signature(honest.envelope, station.key, station.sign))
    with pytest.raises(RefusedError) as caught:
        check_attestation_signers(extra, roster, START, "attestation")
    assert {Code.SIGNER_UNKNOWN} == caught.value.codes
    short = parse_statement(replace(honest.envelope, signatures=honest.envelope.signatures[:2]))
    with pytest.raises(RefusedError) as caught:
        check_attestation_signers(short, roster, START, "attestation")
    assert {Code.SIGNATURES_MISSING} == caught.value.codes
    with pytest.raises(RefusedError) as caught:
        check_attestation_signers(replace(honest, issuer=PartyId("device:station-1")), roster, START, "attestation")
    assert {Code.SIGNER_UNKNOWN} == caught.value.codes
    stranger = replace(batch, body=replace(batch.body, terminals=(PartyId("device:station-1"),)))
    with pytest.raises(RefusedError) as caught:
        check_attestation_signers(batches.sign_batch(stranger, world.context), roster, START, "attestation")
    assert {Code.ROLE_MISSING} == caught.value.codes


def test_keys_are_those_of_the_register() -> None:
    batch = batches.multisig_batch()
    checked = check_batch(batch.body, batch.raw)
    honest = batches.key_entries(batch, checked.lines)
    name = min(honest)
    check_batch_keys(checked, honest)
    for changed in (
        replace(honest[name], state=KeyState.SUSPENDED),
        replace(honest[name], terminal=PartyId("device:terminal-9")),
        replace(honest[name], public=HexBytes(b"\x02" * 33)),
    ):
        with pytest.raises(RefusedError) as caught:
            check_batch_keys(checked, {**honest, name: changed})
        assert {Code.ADDRESS_NOT_ATTESTED} == caught.value.codes
    with pytest.raises(RefusedError) as caught:
        check_batch_keys(checked, {key: value for key, value in honest.items() if key != name})
    assert {Code.NOT_IN_REGISTER} == caught.value.codes


def test_a_line_alone_needs_its_place() -> None:
    batch = batches.eoa_batch(3)
    leaves = [leaf_hash(line.encode()) for line in batch.lines]
    proof = build_inclusion_proof(leaves, 1)
    for text, index in ((batch.lines[0], 1), (batch.lines[1], 0), (batch.lines[1], 3)):
        with pytest.raises(StrongroomError) as caught:
            check_line_proof(batch.body, text, index, proof)
        assert caught.value.codes <= {Code.PROOF_INVALID, Code.NOT_IN_LOG}
    assert batch_root(batch.lines) == batch.body.root
    assert check_line_proof(batch.body, batch.lines[1], 1, proof).id == derive_address_id(
        ETH, parse_line(batch.lines[1], "line").address
    )
