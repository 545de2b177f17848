"""The pages of a docket: what moves, what it costs, who said so. The same on the approver's device and the terminal.

Everything in the facts is shown, nothing is cut off, addresses stand whole in groups of four. The checker builds the
same pages from its own reading, and a test holds the two to identical lines, so that people can compare by telephone.
Source: spec/facts.md, "Shown"; design of III.23, III.A4-GP.
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.core.bodies import Approval, Rejection
from strongroom.core.canonical import Json
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.spend import is_ethereum, native_asset_of
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import InvariantError, Refusal
from strongroom.core.facts import Facts, FactsInput, FactsOutput
from strongroom.core.key_states import KeyStateChange
from strongroom.core.lookalike import find_lookalikes
from strongroom.core.page_values import Line, Mark, Page, Row, build_line, build_quote, build_row, build_warning
from strongroom.core.records import encode_time
from strongroom.core.registers import AssetEntry
from strongroom.core.sweeps import Rehearsal, Sweep
from strongroom.core.words import group, render_amount

_TERMS = {
    "contract": "contract {value}",
    "gas_limit": "gas limit {value}",
    "lock_time": "lock time {value}",
    "max_fee_per_gas_wei": "max fee per gas wei {value}",
    "max_priority_fee_per_gas_wei": "max priority fee per gas wei {value}",
    "sequences": "sequences {value}",
    "version": "version {value}",
}
"""How the terms of spec/facts.md are said; one that is not here would stand under its own name."""


def build_pages(proved: ProvedDocket) -> tuple[Page, ...]:
    """What a signer or an approver reads."""
    facts, assets = proved.facts, proved.foundation.entries.assets
    title = _title(proved)
    chain = build_row("ON", build_line("chain {chain}, wallet {wallet}", chain=facts.chain, wallet=facts.wallet))
    moves = [chain, *_sweep_rows(proved), *_void_rows(proved), *_attempt_rows(proved)]
    for output in facts.outputs:
        moves += _output_rows(output, assets)
        moves += _whitelist_rows(output, proved)
        moves += _lookalike_rows(output, proved)
    costs = [row for each in facts.inputs for row in _input_rows(each, facts, assets)]
    costs += _fee_rows(facts, assets)
    costs += [_term_row(name, value) for name, value in sorted(facts.terms.items())]
    return (
        Page(title=title, rows=tuple(moves)),
        Page(title="Where it comes from and what it costs", rows=tuple(costs)),
        Page(title="Who said so, and which bytes", rows=tuple(_said_rows(proved))),
    )


def _title(proved: ProvedDocket) -> str:
    if proved.twin is Twin.VOID:
        return "Void of a transfer: pays nothing"
    return "Emergency sweep: pays only ourselves" if proved.journey.all(Sweep) else "Transfer"


def _said_rows(proved: ProvedDocket) -> list[Row]:
    facts = proved.facts
    until = build_line(
        "sign by {sign_by}, release by {release_by}",
        sign_by=encode_time(facts.sign_by),
        release_by=encode_time(facts.release_by),
    )
    rows = [build_row("EXPIRES", until)]
    for each in proved.journey.all(Approval):
        who, when = each.statement.issuer, encode_time(each.time)
        rows.append(build_row("APPROVED", build_line("{who}, logged {when}", who=who, when=when)))
    policy = proved.foundation.policy.statement
    said = build_line("version {version}, {digest}", version=str(policy.body.version), digest=group(policy.id))
    rows.append(build_row("POLICY", said))
    rows.append(build_row("BYTES", build_line("{digest}", digest=group(facts.unsigned_digest))))
    rows.append(build_row("FACTS", build_line("{digest}", digest=group(facts.digest))))
    return rows


def _sweep_rows(proved: ProvedDocket) -> list[Row]:
    """What a sweep is, who ordered it, and why: no signer may take it for a client's withdrawal."""
    rows: list[Row] = []
    for sweep in proved.journey.all(Sweep):
        lines = [build_line("EMERGENCY SWEEP: pays only ourselves.")]
        if sweep.body.rehearsal is Rehearsal.YES:
            lines.append(build_line("REHEARSAL: this is never signed."))
        ordered = build_line(
            "ordered by {who}, logged {when}", who=sweep.statement.issuer, when=encode_time(sweep.time)
        )
        rows.append(build_warning("SWEEP", *lines, ordered, _reason(sweep.body.reason)))
    for state in proved.journey.all(KeyStateChange):
        said = build_line(
            "{keys}: {state}, says {who}",
            keys=", ".join(state.body.keys),
            state=state.body.state.value,
            who=state.statement.issuer,
        )
        rows.append(build_warning("BECAUSE", said, _reason(state.body.reason)))
    return rows


def _void_rows(proved: ProvedDocket) -> list[Row]:
    """What a void twin is, and on whose word: no signer may take it for the transfer."""
    if proved.twin is Twin.TRANSFER:
        return []
    first = build_line(
        "This pays NOTHING. It costs its network fee and takes nonce {nonce},",
        nonce=proved.facts.inputs[0].index,
    )
    rows = [build_warning("VOID", first, build_line("so that the transfer of this docket can never be mined."))]
    for each in proved.journey.all(Rejection):
        who, when = each.statement.issuer, encode_time(each.time)
        said = build_line("rejected by {who}, logged {when}", who=who, when=when)
        rows.append(build_warning("BECAUSE", said, _reason(each.body.reason)))
    if not proved.journey.all(Rejection):
        late = build_line("the transfer was to be signed by {when}: expired", when=encode_time(proved.facts.sign_by))
        rows.append(build_warning("BECAUSE", late))
    return rows


def _attempt_rows(proved: ProvedDocket) -> list[Row]:
    """Whether this is paid for the first time, or is another attempt at what was shown before."""
    body = proved.proposal.body
    if body.attempt == 1:
        return []
    again = build_line(
        "{attempt} at the same payment; it replaces {proposal}",
        attempt=str(body.attempt),
        proposal=group(body.replaces),
    )
    return [build_warning("ATTEMPT", again)]


def _output_rows(output: FactsOutput, assets: Mapping[str, AssetEntry]) -> list[Row]:
    amount, address = render_amount(output.units, output.asset, assets), group(output.address)
    sum_line = build_line("{amount}, output {index}", amount=amount, index=str(output.index))
    place, entry = build_line("{address}", address=address), output.entry
    match output.kind:
        case "payment":
            owner = build_quote("{owner}, whitelist {entry}", owner=output.owner, entry=entry)
            asked = build_line(
                "{client}, instruction {instruction}", client=output.client, instruction=group(output.instruction)
            )
            words = build_quote(
                "reference {reference}, reason {reason}", reference=repr(output.reference), reason=repr(output.reason)
            )
            return [build_row("PAY", sum_line), build_row("TO", place, owner), build_row("ASKED BY", asked, words)]
        case "change":
            ours = build_line("ours: {entry}, derived again from our keys", entry=entry)
            return [build_row("CHANGE", sum_line), build_row("BACK TO", place, ours)]
        case "void":
            nothing = build_line("pays nothing, {amount}, to ourselves", amount=amount)
            ours = build_line("ours: {entry}; it only uses up the nonce below", entry=entry)
            return [build_warning("VOID", nothing), build_row("BACK TO", place, ours)]
        case "sweep":
            ours = build_line("ours: {entry}, derived again from our keys, all active", entry=entry)
            return [build_warning("SWEEP", sum_line), build_row("TO US", place, ours)]
        case other:
            # The facts know four kinds; a fifth must not be passed over in silence.
            expected = "payment, change, void or sweep"
            raise InvariantError(Refusal(code=Code.INVARIANT, field="facts.outputs.kind", expected=expected, got=other))


def _whitelist_rows(output: FactsOutput, proved: ProvedDocket) -> list[Row]:
    """Since when the destination is known, and for what: a young entry is how a thief's address looks."""
    entry = proved.foundation.entries.whitelist.get(output.entry)
    if output.kind != "payment" or entry is None:
        return []
    age = (proved.proposal.time - entry.added_at).days
    since = build_line(
        "on the whitelist for {days} full days, since {when}",
        when=encode_time(entry.added_at),
        days=str(age),
    )
    return [build_row("", since, build_quote("purpose {purpose}", purpose=repr(entry.purpose)))]


def _lookalike_rows(output: FactsOutput, proved: ProvedDocket) -> list[Row]:
    """Every other address of this docket that a hurried eye takes for this one, both whole, one below the other."""
    entries = proved.foundation.entries
    known = {each.id: each.address for each in entries.whitelist.values()}
    known |= {each.id: each.address for each in entries.addresses.values()}
    rows: list[Row] = []
    for mine, other in find_lookalikes([output.address], known.values()):
        names = ", ".join(sorted(name for name, address in known.items() if address == other))
        lines = (
            build_line("begins and ends like {names}, but is another address", names=names),
            build_line("{address}  paid here", address=group(mine)),
            build_line("{address}  the other", address=group(other)),
        )
        rows.append(Row(label="ALIKE", lines=lines, mark=Mark.DIFF))
    return rows


def _input_rows(source: FactsInput, facts: Facts, assets: Mapping[str, AssetEntry]) -> list[Row]:
    place = build_line("{address}", address=group(source.address))
    if source.kind == "account":
        return [build_row("FROM", place, build_line("{entry}, nonce {nonce}", entry=source.entry, nonce=source.index))]
    amount = render_amount(int(source.units), native_asset_of(facts.chain), assets)
    held = build_line("{entry}, {amount}", entry=source.entry, amount=amount)
    coin = build_line("coin {txid} number {index}", txid=group(source.txid), index=source.index)
    return [build_row("FROM", place, held, coin)]


def _fee_rows(facts: Facts, assets: Mapping[str, AssetEntry]) -> list[Row]:
    message = "at most {amount}" if is_ethereum(facts.chain) else "{amount}"
    fee = build_line(message, amount=render_amount(facts.fee.units, facts.fee.asset, assets))
    ceiling = render_amount(facts.fee.ceiling, facts.fee.asset, assets)
    payments = [o for o in facts.outputs if o.kind == "payment"]
    paid = sum(o.units for o in payments if o.asset == facts.fee.asset)
    if not payments:
        swept = any(o.kind == "sweep" for o in facts.outputs)
        message = "nobody else is paid, ceiling {ceiling}" if swept else "nothing is paid, ceiling {ceiling}"
        return [build_row("FEE", fee, build_line(message, ceiling=ceiling))]
    if not paid:
        # Fee and payment are of two assets, which have no common measure.
        return [build_row("FEE", fee, build_line("ceiling {ceiling}", ceiling=ceiling))]
    # In hundredths of a percent by integers: no float ever touches money.
    share = facts.fee.units * 10_000 // paid
    percent = f"{share // 100}.{share % 100:02d}"
    line = build_line("{percent} % of the payment, ceiling {ceiling}", percent=percent, ceiling=ceiling)
    return [build_row("FEE", fee, line)]


def _term_row(name: str, value: Json) -> Row:
    """Addresses among the terms stand in groups, as all addresses do."""
    text = str(value)
    shown = group(text) if text.startswith("0x") else text
    if name in _TERMS:
        return build_row("TERMS", build_line(_TERMS[name], value=shown))
    return build_row("TERMS", build_line("{name} {value}", name=name.replace("_", " "), value=shown))


def _reason(text: str) -> Line:
    return build_quote("reason {reason}", reason=repr(text))
