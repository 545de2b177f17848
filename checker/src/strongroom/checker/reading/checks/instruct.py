"""INSTRUCT and DECIDE: orders on the client's own account and whitelist, and one decision on each; point 5."""

from __future__ import annotations

from strongroom.checker.reading.bodies import Decision, Instruction, Screening, Verdict
from strongroom.checker.reading.journey import Heard, Journey, check_not_lower
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Account, Destination, entry_digest
from strongroom.checker.reading.trust import Foundation
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused
from strongroom.core.ids import chain_of


def check_instructions(journey: Journey) -> None:
    """Every instruction: account, asset, destination; chain of the docket; no sequence number of a client twice."""
    found: list[Refusal] = []
    used: set[tuple[str, int]] = set()
    for each in journey.all(Instruction):
        with gathered(found):
            find_account(each, journey.foundation)
        with gathered(found):
            find_destination(each, journey.foundation)
        with gathered(found):
            _check_numbers(each, used)
        if each.body.chain != journey.docket.chain:
            found.append(_wrong(Code.TX_WRONG_CHAIN, f"{each.path}.chain", journey.docket.chain, each.body.chain))
    raise_found(found)


def find_account(each: Heard[Instruction], foundation: Foundation) -> Account:
    """The client's own account of the instructed asset. Raises NOT_IN_REGISTER or ASSET_UNKNOWN."""
    body, entries = each.body, foundation.entries
    client = entries.clients.get(body.client)
    account = client.accounts.get(body.account) if client else None
    if account is None:
        raise refused(Code.NOT_IN_REGISTER, f"{each.path}.account", f"an account of {body.client}", body.account)
    if account.asset != body.asset:
        raise refused(Code.ASSET_UNKNOWN, f"{each.path}.asset", account.asset, body.asset)
    asset = entries.assets.get(body.asset)
    if asset is None or asset.chain != body.chain or chain_of(body.asset) != body.chain:
        raise refused(Code.ASSET_UNKNOWN, f"{each.path}.asset", f"a registered asset of {body.chain}", body.asset)
    return account


def find_destination(each: Heard[Instruction], foundation: Foundation) -> Destination:
    """The whitelist entry whose bytes the client signed. Raises DEST_NOT_WHITELISTED.

    The whole address is compared, never a shortened one: a look-alike shares head and tail.
    """
    body, path = each.body, f"{each.path}.destination"
    entry = foundation.entries.whitelist.get(body.destination_entry)
    if entry is None:
        raise refused(Code.DEST_NOT_WHITELISTED, f"{path}.entry", "a proved whitelist entry", body.destination_entry)
    digest = entry_digest(foundation.values["whitelist"][entry.id])
    pairs = (
        (f"{path}.entry_digest", digest, body.destination_digest),
        (f"{path}.address", entry.address, body.destination_address),
        (f"{each.path}.client", entry.client, body.client),
        (f"{each.path}.chain", entry.chain, body.chain),
        (f"{each.path}.asset", entry.asset, body.asset),
    )
    found = [_wrong(Code.DEST_NOT_WHITELISTED, name, ours, theirs) for name, ours, theirs in pairs if ours != theirs]
    raise_found(found)
    return entry


def check_decisions(journey: Journey) -> None:
    """Exactly one decision on each instruction; it lets it pass, screened, under a policy not above the docket's."""
    found: list[Refusal] = []
    instructions = {each.statement.id for each in journey.all(Instruction)}
    decided: set[str] = set()
    for each in journey.all(Decision):
        body, path = each.body, each.path
        if body.instruction not in instructions:
            found.append(
                _wrong(Code.STAGE_MISSING, f"{path}.instruction", "an instruction of the docket", body.instruction)
            )
        if body.instruction in decided:
            found.append(_wrong(Code.DOCKET_ORDER, f"{path}.instruction", "one decision on each", body.instruction))
        decided.add(body.instruction)
        if body.screening is not Screening.PASS:
            found.append(_wrong(Code.POLICY_BLOCKED, f"{path}.screening.verdict", "PASS", body.screening.value))
        if body.verdict not in (Verdict.ALLOW, Verdict.REQUIRE_APPROVAL):
            found.append(
                _wrong(Code.POLICY_BLOCKED, f"{path}.verdict", "ALLOW or REQUIRE_APPROVAL", body.verdict.value)
            )
        with gathered(found):
            check_not_lower(journey.foundation.head("policy"), body.policy, f"{path}.policy")
    missing = sorted(instructions - decided)
    found += [_wrong(Code.STAGE_MISSING, "statements", f"a decision on {each}", "none") for each in missing]
    raise_found(found)


def _check_numbers(each: Heard[Instruction], used: set[tuple[str, int]]) -> None:
    body = each.body
    if body.amount == 0:
        raise refused(Code.FIELD_INVALID, f"{each.path}.amount", "more than nothing", "0")
    if (body.client, body.sequence) in used:
        raise refused(Code.INSTRUCTION_REPLAYED, f"{each.path}.sequence", "a number used once", str(body.sequence))
    used.add((body.client, body.sequence))


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
