"""A transaction of the tests' firm, from its approval to its settlement, and its docket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography.hazmat.primitives import hpke

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.signing import (
    build_key_witness,
    build_witness,
    encode_der_signature,
    parse_der_signature,
)
from strongroom.chains.bitcoin.transactions import encode_transaction
from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.transactions import (
    encode_signed,
    parse_unsigned,
    signing_digest,
)
from strongroom.chains.ethereum.void import Void, encode_signed_void, void_signing_digest
from strongroom.core import assemble
from strongroom.core.bodies import (
    Approval,
    Broadcast,
    Budget,
    ClearToSign,
    JournalPlace,
    Outcome,
    Proposal,
    Rejection,
    Release,
    Scope,
    Settlement,
    SignatureRecord,
    TreeHead,
    Verification,
)
from strongroom.core.canonical import sha256
from strongroom.core.checks.approve import RENDERER
from strongroom.core.checks.foundation import prove_foundation
from strongroom.core.checks.journey import prove_journey
from strongroom.core.checks.propose import build_facts
from strongroom.core.checks.spend import native_asset_of, read_spend
from strongroom.core.checks.twin import build_void_facts, choose_twin
from strongroom.core.docket import STAGE_OF, Docket, Stage, TransactionPart, Twin, encode_docket
from strongroom.core.facts import Facts
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.packages import (
    RESULT_FORMAT,
    DocketBody,
    PartialSignature,
    ReleaseBody,
    ResultOutcome,
    SealedFrom,
    TerminalResult,
    build_seal_info,
    encode_result,
)
from strongroom.core.records import Base64Bytes, HexBytes, HexOrNone, Units
from world_keys import (
    chain_key,
    device_of,
    seed,
)
from world_order import Order
from world_registers import ltc_addresses


@dataclass(kw_only=True)
class Trip(Order):
    """One transaction on its way. Each step says, logs and keeps its statements; `edits` change them before signing.

    edits: stage name in lower case ("instruct", "decide", "propose", "approve", "verify", "clear", "sign", "release",
    "broadcast", "settle") or "unsigned" (bytes) or "signed" (bytes) to a function of the body.
    """

    def to(self, stage: Stage) -> Trip:
        """Walk up to and including a stage."""
        steps = {
            Stage.INSTRUCT: self.instruct,
            Stage.DECIDE: self.decide,
            Stage.PROPOSE: self.propose,
            Stage.APPROVE: self.approve,
            Stage.VERIFY: self.verify,
            Stage.CLEAR: self.clear,
            Stage.SIGN: self.sign,
            Stage.RELEASE: self.release,
            Stage.BROADCAST: self.broadcast,
            Stage.SETTLE: self.settle,
        }
        reached = max((STAGE_OF[s.type] for s in self.statements), default=0)
        for each in Stage:
            if reached < each <= stage:
                steps[each]()
        return self

    def facts(self) -> Facts:
        """The facts of this trip's transfer, as core reads them: what approvers are shown."""
        return self._read(Twin.TRANSFER)

    def signed_facts(self) -> Facts:
        """The facts of what is signed: the transfer's, or its void twin's."""
        return self._read(self.twin)

    def _read(self, which: Twin) -> Facts:
        docket = self.docket()
        foundation = prove_foundation(docket, self.world.roots)
        journey = prove_journey(docket, foundation)
        proposal = journey.only(Proposal)
        assert proposal is not None
        entries = foundation.entries
        body = proposal.body
        spend = read_spend(body.chain, docket.transaction.unsigned, body.sources, body.wallet, entries)
        if which is Twin.VOID:
            return build_void_facts(body, journey, choose_twin(spend, which))
        return build_facts(proposal, journey, spend, entries)

    def approve(self) -> None:
        """Each approver says yes on a dedicated device."""
        digest, prev = self.facts().digest, self.prev(Stage.APPROVE)
        for who in self.approvers:
            body = Approval(
                device=device_of(who),
                display_digest=digest,
                heads=self.world.current_heads(),
                language="en",
                prev=prev,
                proposal=self.proposal.id,
                renderer=RENDERER,
                unsigned_digest=self.unsigned_digest,
                until=self.world.now + timedelta(hours=6),
            )
            self.say(self.edited("approve", body), who)

    def reject(self, who: str = "person:r.singh", reason: str = "not what the client told me") -> None:
        """One person says no, to the transfer as it was shown."""
        body = Rejection(
            device=device_of(who),
            display_digest=self.facts().digest,
            heads=self.world.current_heads(),
            language="en",
            prev=self.prev(Stage.APPROVE),
            proposal=self.proposal.id,
            reason=reason,
            renderer=RENDERER,
            unsigned_digest=self.unsigned_digest,
        )
        self.say(self.edited("reject", body), who)

    def verify(self) -> None:
        """The station's second reading."""
        body = Verification(
            heads=self.world.current_heads(),
            prev=self.prev(Stage.VERIFY),
            proposal=self.proposal.id,
            reading_digest=self.signed_facts().digest,
            unsigned_digest=self.signed_facts().unsigned_digest,
        )
        self.say(self.edited("verify", body), "device:station-1")

    def session_nonce(self, terminal: str) -> bytes:
        """The nonce of this trip's session on a terminal."""
        return seed(f"session {terminal} {self.nonce}")

    def clear(self) -> None:
        """Reconciler and watcher clear each session."""
        for terminal in self.terminals:
            self.say(
                self.edited("clear", self.clear_body(terminal)),
                "service:reconciler",
                ("service:reconciler", "service:watcher"),
            )

    def clear_body(self, terminal: str, nonce: bytes | None = None, journal: JournalPlace | None = None) -> ClearToSign:
        """A clear for one session. nonce, journal: of a real request; without them this trip's own."""
        last = self.world.log.last_checkpoint()
        root = self.world.log.tree.root(last.size)
        assets = sorted({self.asset, native_asset_of(self.chain)})
        return ClearToSign(
            budget=tuple(Budget(asset=asset, units=Units(500 * 10**18)) for asset in assets),
            checkpoint=TreeHead(root=Digest("sha256:" + root.hex()), size=last.size),
            heads=self.world.current_heads(),
            journal=journal or JournalPlace(head=sha256(f"session {terminal}".encode()), number=4),
            latches=self.world.latches(),
            lease=self.world.leases_of(terminal)[-1].id,
            life_s=900,
            max_count=5,
            nonce=HexBytes(nonce or self.session_nonce(terminal)),
            scope=Scope.TRANSFERS,
            terminal=PartyId(terminal),
        )

    def keys_of(self, terminal: str) -> tuple[str, ...]:
        """The keys that a terminal signs this trip with, in the order of the inputs."""
        return tuple(name for _, name in self.uses_of(terminal))

    def uses_of(self, terminal: str) -> tuple[tuple[int, str], ...]:
        """The inputs that a terminal signs, by number, each with the key."""
        sources = [(f"key:{self.account}",)] if self.is_ethereum else [ltc_addresses()[name][0] for name in self.coins]
        here = {key.id for key in self.world.registers["keys"].entries if key.terminal == terminal}
        return tuple((i, name) for i, names in enumerate(sources) for name in names if name in here)

    def partial_signatures(self, terminal: str) -> tuple[PartialSignature, ...]:
        """What a terminal signs: one signature a key and input."""
        found = []
        for index, name in self.uses_of(terminal):
            digest = (
                self.signing_digest() if self.is_ethereum else psbts.parse_psbt(self.unsigned).signature_hash(index)
            )
            r, s = parse_der_signature(chain_key(self.secret or name).sign(digest, hasher=None))
            raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            found.append(PartialSignature(input=index, key=name, signature=HexBytes(raw)))
        return tuple(found)

    def signing_digest(self) -> bytes:
        """The 32 bytes that an Ethereum key signs, of either twin."""
        return signing_digest(self.unsigned) if self.twin is Twin.TRANSFER else void_signing_digest(self.void())

    def void(self) -> Void:
        """The void twin of this trip's transfer."""
        transfer = parse_unsigned(self.unsigned)
        source = self.world.registers["addresses"].find(self.proposal.body.sources[0], "addresses")
        return Void(
            chain_id=transfer.chain_id,
            nonce=transfer.nonce,
            max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
            max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
            source=parse_address(source.address),
        )

    def seal(self, terminal: str, result: TerminalResult) -> bytes:
        """Seal a result to the gate, as a terminal does."""
        suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        info = build_seal_info(result.proposal, PartyId(terminal))
        return suite.encrypt(encode_result(result), self.world.seal_key.public_key(), info=info)

    def result(self, terminal: str) -> TerminalResult:
        """The honest result of a terminal."""
        return TerminalResult(
            format=RESULT_FORMAT,
            outcome=ResultOutcome.SIGNED,
            proposal=self.proposal.id,
            signatures=self.partial_signatures(terminal),
            terminal=PartyId(terminal),
        )

    def sign(self) -> None:
        """Each terminal signs, seals and records."""
        prev = self.prev(Stage.SIGN)
        clears = {c.body.terminal: c for c in self.of(ClearToSign)}
        for number, terminal in enumerate(self.terminals):
            self.sealed[terminal] = self.seal(terminal, self.edited("result", self.result(terminal)))
            operators = ("person:c.lam", "person:p.wu")
            body = SignatureRecord(
                clear=clears[PartyId(terminal)].id,
                heads=self.world.current_heads(),
                journal=JournalPlace(head=sha256(f"journal {terminal}".encode()), number=5 + number),
                keys=tuple(EntryId(k) for k in sorted(self.keys_of(terminal))),
                nonce=clears[PartyId(terminal)].body.nonce,
                operators=tuple(PartyId(o) for o in operators),
                prev=prev,
                proposal=self.proposal.id,
                sealed_digest=sha256(self.sealed[terminal]),
                terminal=PartyId(terminal),
                unsigned_digest=self.signed_facts().unsigned_digest,
            )
            self.say(self.edited("sign", body), terminal, (terminal, *operators))

    def build_signed(self) -> bytes:
        """The signed transaction of the terminals' signatures."""
        if self.is_ethereum:
            raw = chain_key(self.secret or f"key:{self.account}").sign_recoverable(self.signing_digest(), hasher=None)
            parts = raw[64], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
            if self.twin is Twin.VOID:
                return encode_signed_void(self.void(), *parts)
            return encode_signed(parse_unsigned(self.unsigned), *parts)
        decoded = psbts.parse_psbt(self.unsigned)
        witnesses = []
        for index, detail in enumerate(decoded.inputs):
            by_key = {}
            for terminal in self.terminals:
                for part in self.partial_signatures(terminal):
                    r, s = int.from_bytes(part.signature[:32], "big"), int.from_bytes(part.signature[32:], "big")
                    if part.input == index:
                        by_key[chain_key(part.key).public_key.format()] = encode_der_signature(r, s)
            witnesses.append(_build_stack(by_key, detail.witness_script))
        return encode_transaction(replace(decoded.unsigned, witnesses=tuple(witnesses)))

    @property
    def txid(self) -> str:
        """The transaction id, as the chain's people write it."""
        if self.is_ethereum:
            return "0x" + keccak256(self.signed).hex()
        return psbts.parse_psbt(self.unsigned).txid_hex

    def release(self) -> None:
        """The gate releases."""
        self.signed = self.edited("signed", self.build_signed())
        body = Release(
            checks=("second-reading", "signed-equals-unsigned", "signatures"),
            heads=self.world.current_heads(),
            prev=self.prev(Stage.RELEASE),
            proposal=self.proposal.id,
            signed_digest=sha256(self.signed),
            txid=self.txid,
        )
        self.say(self.edited("release", body), "device:gate-1")

    def broadcast(self) -> None:
        """The gate broadcasts."""
        body = Broadcast(nodes=("node-a",), prev=self.prev(Stage.BROADCAST), proposal=self.proposal.id, txid=self.txid)
        self.say(self.edited("broadcast", body), "device:gate-1")

    def settle(self) -> None:
        """The watcher sees it final."""
        body = Settlement(
            block_hash="00" * 32,
            confirmations=6,
            fee_paid=Units(2_000),
            height=100,
            outcome=Outcome.SUCCESS if self.twin is Twin.TRANSFER else Outcome.VOIDED,
            prev=self.prev(Stage.SETTLE),
            proposal=self.proposal.id,
            txid=self.txid,
        )
        self.say(self.edited("settle", body), "service:watcher")

    def docket(self) -> Docket:
        """The docket as far as this trip has come."""
        signed = HexOrNone(self.signed.hex() if self.signed else "none")
        part = TransactionPart(chain=self.chain, signed=signed, twin=self.twin, unsigned=HexBytes(self.unsigned))
        return assemble.build_docket(self.world.log, self.world.governance, self.statements, part)

    def docket_bytes(self) -> bytes:
        """The docket file."""
        return encode_docket(self.docket())

    def docket_body(self, last_seen: int = 0) -> DocketBody:
        """Body of a `verification` or `approval-request` package."""
        step, size = assemble.build_package_checkpoint(self.world.log, last_seen)
        notices = self.world.placed_notices(size)
        return DocketBody(checkpoint=step, docket=self.docket(), freezes=(), lifts=(), notices=notices)

    def release_body(self, last_seen: int = 0) -> ReleaseBody:
        """Body of a `release` package."""
        step, size = assemble.build_package_checkpoint(self.world.log, last_seen)
        notices = self.world.placed_notices(size)
        sealed = tuple(
            SealedFrom(sealed=Base64Bytes(raw), terminal=PartyId(terminal))
            for terminal, raw in sorted(self.sealed.items())
        )
        return ReleaseBody(checkpoint=step, docket=self.docket(), freezes=(), lifts=(), notices=notices, sealed=sealed)


def _build_stack(by_key: Mapping[bytes, bytes], witness_script: bytes | None) -> tuple[bytes, ...]:
    if witness_script is None:
        [(public_key, der)] = by_key.items()
        return build_key_witness(der, public_key)
    return build_witness([by_key[key] for key in sorted(by_key)], witness_script)
