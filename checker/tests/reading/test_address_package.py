"""A client's deposit address by the second reading: the honest package holds, and every change of it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from batches import Batch, eoa_batch, multisig_batch, one_key_batch, rooted, sign_batch
from firm import ASSIGNER, with_assigner
from strongroom.checker.reading.address_package import prove_address
from strongroom.checker.verify.address import main
from strongroom.core.address_package import AddressPackage, encode_package
from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import parse_line
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, PartyId
from strongroom.core.merkle import build_inclusion_proof, leaf_hash
from strongroom.core.records import Base64Bytes, encode_record, encode_time
from strongroom.core.statements import Envelope, parse_statement
from world import World

MAKERS: dict[str, Callable[[], Batch]] = {"eoa": eoa_batch, "p2wpkh": one_key_batch, "p2wsh": multisig_batch}


def make_world() -> World:
    """The tests' firm with an assigner."""
    return World(edits={"roster": with_assigner(None)})


def root_file(world: World) -> bytes:
    """`root.json`."""
    return encode_canonical([encode_record(each) for each in world.roots])


def make_package(world: World, batch: Batch, signer: str = ASSIGNER) -> AddressPackage:
    """The package of the last line of a batch."""
    attestation, index = sign_batch(batch, world.context), len(batch.lines) - 1
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
    leaves = [leaf_hash(each.encode()) for each in batch.lines]
    return AddressPackage(
        assignment=world.sign(body, signer, (signer,)),
        attestation=attestation.envelope,
        index=index,
        line=Base64Bytes(text.encode()),
        proof=tuple(Base64Bytes(each) for each in build_inclusion_proof(leaves, index)),
        roots=tuple(world.roots),
        rosters=tuple(world.rosters),
    )


def refuse(code: Code, world: World, package: AddressPackage) -> None:
    """The second reading refuses it by this code."""
    with pytest.raises(StrongroomError) as caught:
        prove_address(encode_package(package), root_file(world), world.now)
    assert code in caught.value.codes, caught.value


@pytest.mark.parametrize("name", MAKERS)
def test_both_readings_agree_on_an_honest_package(name: str) -> None:
    world = make_world()
    package = make_package(world, MAKERS[name]() if name != "p2wsh" else multisig_batch(3))
    body = parse_statement(package.assignment).body
    proved = prove_address(encode_package(package), root_file(world), world.now)
    assert (body.account, body.address, body.entry, body.client) == (
        proved.account,
        proved.address,
        proved.entry,
        proved.client,
    )


def test_what_was_changed_is_refused_by_name() -> None:
    world, batch = make_world(), eoa_batch()
    package = make_package(world, batch)
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(package, line=Base64Bytes(batch.lines[0].encode())))
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(package, index=0))
    other = make_package(world, eoa_batch(2))
    refuse(Code.ADDRESS_NOT_ATTESTED, world, replace(package, assignment=other.assignment))
    refuse(Code.ROLE_MISSING, world, make_package(world, batch, "service:platform"))
    refuse(Code.SIGNATURE_INVALID, world, replace(package, attestation=_flipped(package)))
    strange = World(edits={"roster": with_assigner(None), "root": lambda body: replace(body, expires=world.now)})
    refuse(Code.ROOT_MISMATCH, strange, package)


def _flipped(package: AddressPackage) -> Envelope:
    (signature,) = package.attestation.signatures
    raw = bytes([signature.sig[0] ^ 1]) + signature.sig[1:]
    return replace(package.attestation, signatures=(replace(signature, sig=Base64Bytes(raw)),))


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
    package = make_package(world, eoa_batch())
    file, root = tmp_path / "address.json", tmp_path / "root.json"
    file.write_bytes(encode_package(package))
    root.write_bytes(root_file(world))
    arguments = [str(file), "--root", str(root), "--at", encode_time(world.now)]
    assert 0 == main([*arguments, "--json"])
    assert parse_statement(package.assignment).body.address == json.loads(capsys.readouterr().out)["address"]
    file.write_bytes(encode_package(replace(package, index=0)))
    assert 3 == main(arguments)
    assert "do not pay" in capsys.readouterr().out
    assert 2 == main([str(tmp_path / "missing"), "--root", str(root)])
