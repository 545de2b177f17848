"""Strict readers of the bodies of a docket's statements: from a JSON object to the records of `bodies.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strongroom.checker.reading.bodies import (
    Approval,
    Body,
    Broadcast,
    ClearToSign,
    Decision,
    Instruction,
    LimitLeft,
    Proposal,
    Rejection,
    Release,
    Scope,
    Screening,
    Settlement,
    SignatureRecord,
    Verdict,
    Verification,
    parse_head,
    parse_heads,
    parse_quorum,
    parse_sorted,
    parse_sorted_digests,
    parse_sorted_ids,
)
from strongroom.checker.reading.emergency import parse_key_state, parse_sweep
from strongroom.checker.reading.envelopes import Envelope, Statement, Type, check_type, parse_header
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import AccountId, AssetId, EntryId, WalletId


def parse_instruction(node: Node) -> Instruction:
    """Read an `instruction`."""
    found = node.members(
        "account",
        "amount",
        "asset",
        "chain",
        "client",
        "destination",
        "fee_ceiling",
        "reason",
        "reference",
        "release_by",
        "sequence",
        "sign_by",
    )
    destination = found["destination"].members("address", "entry", "entry_digest")
    return Instruction(
        account=AccountId(found["account"].own_id("account")),
        amount=found["amount"].units(),
        asset=found["asset"].asset(),
        chain=found["chain"].chain(),
        client=found["client"].party_of("client"),
        destination_address=destination["address"].text(),
        destination_entry=EntryId(destination["entry"].own_id("entry")),
        destination_digest=destination["entry_digest"].digest(),
        fee_ceiling=found["fee_ceiling"].units(),
        reason=found["reason"].text(),
        reference=found["reference"].text(),
        release_by=found["release_by"].time(),
        sequence=found["sequence"].integer(least=1),
        sign_by=found["sign_by"].time(),
    )


def parse_decision(node: Node) -> Decision:
    """Read a `decision`."""
    found = node.members(
        "delay_s", "instruction", "limits", "policy", "prices", "quorums", "rules", "screening", "verdict"
    )
    screening = found["screening"].members("provider", "verdict")
    return Decision(
        delay_s=found["delay_s"].integer(),
        instruction=found["instruction"].digest(),
        limits=tuple(_parse_limit(item) for item in found["limits"].items()),
        policy=parse_head(found["policy"]),
        prices=found["prices"].digest_or_none(),
        quorums=tuple(parse_quorum(item) for item in found["quorums"].items()),
        rules=parse_sorted_ids(found["rules"], "rule"),
        screening_provider=screening["provider"].text(),
        screening=screening["verdict"].choice(Screening),
        verdict=found["verdict"].choice(Verdict),
    )


def parse_proposal(node: Node) -> Proposal:
    """Read a `proposal`. An output that is named twice is refused here (OUTPUT_UNEXPLAINED)."""
    found = node.members(
        "attempt",
        "chain",
        "change",
        "commits",
        "decisions",
        "fee",
        "heads",
        "instructions",
        "outputs",
        "prev",
        "release_by",
        "replaces",
        "sign_by",
        "sources",
        "unsigned_digest",
        "void",
        "wallet",
    )
    change = {
        index: EntryId(name.own_id("address")) for index, name in _parse_indexed(found["change"], "address").items()
    }
    outputs = {index: name.digest() for index, name in _parse_indexed(found["outputs"], "instruction").items()}
    if set(change) & set(outputs):
        raise malformed(Code.OUTPUT_UNEXPLAINED, found["change"].path, "no output that is also a payment", "one")
    attempt, replaces = found["attempt"].integer(least=1), found["replaces"].digest_or_none()
    if (attempt == 1) != (replaces is None):
        raise found["attempt"].invalid("1 exactly when it replaces nothing")
    return Proposal(
        attempt=attempt,
        chain=found["chain"].chain(),
        change=change,
        commits=parse_sorted(found["commits"]),
        decisions=parse_sorted_digests(found["decisions"]),
        fee=found["fee"].units(),
        heads=parse_heads(found["heads"]),
        instructions=parse_sorted_digests(found["instructions"]),
        outputs=outputs,
        prev=found["prev"].digest(),
        release_by=found["release_by"].time(),
        replaces=replaces,
        sign_by=found["sign_by"].time(),
        sources=parse_sorted_ids(found["sources"], "address"),
        unsigned_digest=found["unsigned_digest"].digest(),
        void=found["void"].digest_or_none(),
        wallet=WalletId(found["wallet"].own_id("wallet")),
    )


def parse_approval(node: Node) -> Approval:
    """Read an `approval`."""
    found = node.members(
        "device", "display_digest", "heads", "language", "prev", "proposal", "renderer", "unsigned_digest", "until"
    )
    return Approval(
        device=found["device"].party_of("device"),
        display_digest=found["display_digest"].digest(),
        heads=parse_heads(found["heads"]),
        language=found["language"].text(),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        renderer=found["renderer"].text(),
        unsigned_digest=found["unsigned_digest"].digest(),
        until=found["until"].time(),
    )


def parse_rejection(node: Node) -> Rejection:
    """Read a `rejection`."""
    found = node.members(
        "device", "display_digest", "heads", "language", "prev", "proposal", "reason", "renderer", "unsigned_digest"
    )
    return Rejection(
        device=found["device"].party_of("device"),
        display_digest=found["display_digest"].digest(),
        heads=parse_heads(found["heads"]),
        language=found["language"].text(),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        reason=found["reason"].text(),
        renderer=found["renderer"].text(),
        unsigned_digest=found["unsigned_digest"].digest(),
    )


def parse_verification(node: Node) -> Verification:
    """Read a `verification`."""
    found = node.members("heads", "prev", "proposal", "reading_digest", "unsigned_digest")
    return Verification(
        heads=parse_heads(found["heads"]),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        reading_digest=found["reading_digest"].digest(),
        unsigned_digest=found["unsigned_digest"].digest(),
    )


def parse_clear(node: Node) -> ClearToSign:
    """Read a `clear-to-sign`."""
    found = node.members(
        "budget",
        "checkpoint",
        "heads",
        "journal",
        "latches",
        "lease",
        "life_s",
        "max_count",
        "nonce",
        "scope",
        "terminal",
    )
    checkpoint = found["checkpoint"].members("root", "size")
    journal = found["journal"].members("head", "number")
    return ClearToSign(
        budget=_parse_budget(found["budget"]),
        checkpoint_root=checkpoint["root"].digest(),
        checkpoint_size=checkpoint["size"].integer(),
        heads=parse_heads(found["heads"]),
        journal_head=journal["head"].digest(),
        journal_number=journal["number"].integer(),
        latches=found["latches"].digest(),
        lease=found["lease"].digest(),
        life_s=found["life_s"].integer(),
        max_count=found["max_count"].integer(),
        nonce=found["nonce"].hex(size=32),
        scope=found["scope"].choice(Scope),
        terminal=found["terminal"].party_of("device"),
    )


def parse_signature_record(node: Node) -> SignatureRecord:
    """Read a `signature-record`."""
    found = node.members(
        "clear",
        "heads",
        "journal",
        "keys",
        "nonce",
        "operators",
        "prev",
        "proposal",
        "sealed_digest",
        "terminal",
        "unsigned_digest",
    )
    journal = found["journal"].members("head", "number")
    operators = tuple(item.party_of("person") for item in found["operators"].items())
    check_sorted(operators, found["operators"].path)
    return SignatureRecord(
        clear=found["clear"].digest(),
        heads=parse_heads(found["heads"]),
        journal_head=journal["head"].digest(),
        journal_number=journal["number"].integer(),
        keys=parse_sorted_ids(found["keys"], "key"),
        nonce=found["nonce"].hex(size=32),
        operators=operators,
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        sealed_digest=found["sealed_digest"].digest(),
        terminal=found["terminal"].party_of("device"),
        unsigned_digest=found["unsigned_digest"].digest(),
    )


def parse_release(node: Node) -> Release:
    """Read a `release`."""
    found = node.members("checks", "heads", "prev", "proposal", "signed_digest", "txid")
    return Release(
        checks=tuple(item.text() for item in found["checks"].items()),
        heads=parse_heads(found["heads"]),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        signed_digest=found["signed_digest"].digest(),
        txid=found["txid"].text(),
    )


def parse_broadcast(node: Node) -> Broadcast:
    """Read a `broadcast`."""
    found = node.members("nodes", "prev", "proposal", "txid")
    return Broadcast(
        nodes=tuple(item.text() for item in found["nodes"].items()),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        txid=found["txid"].text(),
    )


def parse_settlement(node: Node) -> Settlement:
    """Read a `settlement`."""
    found = node.members("block_hash", "confirmations", "fee_paid", "height", "outcome", "prev", "proposal", "txid")
    return Settlement(
        block_hash=found["block_hash"].text(),
        confirmations=found["confirmations"].integer(),
        fee_paid=found["fee_paid"].units(),
        height=found["height"].integer(),
        outcome=found["outcome"].word("success", "failed", "voided"),
        prev=found["prev"].digest(),
        proposal=found["proposal"].digest(),
        txid=found["txid"].text(),
    )


_PARSERS: Final[Mapping[Type, Callable[[Node], Body]]] = {
    Type.INSTRUCTION: parse_instruction,
    Type.DECISION: parse_decision,
    Type.PROPOSAL: parse_proposal,
    Type.APPROVAL: parse_approval,
    Type.REJECTION: parse_rejection,
    Type.VERIFICATION: parse_verification,
    Type.CLEAR_TO_SIGN: parse_clear,
    Type.SIGNATURE_RECORD: parse_signature_record,
    Type.RELEASE: parse_release,
    Type.BROADCAST: parse_broadcast,
    Type.SETTLEMENT: parse_settlement,
    Type.KEY_STATE: parse_key_state,
    Type.SWEEP: parse_sweep,
}


def parse_journey_statement(envelope: Envelope) -> Statement[Body]:
    """Read a statement of the ten stages. Raises TYPE_MISMATCH for any other type."""
    header, node = parse_header(envelope)
    check_type(header, *_PARSERS)
    return Statement(
        type=header.type,
        issuer=header.issuer,
        issued_at=header.issued_at,
        context=header.context,
        body=_PARSERS[header.type](node),
        envelope=envelope,
    )


def _parse_limit(node: Node) -> LimitLeft:
    found = node.members("count", "fees", "hkd_cents", "left", "rule", "used", "window_s")
    return LimitLeft(
        count=found["count"].integer(),
        fees=found["fees"].units(),
        hkd_cents=found["hkd_cents"].units_or_none(),
        left=found["left"].units(),
        rule=EntryId(found["rule"].own_id("rule")),
        used=found["used"].units(),
        window_s=found["window_s"].integer(),
    )


def _parse_indexed(node: Node, name: str) -> dict[int, Node]:
    """An array of `{index, name}` as a map; the same index twice is refused."""
    found: dict[int, Node] = {}
    for item in node.items():
        members = item.members("index", name)
        index = members["index"].integer()
        if index in found:
            raise malformed(Code.OUTPUT_UNEXPLAINED, members["index"].path, "each output once", f"{index} twice")
        found[index] = members[name]
    return found


def _parse_budget(node: Node) -> dict[AssetId, int]:
    found: dict[AssetId, int] = {}
    for item in node.items():
        members = item.members("asset", "units")
        asset = members["asset"].asset()
        if asset in found:
            raise members["asset"].invalid("each asset once")
        found[asset] = members["units"].units()
    return found
