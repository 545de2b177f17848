"""A client's deposit address by the second reading: the honest package holds, and every change of it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from batches import Batch, eoa_batch, key_entries, multisig_batch, one_key_batch, rooted, sign_batch
from firm import ASSIGNER, with_assigner
from strongroom.checker.reading.address_package import check_roster_version, prove_address
from strongroom.checker.verify.address import main
from strongroom.core.address_package import (
    MAX_AGE,
    MAX_AHEAD,
    AddressPackage,
    OfferedLine,
    ProvedAddress,
    build_package,
    encode_package,
    parse_package,
    prove_package,
)
from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import parse_line
from strongroom.core.canonical import encode_canonical, encode_with_notes, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, PartyId, WalletId
from strongroom.core.merkle import build_inclusion_proof, leaf_hash
from strongroom.core.records import Base64Bytes, EntryOrNone, Note, encode_record, encode_time
from strongroom.core.registers import KeyState
from strongroom.core.statements import Envelope, build_payload, expect, parse_statement, sign_payload
from world import START, Edit, World, signer_of

MAKERS: dict[str, Callable[[], Batch]] = {"eoa": eoa_batch, "p2wpkh": one_key_batch, "p2wsh": multisig_batch}


def make_world() -> World:
    """The tests' firm with an assigner."""
    return World(edits={"roster": with_assigner(None)})


def root_file(world: World) -> bytes:
    """`root.json`."""
    return encode_canonical([encode_record(each) for each in world.roots])


@dataclass(kw_only=True)
class Handed:
    """An address that was handed out: what was said of it, and whatever package of it is asked for."""

    world: World
    offered: OfferedLine

    def package(self, rosters: int = 99) -> AddressPackage:
        """As of the world's last checkpoint, with so many rosters."""
        governance = self.world.governance
        left = replace(governance, rosters=governance.rosters[:rosters])
        return build_package(self.world.log, left, self.offered)

    @property
    def body(self) -> AddressAssignment:
        """What the assigner said."""
        return expect(parse_statement(self.offered.assignment), AddressAssignment, "assignment").body


def hand_out(world: World, batch: Batch, signer: str = ASSIGNER, written: datetime | None = None) -> Handed:
    """The last line of a batch is registered, attested and assigned. written: the time that the assigner writes."""
    register(world, batch)
    attestation, index = sign_batch(batch, world.context), len(batch.lines) - 1
    world.record(attestation.envelope)
    text = batch.lines[index]
    line = parse_line(text, "line")
    body = AddressAssignment(
        account=AccountId("account:harbour:eth"),
        address=line.address,
        attestation=attestation.id,
        chain=batch.body.chain,
        client=PartyId("client:harbour"),
        entry=line.id,
        line=sha256(text.encode()),
        wallet=batch.body.wallet,
    )
    said = build_at(world, body, signer, written or world.now)
    world.record(said)
    leaves = [leaf_hash(each.encode()) for each in batch.lines]
    proof = build_inclusion_proof(leaves, index)
    offered = OfferedLine(assignment=said, attestation=attestation.envelope, index=index, proof=tuple(proof), text=text)
    return Handed(world=world, offered=offered)


def register(world: World, batch: Batch) -> None:
    """The registers get the batch's keys and addresses."""
    lines = [parse_line(text, "line") for text in batch.lines]
    world.change_register("keys", key_entries(batch, lines).values())
    world.change_register("addresses", [line.entry(batch.body) for line in lines])


def build_at(world: World, body: AddressAssignment, signer: str, moment: datetime) -> Envelope:
    """A statement that says a time of its own."""
    kind, payload = build_payload(body, context=world.context, issuer=PartyId(signer), issued_at=moment)
    with_key = signer_of(signer)
    return sign_payload(kind, payload, [(with_key.key, with_key.sign)])


def make_package(world: World, batch: Batch, signer: str = ASSIGNER) -> AddressPackage:
    """The package of the last line of a batch."""
    return hand_out(world, batch, signer).package()


def refuse(code: Code, world: World, package: AddressPackage, now: datetime | None = None) -> None:
    """Both readings refuse it by this code."""
    moment = now or world.now
    with pytest.raises(StrongroomError) as caught:
        prove_address(encode_package(package), root_file(world), moment)
    assert code in caught.value.codes, caught.value
    with pytest.raises(StrongroomError) as caught:
        prove_package(package, world.fingerprint, moment)
    assert code in caught.value.codes, caught.value


def accept(world: World, package: AddressPackage, now: datetime | None = None) -> ProvedAddress:
    """Both readings take it, and say the same of it."""
    moment = now or world.now
    second = prove_address(encode_package(package), root_file(world), moment)
    first = prove_package(parse_package(encode_package(package)), world.fingerprint, moment)
    mine, theirs = asdict(first.assignment), asdict(second.assignment)
    assert (mine, first.as_of, first.roster) == (theirs, second.as_of, second.roster)
    return first


def without(name: str) -> Edit:
    """A roster in which somebody is no more."""
    return lambda roster: replace(roster, parties=tuple(each for each in roster.parties if each.id != name))


def ending(name: str, moment: datetime) -> Edit:
    """A roster in which somebody's entry ends."""
    return lambda roster: replace(
        roster, parties=tuple(replace(p, valid_until=moment) if p.id == name else p for p in roster.parties)
    )


@pytest.mark.parametrize("name", MAKERS)
def test_both_readings_agree_on_an_honest_package(name: str) -> None:
    world = make_world()
    handed = hand_out(world, MAKERS[name]() if name != "p2wsh" else multisig_batch(3))
    proved = accept(world, handed.package())
    assert (handed.body, world.now, 1) == (proved.assignment, proved.as_of, proved.roster)


def test_a_package_is_of_its_days() -> None:
    world = make_world()
    handed = hand_out(world, eoa_batch())
    package, made = handed.package(), world.now
    accept(world, package, made + MAX_AGE)
    refuse(Code.EXPIRED, world, package, made + MAX_AGE + timedelta(seconds=1))
    accept(world, package, made - MAX_AHEAD)
    refuse(Code.CLOCK_BEHIND, world, package, made - MAX_AHEAD - timedelta(seconds=1))
    # The firm gives a fresh one of the same address, as long as its log grows.
    world.tick(int(MAX_AGE.total_seconds()))
    world.freeze()
    assert handed.body == accept(world, handed.package()).assignment


def test_signers_are_judged_at_the_time_that_a_witness_saw() -> None:
    """Somebody finds the key of an assigner whose entry ended, and writes a day at which it was valid."""
    world = make_world()
    early = hand_out(world, eoa_batch(1))
    ended = world.now + timedelta(seconds=1)
    world.change_roster(ending(ASSIGNER, ended))
    late = hand_out(world, eoa_batch(2), written=ended - timedelta(seconds=1))
    refuse(Code.SIGNER_NOT_VALID, world, late.package())
    accept(world, early.package())


def test_a_terminal_that_was_removed_attests_no_more() -> None:
    world = make_world()
    early = hand_out(world, eoa_batch(1))
    world.change_roster(without("device:terminal-1"))
    refuse(Code.SIGNER_UNKNOWN, world, hand_out(world, eoa_batch(2)).package())
    assert early.body == accept(world, early.package()).assignment


def test_a_package_from_which_the_last_roster_was_left_out() -> None:
    """A key that was revoked is in the rosters before. What bounds it: the witness and the expiry that those name."""
    world = make_world()
    early = hand_out(world, eoa_batch(1))
    world.change_roster(without(ASSIGNER))
    forged = hand_out(world, eoa_batch(2))
    refuse(Code.SIGNER_UNKNOWN, world, forged.package())
    assert 2 == accept(world, early.package()).roster
    left_out = forged.package(rosters=1)
    # It proves, and says that it ends at roster 1: who knows of roster 2 does not take it.
    assert 1 == accept(world, left_out).roster
    proved = prove_address(encode_package(left_out), root_file(world), world.now)
    check_roster_version(proved, 1)
    with pytest.raises(StrongroomError) as caught:
        check_roster_version(proved, 2)
    assert {Code.HEAD_ROLLBACK} == caught.value.codes


def test_a_roster_that_expired_carries_no_package() -> None:
    until = START + timedelta(days=1)
    world = World(edits={"roster": with_assigner(lambda roster: replace(roster, expires=until))})
    handed = hand_out(world, eoa_batch())
    world.now = until - timedelta(seconds=20)
    world.freeze()
    accept(world, handed.package())
    world.tick(60)
    world.freeze()
    refuse(Code.EXPIRED, world, handed.package())


def test_what_is_not_in_the_log_is_nobodys() -> None:
    world = make_world()
    handed, other = hand_out(world, eoa_batch(1)), hand_out(world, eoa_batch(2))
    honest = handed.package()
    accept(world, honest)
    moved = replace(honest, assignment=replace(honest.assignment, checkpoint=0, index=honest.assignment.index - 1))
    refuse(Code.NOT_IN_LOG, world, moved)
    unsaid = build_at(world, replace(handed.body, account=AccountId("account:peak:eth")), ASSIGNER, world.now)
    refuse(Code.NOT_IN_LOG, world, replace(honest, assignment=replace(honest.assignment, envelope=unsaid)))
    late = replace(honest.assignment, checkpoint=len(honest.checkpoints) - 1)
    refuse(Code.PROOF_INVALID, world, replace(honest, assignment=late))
    strange = replace(honest.attestation, envelope=other.offered.attestation)
    refuse(Code.NOT_IN_LOG, world, replace(honest, attestation=strange))
    with pytest.raises(StrongroomError) as caught:
        build_package(world.log, world.governance, replace(handed.offered, assignment=unsaid))
    assert {Code.NOT_IN_LOG} == caught.value.codes


def test_what_people_did_not_register_is_nobodys() -> None:
    """Terminal and assigner are in one hand: they attest keys of their own, and hand out an address of them."""
    world = make_world()
    handed = hand_out(world, eoa_batch())
    honest, name = handed.package(), handed.body.entry
    (key,) = (each.id for each in parse_line(handed.offered.text, "line").keys)
    accept(world, honest)
    refuse(Code.NOT_IN_REGISTER, world, replace(honest, addresses=replace(honest.addresses, entries=())))
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(honest, keys=replace(honest.keys, entries=())))
    swapped = replace(honest.addresses, head=honest.keys.head)
    refuse(Code.HEAD_MISMATCH, world, replace(honest, addresses=swapped))
    (slot,) = honest.addresses.entries
    forged = replace(slot, entry={**slot.entry, "account": "account:harbour:eth"})
    refuse(Code.PROOF_INVALID, world, replace(honest, addresses=replace(honest.addresses, entries=(forged,))))
    entry = world.registers["addresses"].find(name, "addresses")
    world.change_register("addresses", [replace(entry, account=EntryOrNone("account:peak:eth"))])
    refuse(Code.NOT_IN_REGISTER, world, handed.package())
    world.change_register("addresses", [replace(entry, account=EntryOrNone("account:harbour:eth"))])
    accept(world, handed.package())
    world.change_register("addresses", [replace(entry, wallet=WalletId("wallet:other"))])
    refuse(Code.ADDRESS_NOT_ATTESTED, world, handed.package())
    world.change_register("addresses", [entry])
    found = world.registers["keys"].find(key, "keys")
    world.change_register("keys", [replace(found, state=KeyState.SUSPENDED)])
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, world, handed.package())
    world.change_register("keys", [replace(found, terminal=PartyId("device:terminal-2"))])
    refuse(Code.ADDRESS_NOT_ATTESTED, world, handed.package())
    world.change_register("keys", [found])
    accept(world, handed.package())


def test_checkpoints_that_no_witness_signed_or_of_another_log() -> None:
    world, other = make_world(), make_world()
    package = hand_out(world, eoa_batch()).package()
    *before, last = package.checkpoints
    lines = last.note.rstrip("\n").split("\n")
    alone = replace(last, note=Note("\n".join(lines[:-1]) + "\n"))
    refuse(Code.CHECKPOINT_NOT_WITNESSED, world, replace(package, checkpoints=(*before, alone)))
    other.freeze()
    strange = hand_out(other, eoa_batch()).package()
    refuse(Code.LOG_NOT_CONSISTENT, world, replace(package, checkpoints=(*before, strange.checkpoints[-1])))
    for name in ("checkpoints", "rosters", "roots"):
        value = json.loads(encode_package(package).decode())
        raw = encode_with_notes({**value, name: []})
        for read in (parse_package, lambda raw: prove_address(raw, root_file(world), world.now)):
            with pytest.raises(StrongroomError) as caught:
                read(raw)
            assert caught.value.codes & {Code.FIELD_INVALID, Code.ROOT_MISMATCH}


def test_an_assignment_from_before_its_attestation_is_none() -> None:
    """Whoever assigned it had not seen the vault's word in the log."""
    world, batch = make_world(), eoa_batch()
    handed = hand_out(make_world(), batch)
    register(world, batch)
    world.record(handed.offered.assignment)
    world.record(handed.offered.attestation)
    refuse(Code.DOCKET_ORDER, world, replace(handed, world=world).package())
    accept(handed.world, handed.package())


def test_what_was_changed_is_refused_by_name() -> None:
    world, batch = make_world(), eoa_batch()
    handed, other = hand_out(world, batch), hand_out(world, eoa_batch(2))
    package = handed.package()
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(package, line=Base64Bytes(batch.lines[0].encode())))
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(package, index=0))
    mixed = replace(handed.offered, assignment=other.offered.assignment)
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(handed, offered=mixed).package())
    refuse(Code.ROLE_MISSING, world, make_package(world, eoa_batch(1), "service:platform"))
    strange = World(edits={"roster": with_assigner(None), "root": lambda body: replace(body, expires=world.now)})
    refuse(Code.ROOT_MISMATCH, strange, package)


def test_a_signature_that_does_not_verify_is_none_though_it_is_in_the_log() -> None:
    world, batch = make_world(), eoa_batch()
    handed = hand_out(world, batch)
    flipped = replace(handed.offered, attestation=_flipped(handed.offered.attestation))
    again = make_world()
    register(again, batch)
    again.record(flipped.attestation)
    again.record(handed.offered.assignment)
    refuse(Code.SIGNATURE_INVALID, again, Handed(world=again, offered=flipped).package())


def _flipped(envelope: Envelope) -> Envelope:
    (signature,) = envelope.signatures
    raw = bytes([signature.sig[0] ^ 1]) + signature.sig[1:]
    return replace(envelope, signatures=(replace(signature, sig=Base64Bytes(raw)),))


def test_a_line_that_the_terminals_signed_without_looking() -> None:
    """The terminals' own word is not enough: the address is derived, and the proof verified, here."""
    world, batch = make_world(), eoa_batch()
    one, last = (json.loads(batch.lines[at]) for at in (0, -1))
    proof = batch.changed(last["keys"][0]["proof"], one["keys"][0]["proof"])
    refuse(Code.SPEND_PROOF_INVALID, world, make_package(world, proof))
    swapped = batch.raw.replace(last["address"].encode(), one["address"].encode())
    refuse(Code.ADDRESS_NOT_DERIVED, world, make_package(world, rooted(batch.body, swapped)))


def test_the_program_says_where_to_pay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_world()
    handed = hand_out(world, eoa_batch())
    package = handed.package()
    file, root = tmp_path / "address.json", tmp_path / "root.json"
    file.write_bytes(encode_package(package))
    root.write_bytes(root_file(world))
    arguments = [str(file), "--root", str(root), "--at", encode_time(world.now)]
    assert 0 == main([*arguments, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (handed.body.address, encode_time(world.now), 1) == (told["address"], told["as_of"], told["roster"])
    assert 0 == main(arguments)
    assert f"as of   {encode_time(world.now)}, roster 1" in capsys.readouterr().out
    assert 3 == main([*arguments, "--roster-version", "2"])
    assert "do not pay" in capsys.readouterr().out
    # Without a time to judge at it is judged now, many days after or before these checkpoints.
    assert 3 == main([str(file), "--root", str(root)])
    assert "do not pay" in capsys.readouterr().out
    file.write_bytes(encode_package(replace(package, index=0)))
    assert 3 == main(arguments)
    assert "do not pay" in capsys.readouterr().out
    assert 2 == main([str(tmp_path / "missing"), "--root", str(root)])
