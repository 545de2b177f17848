"""A transaction of the tests' firm, from the client's order to the exact unsigned bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import (
    Transfer,
    encode_unsigned,
    parse_unsigned,
)
from strongroom.chains.ethereum.void import Void, encode_void
from strongroom.core.bodies import (
    ChangeOutput,
    Decision,
    Destination,
    Head,
    Instruction,
    PaymentOutput,
    Proposal,
    Quorum,
    Screening,
    ScreeningVerdict,
    Verdict,
)
from strongroom.core.canonical import sha256
from strongroom.core.docket import Stage, Twin, build_prev, docket_order
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId
from strongroom.core.records import DigestOrNone, Units
from strongroom.core.registers import (
    entry_digest,
)
from strongroom.core.statements import (
    Body,
    Statement,
    parse_statement,
)
from world_firm import Edit, World
from world_keys import (
    ETH,
    ETH_ASSET,
    ETH_WALLET,
    GWEI,
    HOODI,
    HOODI_ASSET,
    HOODI_WALLET,
    LTC,
    LTC_ASSET,
    LTC_WALLET,
    USD_ASSET,
    USD_CONTRACT,
    seed,
)
from world_registers import ltc_addresses


@dataclass(kw_only=True)
class Order:
    """The first steps of a trip, up to the exact bytes; `Trip` has the later ones and says what `edits` holds."""

    world: World
    chain: ChainId
    payments: tuple[tuple[str, int], ...]
    edits: Mapping[str, Edit] = field(default_factory=dict)
    approvers: tuple[str, ...] = ("person:m.chan", "person:r.singh")
    terminals: tuple[str, ...] = ("device:terminal-1",)
    statements: list[Statement[Any]] = field(default_factory=list)
    unsigned: bytes = b""
    signed: bytes = b""
    sealed: dict[str, bytes] = field(default_factory=dict)
    twin: Twin = Twin.TRANSFER
    honest: bytes = b""
    rate: int = 1
    """The fee is this many times the usual one."""
    nonce: int = 7
    sequence: int = 1
    token: bool = False
    secret: str = ""
    coins: tuple[str, ...] = ("ltc-1", "ltc-2")
    change: str = "ltc-change"

    @property
    def suffix(self) -> str:
        """The last part of the names of this trip's accounts, destinations and rule."""
        if self.chain == HOODI:
            return "hoodi"
        if self.chain != ETH:
            return "ltc"
        return "usd" if self.token else "eth"

    @property
    def asset(self) -> AssetId:
        """What this trip pays."""
        return {"eth": ETH_ASSET, "hoodi": HOODI_ASSET, "ltc": LTC_ASSET, "usd": USD_ASSET}[self.suffix]

    @property
    def is_ethereum(self) -> bool:
        """Whether this trip is on one of the two Ethereum chains."""
        return self.chain in {ETH, HOODI}

    @property
    def account(self) -> str:
        """The Ethereum address that pays, without its kind."""
        return "hoodi-1" if self.chain == HOODI else "eth-1"

    def edited(self, name: str, body: Any) -> Any:
        """The body after this trip's edit of that step."""
        return self.edits[name](body) if name in self.edits else body

    def say(self, body: Body, issuer: str, signers: Iterable[str] | None = None) -> Statement[Any]:
        """Say, log and keep."""
        statement = self.world.say(body, issuer, signers)
        self.statements.append(statement)
        self.statements.sort(key=docket_order)
        return statement

    def of(self, body_type: type) -> list[Statement[Any]]:
        """This trip's statements of a body type."""
        return [s for s in self.statements if isinstance(s.body, body_type)]

    def prev(self, stage: Stage) -> Digest:
        """`prev` for a statement of that stage."""
        return build_prev(self.statements, stage)

    def instruct(self) -> None:
        """Each client orders one payment."""
        suffix = self.suffix
        for client, amount in self.payments:
            name = client.split(":")[1]
            entry = self.world.registers["whitelist"].find(f"entry:{name}-{suffix}", "whitelist")
            body = Instruction(
                account=AccountId(f"account:{name}:{suffix}"),
                amount=Units(amount),
                asset=self.asset,
                chain=self.chain,
                client=PartyId(client),
                destination=Destination(address=entry.address, entry=entry.id, entry_digest=entry_digest(entry)),
                fee_ceiling=Units(10**16 if self.is_ethereum else 100_000),
                reason="Redemption",
                reference=f"2027-{self.sequence:03d}",
                release_by=self.world.now + timedelta(hours=12),
                sequence=self.sequence,
                sign_by=self.world.now + timedelta(hours=8),
            )
            self.say(self.edited("instruct", body), client)

    def decide(self) -> None:
        """The platform decides on each instruction."""
        policy = parse_statement(self.world.policy)
        for instruction in self.of(Instruction):
            rule = EntryId(f"rule:{self.suffix}")
            body = Decision(
                delay_s=0,
                instruction=instruction.id,
                limits=(),
                policy=Head(version=policy.body.version, digest=policy.id),
                prices=self.world.prices_used(),
                quorums=(Quorum(role="approver", people=2, groups=2),),
                rules=(rule,),
                screening=Screening(provider="test screening", verdict=ScreeningVerdict.PASS),
                verdict=Verdict.REQUIRE_APPROVAL,
            )
            self.say(self.edited("decide", body), "service:platform")

    def propose(self) -> None:
        """The builder makes the exact bytes."""
        body = self._build_eth() if self.is_ethereum else self._build_ltc()
        self.say(self.edited("propose", body), "service:builder")

    def _proposal(self, **parts: Any) -> Proposal:
        instructions = self.of(Instruction)
        return Proposal(
            attempt=1,
            chain=self.chain,
            decisions=tuple(sorted(s.id for s in self.of(Decision))),
            heads=self.world.current_heads(),
            instructions=tuple(sorted(s.id for s in instructions)),
            prev=self.prev(Stage.PROPOSE),
            release_by=min(s.body.release_by for s in instructions),
            replaces=DigestOrNone("none"),
            sign_by=min(s.body.sign_by for s in instructions),
            **parts,
        )

    def _build_eth(self) -> Proposal:
        instruction = self.of(Instruction)[0]
        source = self.world.registers["addresses"].find(f"address:{self.account}", "addresses")
        transfer = self._transfer(eth.parse_address(instruction.body.destination.address), instruction.body.amount)
        self.honest = encode_unsigned(transfer)
        self.unsigned = self.edited("unsigned", self.honest)
        return self._proposal(
            change=(),
            commits=(f"nonce:{self.chain}:{source.address}:{self.nonce}",),
            fee=Units(transfer.gas_limit * self.rate * 90 * GWEI),
            outputs=(PaymentOutput(index=0, instruction=instruction.id),),
            sources=(EntryId(f"address:{self.account}"),),
            unsigned_digest=sha256(self.unsigned),
            wallet=HOODI_WALLET if self.chain == HOODI else ETH_WALLET,
            void=DigestOrNone(sha256(self.void_bytes(source.address))),
        )

    def void_bytes(self, source: str) -> bytes:
        """The void twin that follows from this trip's transfer; from the honest one when an edit made it unreadable."""
        try:
            transfer = parse_unsigned(self.unsigned)
        except StrongroomError:
            transfer = parse_unsigned(self.honest)
        void = Void(
            chain_id=transfer.chain_id,
            nonce=transfer.nonce,
            max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
            max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
            source=eth.parse_address(source),
        )
        return encode_void(void)

    def _transfer(self, recipient: bytes, units: int) -> Transfer:
        """Ether to the recipient, or the token to it by a call of the contract."""
        return Transfer(
            chain_id=eth.chain_id_of(self.chain),
            nonce=self.nonce,
            max_priority_fee_per_gas_wei=self.rate * GWEI,
            max_fee_per_gas_wei=self.rate * 90 * GWEI,
            gas_limit=65_000 if self.token else 21_000,
            to=eth.parse_address(USD_CONTRACT) if self.token else recipient,
            value_wei=0 if self.token else units,
            token=TokenTransfer(recipient=recipient, units=units) if self.token else None,
        )

    def _build_ltc(self) -> Proposal:
        built = self.build_psbt()
        self.unsigned = self.edited("unsigned", psbts.encode_psbt(built))
        instructions = self.of(Instruction)
        commits = [f"outpoint:{LTC}:{i.outpoint.txid_hex}:{i.outpoint.index}" for i in built.unsigned.inputs]
        return self._proposal(
            change=(ChangeOutput(address=EntryId(f"address:{self.change}"), index=len(instructions)),),
            commits=tuple(sorted(commits)),
            fee=Units(built.fee_sat),
            outputs=tuple(PaymentOutput(index=i, instruction=s.id) for i, s in enumerate(instructions)),
            sources=tuple(EntryId(f"address:{name}") for name in sorted(self.coins)),
            unsigned_digest=sha256(built.unsigned_bytes),
            void=DigestOrNone("none"),
            wallet=LTC_WALLET,
        )

    def build_psbt(self) -> psbts.Psbt:
        """Inputs of 20 coins from each of `coins`, an output an instruction, change; a fee of 2,000 times the rate."""
        spends, total = [], 0
        for i, name in enumerate(self.coins):
            script, witness_script = self._script_of(name)
            value = 20 * 10**8
            previous = Transaction(
                version=2,
                inputs=(
                    TxIn(outpoint=OutPoint(txid=seed(f"coin {self.nonce} {i}"), index=0), script_sig=b"", sequence=0),
                ),
                outputs=(TxOut(value_sat=value, script=script),),
                witnesses=(),
                lock_time=0,
            )
            spends.append(psbts.Spend(previous=previous, index=0, witness_script=witness_script))
            total += value
        outputs = [
            psbts.Payment(
                script=parse_address(s.body.destination.address, LITECOIN_REGTEST),
                value_sat=s.body.amount,
                witness_script=None,
            )
            for s in self.of(Instruction)
        ]
        change_script, change_witness = self._script_of(self.change)
        left = total - sum(o.value_sat for o in outputs) - 2_000 * self.rate
        change = psbts.Payment(script=change_script, value_sat=left, witness_script=change_witness)
        return psbts.build_psbt(spends=spends, payments=[*outputs, change])

    def _script_of(self, address: str) -> tuple[bytes, bytes | None]:
        """Output script and witness script of a Litecoin address."""
        return own_script(ltc_addresses()[address][1], self.world.points_of(address))

    @property
    def proposal(self) -> Statement[Any]:
        """The proposal."""
        return self.of(Proposal)[0]

    @property
    def unsigned_digest(self) -> Digest:
        """The digest that the proposal signed."""
        digest: Digest = self.proposal.body.unsigned_digest
        return digest
