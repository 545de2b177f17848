"""The pages of a proved docket, from the second reading: line for line what terminal and approver show.

Built from this reading's own values and written anew from spec/facts.md, "Shown", so that one mistake of the first
reading's pages is seen as a difference by two people who compare. A test holds the two to identical lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.checker.reading.bodies import Approval, Proposal, Rejection
from strongroom.checker.reading.emergency_bodies import KeyStateChange, Sweep
from strongroom.checker.reading.facts import Facts, FactsInput, FactsOutput
from strongroom.checker.reading.fields import NONE, render_time
from strongroom.checker.reading.networks import is_ethereum, native_asset_of
from strongroom.checker.reading.page_words import (
    amount_words,
    find_alike,
    grouped,
    plain_row,
    warning_row,
)
from strongroom.checker.reading.registers import Entries
from strongroom.checker.reading.stages import Twin
from strongroom.checker.reading.verify import Proof
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal
from strongroom.devices.screens.page import Line, Mark, Page, Row, build_line, build_quote

_TERMS: Final = {
    "contract": "contract {value}",
    "gas_limit": "gas limit {value}",
    "lock_time": "lock time {value}",
    "max_fee_per_gas_wei": "max fee per gas wei {value}",
    "max_priority_fee_per_gas_wei": "max priority fee per gas wei {value}",
    "sequences": "sequences {value}",
    "version": "version {value}",
}
"""Terms of spec/facts.md in words."""


def build_pages(proof: Proof) -> tuple[Page, ...]:
    """Three pages. Raises STAGE_MISSING before PROPOSE."""
    _, facts = proof.paid()
    return (
        Page(title=_title(proof), rows=tuple(_moves(proof, facts))),
        Page(title="Where it comes from and what it costs", rows=tuple(_costs(proof, facts))),
        Page(title="Who said so, and which bytes", rows=tuple(_said(proof, facts))),
    )


def _title(proof: Proof) -> str:
    if proof.docket.twin is Twin.VOID:
        return "Void of a transfer: pays nothing"
    return "Emergency sweep: pays only ourselves" if proof.journey.all(Sweep) else "Transfer"


def _moves(proof: Proof, facts: Facts) -> Iterator[Row]:
    yield plain_row("ON", build_line("chain {chain}, wallet {wallet}", chain=facts.chain, wallet=facts.wallet))
    yield from _sweep(proof)
    if proof.docket.twin is Twin.VOID:
        yield from _void(proof, facts)
    proposal = proof.journey.one(Proposal).body
    if proposal.attempt > 1:
        message = "{attempt} at the same payment; it replaces {proposal}"
        replaced = grouped(proposal.replaces or NONE)
        yield warning_row("ATTEMPT", build_line(message, attempt=str(proposal.attempt), proposal=replaced))
    for output in facts.outputs:
        yield from _output(output, proof.foundation.entries)
        yield from _whitelisted(output, proof)
        yield from _alike(output, proof.foundation.entries)


def _sweep(proof: Proof) -> Iterator[Row]:
    """Officers' order, and the key states that justify it."""
    for order in proof.journey.all(Sweep):
        drill = [build_line("REHEARSAL: this is never signed.")] if order.body.is_drill else []
        ordered = build_line(
            "ordered by {who}, logged {when}", who=order.statement.issuer, when=render_time(order.moment)
        )
        reason = build_quote("reason {reason}", reason=repr(order.body.reason))
        yield warning_row("SWEEP", build_line("EMERGENCY SWEEP: pays only ourselves."), *drill, ordered, reason)
    for change in proof.journey.all(KeyStateChange):
        body = change.body
        said = build_line(
            "{keys}: {state}, says {who}",
            keys=", ".join(body.keys),
            state=body.state.value,
            who=change.statement.issuer,
        )
        yield warning_row("BECAUSE", said, build_quote("reason {reason}", reason=repr(body.reason)))


def _void(proof: Proof, facts: Facts) -> Iterator[Row]:
    """A twin that pays nobody, and on whose word it may be signed."""
    takes = "This pays NOTHING. It costs its network fee and takes nonce {nonce},"
    costs = "so that the transfer of this docket can never be mined."
    yield warning_row("VOID", build_line(takes, nonce=facts.inputs[0].index), build_line(costs))
    rejections = proof.journey.all(Rejection)
    for no in rejections:
        said = build_line("rejected by {who}, logged {when}", who=no.statement.issuer, when=render_time(no.moment))
        yield warning_row("BECAUSE", said, build_quote("reason {reason}", reason=repr(no.body.reason)))
    if not rejections:
        late = "the transfer was to be signed by {when}: expired"
        yield warning_row("BECAUSE", build_line(late, when=render_time(facts.sign_by)))


def _output(output: FactsOutput, entries: Entries) -> Iterator[Row]:
    amount = amount_words(output.units, output.asset, entries.assets)
    numbered = build_line("{amount}, output {index}", amount=amount, index=str(output.index))
    place, name = build_line("{address}", address=grouped(output.address)), output.entry
    match output.kind:
        case "payment":
            yield plain_row("PAY", numbered)
            yield plain_row("TO", place, build_quote("{owner}, whitelist {entry}", owner=output.owner, entry=name))
            order = "{client}, instruction {instruction}"
            asked = build_line(order, client=output.client, instruction=grouped(output.instruction))
            words = "reference {reference}, reason {reason}"
            said = build_quote(words, reference=repr(output.reference), reason=repr(output.reason))
            yield plain_row("ASKED BY", asked, said)
        case "change":
            yield plain_row("CHANGE", numbered)
            yield plain_row("BACK TO", place, build_line("ours: {entry}, derived again from our keys", entry=name))
        case "void":
            yield warning_row("VOID", build_line("pays nothing, {amount}, to ourselves", amount=amount))
            ours = build_line("ours: {entry}; it only uses up the nonce below", entry=name)
            yield plain_row("BACK TO", place, ours)
        case "sweep":
            yield warning_row("SWEEP", numbered)
            ours = build_line("ours: {entry}, derived again from our keys, all active", entry=name)
            yield plain_row("TO US", place, ours)
        case other:
            expected = "payment, change, void or sweep"
            raise InvariantError(Refusal(code=Code.INVARIANT, field="facts.outputs.kind", expected=expected, got=other))


def _whitelisted(output: FactsOutput, proof: Proof) -> Iterator[Row]:
    """How long the destination is known. The proposal's checkpoint is the clock, so all devices say the same."""
    if output.kind != "payment" or output.entry not in proof.foundation.entries.whitelist:
        return
    entry = proof.foundation.entries.whitelist[output.entry]
    days = (proof.journey.one(Proposal).moment - entry.added_at).days
    message = "on the whitelist for {days} full days, since {when}"
    since = build_line(message, when=render_time(entry.added_at), days=str(days))
    yield plain_row("", since, build_quote("purpose {purpose}", purpose=repr(entry.purpose)))


def _alike(output: FactsOutput, entries: Entries) -> Iterator[Row]:
    """Both addresses whole, one below the other."""
    known = {each.id: each.address for each in entries.whitelist.values()}
    known |= {each.id: each.address for each in entries.addresses.values()}
    for other in find_alike(output.address, known.values()):
        names = ", ".join(sorted(name for name, address in known.items() if address == other))
        lines = (
            build_line("begins and ends like {names}, but is another address", names=names),
            build_line("{address}  paid here", address=grouped(output.address)),
            build_line("{address}  the other", address=grouped(other)),
        )
        yield Row(label="ALIKE", lines=lines, mark=Mark.DIFF)


def _costs(proof: Proof, facts: Facts) -> Iterator[Row]:
    assets = proof.foundation.entries.assets
    for source in facts.inputs:
        yield _source(source, facts, proof.foundation.entries)
    most = "at most {amount}" if is_ethereum(facts.chain) else "{amount}"
    fee = build_line(most, amount=amount_words(facts.fee_units, facts.fee_asset, assets))
    ceiling = amount_words(facts.fee_ceiling, facts.fee_asset, assets)
    yield plain_row("FEE", fee, _share(facts, ceiling))
    for name in sorted(facts.terms):
        value = facts.terms[name]
        shown = grouped(value) if value.startswith("0x") else value
        if name in _TERMS:
            yield plain_row("TERMS", build_line(_TERMS[name], value=shown))
        else:
            yield plain_row("TERMS", build_line("{name} {value}", name=name.replace("_", " "), value=shown))


def _source(source: FactsInput, facts: Facts, entries: Entries) -> Row:
    place = build_line("{address}", address=grouped(source.address))
    if source.kind == "account":
        return plain_row("FROM", place, build_line("{entry}, nonce {nonce}", entry=source.entry, nonce=source.index))
    amount = amount_words(int(source.units), native_asset_of(facts.chain), entries.assets)
    coin = build_line("coin {txid} number {index}", txid=grouped(source.txid), index=source.index)
    return plain_row("FROM", place, build_line("{entry}, {amount}", entry=source.entry, amount=amount), coin)


def _share(facts: Facts, ceiling: str) -> Line:
    """The fee beside what is paid, cut off after hundredths of a percent; only the ceiling where the assets differ."""
    payments = [each for each in facts.outputs if each.kind == "payment"]
    if not payments:
        swept = any(each.kind == "sweep" for each in facts.outputs)
        nobody = "nobody else is paid, ceiling {ceiling}" if swept else "nothing is paid, ceiling {ceiling}"
        return build_line(nobody, ceiling=ceiling)
    same = sum(each.units for each in payments if each.asset == facts.fee_asset)
    if same == 0:
        return build_line("ceiling {ceiling}", ceiling=ceiling)
    whole, hundredths = divmod(facts.fee_units * 10_000 // same, 100)
    percent = f"{whole}.{hundredths:02d}"
    return build_line("{percent} % of the payment, ceiling {ceiling}", percent=percent, ceiling=ceiling)


def _said(proof: Proof, facts: Facts) -> Iterator[Row]:
    until = "sign by {sign_by}, release by {release_by}"
    sign_by, release_by = render_time(facts.sign_by), render_time(facts.release_by)
    yield plain_row("EXPIRES", build_line(until, sign_by=sign_by, release_by=release_by))
    for yes in proof.journey.all(Approval):
        said = build_line("{who}, logged {when}", who=yes.statement.issuer, when=render_time(yes.moment))
        yield plain_row("APPROVED", said)
    policy = proof.foundation.policy
    held = build_line("version {version}, {digest}", version=str(policy.body.version), digest=grouped(policy.id))
    yield plain_row("POLICY", held)
    yield plain_row("BYTES", build_line("{digest}", digest=grouped(facts.unsigned_digest)))
    yield plain_row("FACTS", build_line("{digest}", digest=grouped(facts.digest)))
