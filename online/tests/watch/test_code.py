"""A cold address with code: refused when it is registered, and nothing is signed once it has some (II.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from firm import Firm
from nodes import start_liar
from strongroom.chains.ethereum.addresses import address_of, render_address
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.ids import ChainId, EntryId
from strongroom.core.records import EntryOrNone, HexBytes, encode_record
from strongroom.core.registers import AddressEntry
from strongroom.online.keys.code import DESIGNATOR, publish_checked, render_code
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.sources import Source, build_sources
from strongroom.online.watch.clear import check_watched, check_world
from thief import chain_of, delegate
from world import ETH, chain_key

SWEEPER = "0x" + "5e" * 20
"""Where a sweeper's code would stand: whatever comes in leaves at once."""
NOBODY = "0x" + "00" * 20


def alerts(firm: Firm) -> list[str]:
    """Codes of what is open."""
    return [str(code) for (code,) in firm.query("select code from watch.alerts where closed_at is null order by id")]


def test_a_delegation_of_a_cold_address_is_told_and_stops_signing(firm: Firm) -> None:
    check_world(firm.reconciler, firm.rules)
    check_watched(firm.watcher, firm.rules)
    delegate(firm, SWEEPER)
    assert Code.COLD_ADDRESS_HAS_CODE in alerts(firm)
    detail = firm.query("select detail from watch.alerts where code = 'COLD_ADDRESS_HAS_CODE'")[0][0]
    assert f"a delegation to {SWEEPER} (EIP-7702)" in detail
    with pytest.raises(RefusedError) as caught:
        check_world(firm.reconciler, firm.rules)
    assert Code.RECONCILIATION_BREAK in caught.value.codes
    with pytest.raises(RefusedError) as caught:
        check_watched(firm.watcher, firm.rules)
    assert (Code.COLD_ADDRESS_HAS_CODE,) == tuple(caught.value.codes)
    # The key takes the delegation back; what was told stays told until people close it.
    delegate(firm, NOBODY)
    check_world(firm.reconciler, firm.rules)
    check_watched(firm.watcher, firm.rules)


def test_code_that_appears_at_a_cold_address_is_told(firm: Firm) -> None:
    ours = firm.world.registers["addresses"].find("address:eth-1", "addresses").address
    chain_of(firm).replace_code(ours, b"\x60\x00")
    firm.mine()
    assert Code.COLD_ADDRESS_HAS_CODE in alerts(firm)
    with pytest.raises(RefusedError) as caught:
        check_watched(firm.watcher, firm.rules)
    assert Code.COLD_ADDRESS_HAS_CODE in caught.value.codes


def publish_new(firm: Firm, entry: AddressEntry, sources: Mapping[ChainId, Source]) -> object:
    """The next version of the address register, as `strongroom publish` takes it in."""
    firm.world.now = firm.clock()
    before = firm.world.registers["addresses"], firm.world.heads["addresses"]
    firm.world.change_register("addresses", (entry,), ())
    envelope = firm.world.heads["addresses"]
    try:
        return publish_checked(firm.platform.connection, sources, envelope, [encode_record(entry)], ())
    except StrongroomError:
        firm.world.registers["addresses"], firm.world.heads["addresses"] = before
        raise


def new_entry(firm: Firm) -> AddressEntry:
    """One more cold address, of a key of its own."""
    model = firm.world.registers["addresses"].find("address:eth-1", "addresses")
    key = firm.world.registers["keys"].find("key:eth-1", "keys")
    firm.world.now = firm.clock()
    public = chain_key("key:eth-9").public_key
    firm.world.change_register("keys", (replace(key, id=EntryId("key:eth-9"), public=HexBytes(public.format())),), ())
    address = render_address(address_of(public.format(compressed=False)))
    return replace(
        model,
        account=EntryOrNone("none"),
        address=address,
        id=EntryId("address:eth-9"),
        keys=(EntryId("key:eth-9"),),
    )


def test_an_address_with_code_is_not_registered(firm: Firm) -> None:
    chain, entry = chain_of(firm), new_entry(firm)
    sources: Mapping[ChainId, Source] = build_sources({ETH: chain.nodes()})
    chain.replace_code(entry.address, DESIGNATOR + bytes(20))
    chain.mine(1)
    with pytest.raises(RefusedError) as caught:
        publish_new(firm, entry, sources)
    assert (Code.COLD_ADDRESS_HAS_CODE,) == tuple(caught.value.codes)
    with pytest.raises(StrongroomError) as unasked:
        publish_new(firm, entry, {})
    assert (Code.NODE_UNAVAILABLE,) == tuple(unasked.value.codes)
    chain.replace_code(entry.address, b"")
    chain.mine(1)
    publish_new(firm, entry, sources)
    assert entry == firm.rules.entries.addresses[entry.id]


def test_one_node_that_hides_the_code_is_not_believed(firm: Firm) -> None:
    chain, entry = chain_of(firm), new_entry(firm)
    chain.replace_code(entry.address, b"\x60\x00")
    chain.mine(1)
    with start_liar(chain.url, {"eth_getCode": lambda reply: {**reply, "result": "0x"}}) as liar:
        nodes = EthereumNode(chain.url, name="true"), EthereumNode(liar.url, name="liar")
        with pytest.raises(RefusedError) as caught:
            publish_new(firm, entry, build_sources({ETH: nodes}))
        for node in nodes:
            node.close()
    assert (Code.NODES_DISAGREE,) == tuple(caught.value.codes)


def test_what_stands_there_is_said_in_words() -> None:
    assert "2 bytes of code" == render_code(b"\x60\x00")
    assert f"a delegation to {NOBODY} (EIP-7702)" == render_code(DESIGNATOR + bytes(20))
