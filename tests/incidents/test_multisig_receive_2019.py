"""`multisig-receive-2019`: a device showed a receive address without knowing all cosigners; the host put its own in.

Stopped by: (1) the assigner hands out a line only under the root that the terminals signed, and derives the address
again from keys that the signed register has (ADDRESS_NOT_ATTESTED); (2) the client's package proves the same to the
client, with nothing but the root, so that a changed page, row or name server has no package for its address. Credit
follows the assignment too, so a changed row for one client's address credits nobody else.

Software cannot stop: a client who pays to an address without looking at its package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from batches import line_of
from firm import ETHER, Firm
from issued import Desk, eth_batch, multisig_batch, open_desk
from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.core.address_package import AddressPackage, prove_package
from strongroom.core.attested import encode_line, parse_line
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId
from strongroom.core.merkle import leaf_hash
from strongroom.core.records import Base64Bytes
from strongroom.online.keys.issue import assign
from world import LTC, chain_key

PEAK = AccountId("account:peak:ltc")


@pytest.fixture
def desk(firm: Firm) -> Iterator[Desk]:
    """A firm with two attested 2-of-3 addresses."""
    with open_desk(firm) as made:
        batch = multisig_batch(LTC)
        made.register(batch)
        made.take_in(batch)
        yield made


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


def swap_cosigners(text: str) -> str:
    """One key of ours and two of the attacker's, who can prove theirs; ours is copied with its proof."""
    line = parse_line(text, "line")
    theirs = line_of(LTC, ["evil-1", "evil-2", "evil-3"], 2)
    keys = (
        line.keys[0],
        *(replace(k, public=t.public, proof=t.proof) for k, t in zip(line.keys[1:], theirs.keys, strict=False)),
    )
    script, _ = own_script(2, [k.public for k in keys])
    return encode_line(replace(line, keys=keys, address=render_address(script, LITECOIN_REGTEST))).decode()


def test_a_changed_row_is_not_handed_out(desk: Desk) -> None:
    (name, text) = desk.firm.query("select id, line from custody.attested_addresses order by place limit 1")[0]
    evil = swap_cosigners(text)
    change = "update custody.attested_addresses set line = %s, address = %s where id = %s"
    desk.firm.query(change, evil, parse_line(evil, "line").address, name)
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: assign(desk.assigner, PEAK, name))
    desk.firm.query(change, text, parse_line(text, "line").address, name)
    assert name == assign(desk.assigner, PEAK, name).body.entry


def test_nor_when_the_stored_hashes_were_changed_with_it(desk: Desk) -> None:
    (name, text) = desk.firm.query("select id, line from custody.attested_addresses order by place limit 1")[0]
    evil = swap_cosigners(text)
    desk.firm.query("update custody.attested_addresses set line = %s where id = %s", evil, name)
    leaf = "update custody.address_batches set leaves = overlay(leaves placing %s from 1 for 32)"
    desk.firm.query(leaf, leaf_hash(evil.encode()))
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: assign(desk.assigner, PEAK, name))
    desk.firm.query(leaf, leaf_hash(text.encode()))
    desk.firm.query("update custody.attested_addresses set line = %s where id = %s", text, name)
    assert assign(desk.assigner, PEAK, name)


def show_evil(package: AddressPackage) -> AddressPackage:
    """What a page on the client's screen would have to show beside the attacker's address."""
    return replace(package, line=Base64Bytes(swap_cosigners(package.line.decode()).encode()))


def test_with_the_assigner_gone_the_clients_own_check_stops_it(desk: Desk) -> None:
    package = desk.package(assign(desk.assigner, PEAK).body.entry)
    root, now = desk.firm.world.fingerprint, desk.firm.clock()
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: prove_package(show_evil(package), root, now))
    honest = prove_package(package, root, now).assignment
    keys = [chain_key(f"t{t}-{n}").public_key.format() for n in (0, 1) for t in (1, 2, 3)]
    addresses = {render_address(own_script(2, keys[at : at + 3])[0], LITECOIN_REGTEST) for at in (0, 3)}
    assert honest.address in addresses


def test_a_changed_row_for_one_clients_address_credits_nobody_else(desk: Desk) -> None:
    batch = eth_batch(1)
    desk.register(batch)
    desk.take_in(batch)
    firm, harbour = desk.firm, AccountId("account:harbour:eth")
    body = assign(desk.assigner, harbour).body
    firm.query("update custody.assignments set account = 'account:peak:eth' where entry = %s", body.entry)
    firm.deposit(body.entry.removeprefix("address:"), ETHER)
    firm.mine()
    assert [(harbour, "CREDITED")] == firm.query(
        "select account, state from watch.deposits where address = %s", body.entry
    )
