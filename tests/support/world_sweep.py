"""An emergency sweep of the tests' firm: keys declared compromised, officers' order, and the docket that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.transactions import encode_unsigned
from strongroom.core.bodies import ChangeOutput, ClearToSign, JournalPlace, Proposal, Scope
from strongroom.core.canonical import sha256
from strongroom.core.checks.foundation import prove_foundation
from strongroom.core.checks.journey import prove_journey
from strongroom.core.checks.spend import read_spend
from strongroom.core.checks.sweep import build_sweep_facts
from strongroom.core.checks.twin import build_void_facts, choose_twin
from strongroom.core.docket import Stage, Twin
from strongroom.core.facts import Facts
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import DigestOrNone, EntryOrNone, HexBytes, Units
from strongroom.core.registers import AddressEntry, AddressPurpose, KeyEntry, KeyState
from strongroom.core.sweeps import Rehearsal, Sweep
from world_firm import Edit, World
from world_keys import ETH, ETH_WALLET, GWEI, LTC, LTC_WALLET, chain_key, sorted_by_id
from world_registers import ltc_addresses
from world_trip import Trip

OFFICERS = ("person:r.ho", "person:s.lee")
SAFE_ETH, SAFE_LTC = WalletId("wallet:eth-safe"), WalletId("wallet:ltc-safe")
SAFE = {ETH: "safe-eth", LTC: "safe-ltc"}
SWEPT_ETH = 3 * 10**18


def _safe_entries() -> tuple[list[KeyEntry], list[AddressEntry]]:
    keys, addresses = [], []
    for chain, wallet in ((ETH, SAFE_ETH), (LTC, SAFE_LTC)):
        name = SAFE[chain]
        public = chain_key(f"key:{name}").public_key
        key = KeyEntry(
            chain=chain,
            id=EntryId(f"key:{name}"),
            public=HexBytes(public.format()),
            state=KeyState.ACTIVE,
            terminal=PartyId("device:terminal-2"),
            wallet=wallet,
        )
        if chain == ETH:
            address = eth.render_address(eth.address_of(public.format(compressed=False)))
        else:
            address = render_address(own_script(1, [public.format()])[0], LITECOIN_REGTEST)
        keys.append(key)
        addresses.append(
            AddressEntry(
                account=EntryOrNone("none"),
                address=address,
                chain=chain,
                id=EntryId(f"address:{name}"),
                keys=(key.id,),
                purpose=AddressPurpose.CHANGE,
                threshold=1,
                wallet=wallet,
            )
        )
    return keys, addresses


def safe_world(edits: Mapping[str, Edit] | None = None) -> World:
    """The firm with a second wallet on each chain, whose keys nobody had."""
    return World(edits=safe_edits(edits))


def safe_edits(edits: Mapping[str, Edit] | None = None) -> dict[str, Edit]:
    """These edits of a world, after a second wallet was added on each chain."""
    keys, addresses = _safe_entries()
    more = dict(edits or {})

    def add(name: str, extra: list[Any]) -> Edit:
        edit: Callable[[Any], Any] = more.get(name, lambda entries: entries)
        return lambda entries: edit(sorted_by_id([*entries, *extra]))

    return {**more, "keys": add("keys", keys), "addresses": add("addresses", addresses)}


@dataclass(kw_only=True)
class SweepTrip(Trip):
    """A sweep on its way. `edits` also know "state", "sweep"; keys: those declared; to: the address entry paid."""

    keys: tuple[str, ...] = ("key:eth-1",)
    state: KeyState = KeyState.COMPROMISED
    officers: tuple[str, ...] = OFFICERS
    rehearsal: Rehearsal = Rehearsal.NO
    pay: str = ""
    account_name: str = "eth-1"
    wallet: WalletId = field(default=ETH_WALLET)

    @property
    def account(self) -> str:
        """The Ethereum address that is emptied, without its kind."""
        return self.account_name

    @property
    def target(self) -> AddressEntry:
        """The address entry that is paid."""
        found: AddressEntry = self.world.registers["addresses"].find(
            f"address:{self.pay or SAFE[self.chain]}", "addresses"
        )
        return found

    def instruct(self) -> None:
        """One officer declares the keys."""
        body = KeyStateChange(
            keys=tuple(sorted(EntryId(k) for k in self.keys)), lifts=(), reason="a copy was found", state=self.state
        )
        self.statements.append(self.world.notice(self.edited("state", body), self.officers[0], self.officers[:1]))

    def decide(self) -> None:
        """The officers order the sweep."""
        body = Sweep(
            chain=self.chain,
            destinations=(self.target.id,),
            fee_ceiling=Units(10**16 if self.is_ethereum else 100_000),
            reason="an ex-employee has a copy",
            rehearsal=self.rehearsal,
            release_by=self.world.now + timedelta(hours=12),
            sign_by=self.world.now + timedelta(hours=8),
            states=tuple(sorted(s.id for s in self.of(KeyStateChange))),
            wallet=self.wallet,
        )
        self.say(self.edited("sweep", body), self.officers[0], self.officers)

    def _proposal(self, **parts: Any) -> Proposal:
        sweep = self.of(Sweep)[0]
        return Proposal(
            attempt=1,
            chain=self.chain,
            change=(ChangeOutput(address=self.target.id, index=0),),
            decisions=(sweep.id,),
            heads=self.world.current_heads(),
            instructions=(),
            outputs=(),
            prev=self.prev(Stage.PROPOSE),
            release_by=sweep.body.release_by,
            replaces=DigestOrNone("none"),
            sign_by=sweep.body.sign_by,
            wallet=self.wallet,
            **parts,
        )

    def _build_eth(self) -> Proposal:
        source = self.world.registers["addresses"].find(f"address:{self.account}", "addresses")
        transfer = self._transfer(eth.parse_address(self.target.address), SWEPT_ETH)
        self.honest = encode_unsigned(transfer)
        self.unsigned = self.edited("unsigned", self.honest)
        return self._proposal(
            commits=(f"nonce:{self.chain}:{source.address}:{self.nonce}",),
            fee=Units(transfer.gas_limit * self.rate * 90 * GWEI),
            sources=(source.id,),
            unsigned_digest=sha256(self.unsigned),
            void=DigestOrNone(sha256(self.void_bytes(source.address))),
        )

    def _build_ltc(self) -> Proposal:
        built = self.build_psbt()
        self.unsigned = self.edited("unsigned", psbts.encode_psbt(built))
        commits = [f"outpoint:{LTC}:{i.outpoint.txid_hex}:{i.outpoint.index}" for i in built.unsigned.inputs]
        return self._proposal(
            commits=tuple(sorted(commits)),
            fee=Units(built.fee_sat),
            sources=tuple(EntryId(f"address:{name}") for name in sorted(self.coins)),
            unsigned_digest=sha256(built.unsigned_bytes),
            void=DigestOrNone("none"),
        )

    def build_psbt(self) -> psbts.Psbt:
        """Everything that `coins` hold, in one output to the target."""
        whole = super().build_psbt()
        total = sum(whole.input_value_sat(i) for i in range(len(whole.inputs)))
        spends = [
            psbts.Spend(previous=each.previous, index=0, witness_script=each.witness_script) for each in whole.inputs
        ]
        script = parse_address(self.target.address, LITECOIN_REGTEST)
        payment = psbts.Payment(script=script, value_sat=total - 2_000 * self.rate, witness_script=None)
        return psbts.build_psbt(spends=spends, payments=[payment])

    def clear_body(self, terminal: str, nonce: bytes | None = None, journal: JournalPlace | None = None) -> ClearToSign:
        """A clear for containment: no more than the fee leaves us."""
        return replace(super().clear_body(terminal, nonce, journal), scope=Scope.CONTAINMENT)

    def _read(self, which: Twin) -> Facts:
        docket = self.docket()
        foundation = prove_foundation(docket, self.world.roots)
        journey = prove_journey(docket, foundation)
        body = self.proposal.body
        spend = read_spend(body.chain, docket.transaction.unsigned, body.sources, body.wallet, foundation.entries)
        if which is Twin.VOID:
            return build_void_facts(body, journey, choose_twin(spend, which))
        return build_sweep_facts(body, journey, spend)


def eth_sweep(world: World, **kwargs: Any) -> SweepTrip:
    """The coins of `address:eth-1`, whose key leaked."""
    return SweepTrip(world=world, chain=ETH, payments=(), **kwargs)


def ltc_sweep(world: World, **kwargs: Any) -> SweepTrip:
    """The coins of two 2-of-3 addresses, of which a key each leaked, signed by two terminals."""
    fields: dict[str, Any] = {
        "keys": tuple(ltc_addresses()[name][0][1] for name in ("ltc-1", "ltc-2")),
        "terminals": ("device:terminal-1", "device:terminal-2"),
        "wallet": LTC_WALLET,
    }
    return SweepTrip(world=world, chain=LTC, payments=(), **{**fields, **kwargs})
