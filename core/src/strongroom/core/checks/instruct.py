"""Stage INSTRUCT and DECIDE: the client's order, its account and destination, and the platform's decision on it.

Requirements: III.2, III.4, III.5, III.14, III.16.
"""

from __future__ import annotations

from strongroom.core.bodies import Decision, Instruction, ScreeningVerdict, Verdict
from strongroom.core.checks.foundation import Entries, Foundation, Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import chain_of
from strongroom.core.registers import ClientAccount, WhitelistEntry, entry_digest


def check_instructions(journey: Journey, entries: Entries) -> None:
    """Each instruction stands on its client's own account and whitelist entry; no (client, sequence) twice."""
    used: set[tuple[str, int]] = set()
    for proved in journey.all(Instruction):
        body = proved.body
        find_account(body, entries)
        check_destination(body, entries)
        if body.sequence < 1 or (body.client, body.sequence) in used:
            raise refused(Code.INSTRUCTION_REPLAYED, "instruction.sequence", "a number used once", str(body.sequence))
        if body.amount == 0:
            raise refused(Code.FIELD_INVALID, "instruction.amount", "above zero", "0")
        used.add((body.client, body.sequence))


def find_account(body: Instruction, entries: Entries) -> ClientAccount:
    """The account to debit: the client's own, of the instructed asset. Raises NOT_IN_REGISTER or ASSET_UNKNOWN."""
    client = entries.clients.get(body.client)
    if client is None:
        raise refused(Code.NOT_IN_REGISTER, "instruction.client", "a client of the register", body.client)
    account = client.account(body.account)
    if account.asset != body.asset:
        raise refused(Code.ASSET_UNKNOWN, "instruction.asset", account.asset, body.asset)
    asset = entries.assets.get(body.asset)
    if asset is None or asset.chain != body.chain or chain_of(body.asset) != body.chain:
        raise refused(Code.ASSET_UNKNOWN, "instruction.asset", f"an asset of {body.chain}", body.asset)
    return account


def check_destination(body: Instruction, entries: Entries) -> WhitelistEntry:
    """The whitelist entry that the client signed: the same bytes, client, chain, asset and address.

    The full address is compared, never a shortened one (attack: a look-alike with the same head and tail,
    dmm-ginco-2024).
    """
    entry = entries.whitelist.get(body.destination.entry)
    field = "instruction.destination"
    if entry is None:
        raise refused(Code.DEST_NOT_WHITELISTED, f"{field}.entry", "an entry of the whitelist", body.destination.entry)
    if entry_digest(entry) != body.destination.entry_digest:
        raise refused(
            Code.DEST_NOT_WHITELISTED, f"{field}.entry_digest", body.destination.entry_digest, entry_digest(entry)
        )
    for name, wanted, found in (
        ("client", body.client, entry.client),
        ("chain", body.chain, entry.chain),
        ("asset", body.asset, entry.asset),
        ("address", body.destination.address, entry.address),
    ):
        if wanted != found:
            raise refused(Code.DEST_NOT_WHITELISTED, f"{field}.{name}", found, wanted)
    return entry


def check_decisions(journey: Journey, foundation: Foundation) -> None:
    """One decision for each instruction, allowing it, after screening, under the docket's policy or an older one."""
    decided: dict[str, Proved[Decision]] = {}
    for proved in journey.all(Decision):
        if proved.body.instruction in decided:
            raise refused(Code.DOCKET_ORDER, "decision.instruction", "one decision each", proved.body.instruction)
        decided[proved.body.instruction] = proved
        journey.instruction(proved.body.instruction)
        if proved.body.screening.verdict is not ScreeningVerdict.PASS:
            raise refused(Code.POLICY_BLOCKED, "decision.screening", "PASS", proved.body.screening.verdict.value)
        if proved.body.verdict not in (Verdict.ALLOW, Verdict.REQUIRE_APPROVAL):
            raise refused(
                Code.POLICY_BLOCKED, "decision.verdict", "ALLOW or REQUIRE_APPROVAL", proved.body.verdict.value
            )
        if proved.body.policy.version > foundation.policy.body.version:
            raise refused(
                Code.HEAD_ROLLBACK,
                "decision.policy",
                f"at most {foundation.policy.body.version}",
                str(proved.body.policy.version),
            )
    for instruction in journey.all(Instruction):
        if journey.furthest > 1 and instruction.id not in decided:
            raise refused(Code.STAGE_MISSING, "decision", f"a decision on {instruction.id}", "none")
