"""Facts in plain words: the same lines on the approver's device and on the terminal, so that two people can compare.

Everything in the facts is shown, nothing is cut off, addresses stand whole in groups of four. Source: design of
III.23, III.A4-GP.
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
from strongroom.core.money import render_units
from strongroom.core.records import encode_time
from strongroom.core.registers import AssetEntry
from strongroom.core.sweeps import Rehearsal, Sweep

LABEL_WIDTH = 10


def group(text: str) -> str:
    """A long address or digest in groups of four; a prefix (`0x`, `sha256:`) stands apart."""
    prefix = next((p for p in ("0x", "sha256:") if text.startswith(p)), "")
    rest = text[len(prefix) :]
    groups = [rest[i : i + 4] for i in range(0, len(rest), 4)]
    return " ".join(([prefix] if prefix else []) + groups)


def render_docket(proved: ProvedDocket) -> tuple[str, ...]:
    """What a signer or an approver reads, line by line."""
    assets = proved.foundation.entries.assets
    facts = proved.facts
    lines = [f"ON        {_chain(facts)}", *_sweep_lines(proved), *_void_lines(proved), *_attempt_lines(proved)]
    for output in facts.outputs:
        lines += _output_lines(output, assets)
    for each in facts.inputs:
        lines += _input_lines(each, facts, assets)
    lines += _fee_lines(facts, assets)
    lines += [_line("TERMS", f"{name.replace('_', ' ')} {_term(value)}") for name, value in sorted(facts.terms.items())]
    lines.append(_line("EXPIRES", f"sign by {encode_time(facts.sign_by)}, release by {encode_time(facts.release_by)}"))
    for proved_approval in proved.journey.all(Approval):
        lines.append(
            _line("APPROVED", f"{proved_approval.statement.issuer}, logged {encode_time(proved_approval.time)}")
        )
    lines.append(_line("BYTES", group(facts.unsigned_digest)))
    lines.append(_line("FACTS", group(facts.digest)))
    return tuple(lines)


def _sweep_lines(proved: ProvedDocket) -> list[str]:
    """What a sweep is, who ordered it, and why: no signer may take it for a client's withdrawal."""
    lines: list[str] = []
    for sweep in proved.journey.all(Sweep):
        drill = " REHEARSAL: this is never signed." if sweep.body.rehearsal is Rehearsal.YES else ""
        lines += [
            _line("SWEEP", f"EMERGENCY SWEEP: pays only ourselves.{drill}"),
            _line("", f"ordered by {sweep.statement.issuer}, logged {encode_time(sweep.time)}"),
            _line("", f"reason {sweep.body.reason!r}"),
        ]
    for state in proved.journey.all(KeyStateChange):
        keys = ", ".join(state.body.keys)
        lines += [
            _line("BECAUSE", f"{keys}: {state.body.state.value}, says {state.statement.issuer}"),
            _line("", f"reason {state.body.reason!r}"),
        ]
    return lines


def _void_lines(proved: ProvedDocket) -> list[str]:
    """What a void twin is, and on whose word: no signer may take it for the transfer."""
    if proved.twin is Twin.TRANSFER:
        return []
    nonce = proved.facts.inputs[0].index
    lines = [
        _line("VOID", f"This pays NOTHING. It takes nonce {nonce}, so that the transfer of this docket can never"),
        _line("", "be mined. It costs its network fee and moves nothing else."),
    ]
    for rejection in proved.journey.all(Rejection):
        said = f"rejected by {rejection.statement.issuer}, logged {encode_time(rejection.time)}"
        lines += [_line("BECAUSE", said), _line("", f"reason {rejection.body.reason!r}")]
    if not proved.journey.all(Rejection):
        lines.append(_line("BECAUSE", f"the transfer was to be signed by {encode_time(proved.facts.sign_by)}: expired"))
    return lines


def _attempt_lines(proved: ProvedDocket) -> list[str]:
    """Whether this is paid for the first time, or is another attempt at what was shown before."""
    body = proved.proposal.body
    if body.attempt == 1:
        return []
    return [_line("ATTEMPT", f"{body.attempt} at the same payment; it replaces {group(body.replaces)}")]


def render_amount(units: int, asset: str, assets: Mapping[str, AssetEntry]) -> str:
    """An amount with its symbol and in smallest units; an asset that the register does not hold has no name to show."""
    entry = assets.get(asset)
    if entry is None:
        return f"{units} smallest units of {asset}"
    return f"{render_units(units, entry.decimals)} {entry.symbol} ({units} units)"


def _chain(facts: Facts) -> str:
    return f"chain {facts.chain}, wallet {facts.wallet}"


def _output_lines(output: FactsOutput, assets: Mapping[str, AssetEntry]) -> list[str]:
    match output.kind:
        case "payment":
            return [
                _line("PAY", f"{render_amount(output.units, output.asset, assets)}, output {output.index}"),
                _line("TO", group(output.address)),
                _line("", f"{output.owner}, whitelist {output.entry}"),
                _line("ASKED BY", f"{output.client}, instruction {group(output.instruction)}"),
                _line("", f"reference {output.reference!r}, reason {output.reason!r}"),
            ]
        case "change":
            return [
                _line("CHANGE", f"{render_amount(output.units, output.asset, assets)}, output {output.index}"),
                _line("BACK TO", group(output.address)),
                _line("", f"ours: {output.entry}, derived again from our keys"),
            ]
        case "void":
            return [
                _line("VOID", f"pays nothing, {render_amount(output.units, output.asset, assets)}, to ourselves"),
                _line("BACK TO", group(output.address)),
                _line("", f"ours: {output.entry}; it only uses up the nonce below"),
            ]
        case "sweep":
            return [
                _line("SWEEP", f"{render_amount(output.units, output.asset, assets)}, output {output.index}"),
                _line("TO US", group(output.address)),
                _line("", f"ours: {output.entry}, derived again from our keys, all active"),
            ]
        case other:
            # The facts know four kinds; a fifth must not be passed over in silence.
            expected = "payment, change, void or sweep"
            raise InvariantError(Refusal(code=Code.INVARIANT, field="facts.outputs.kind", expected=expected, got=other))


def _input_lines(source: FactsInput, facts: Facts, assets: Mapping[str, AssetEntry]) -> list[str]:
    if source.kind == "account":
        return [_line("FROM", group(source.address)), _line("", f"{source.entry}, nonce {source.index}")]
    amount = render_amount(int(source.units), native_asset_of(facts.chain), assets)
    return [
        _line("FROM", group(source.address)),
        _line("", f"{source.entry}, {amount}"),
        _line("", f"coin {group(source.txid)} number {source.index}"),
    ]


def _fee_lines(facts: Facts, assets: Mapping[str, AssetEntry]) -> list[str]:
    ceiling = render_amount(facts.fee.ceiling, facts.fee.asset, assets)
    most = "at most " if is_ethereum(facts.chain) else ""
    return [
        _line("FEE", f"{most}{render_amount(facts.fee.units, facts.fee.asset, assets)}"),
        _line("", f"{_fee_share(facts)}ceiling {ceiling}"),
    ]


def _fee_share(facts: Facts) -> str:
    """The fee as a share of the payment; nothing where they are of two assets, which have no common measure."""
    payments = [o for o in facts.outputs if o.kind == "payment"]
    if not payments:
        return "nobody else is paid, " if any(o.kind == "sweep" for o in facts.outputs) else "nothing is paid, "
    paid = sum(o.units for o in payments if o.asset == facts.fee.asset)
    if not paid:
        return ""
    # In hundredths of a percent by integers: no float ever touches money.
    share = facts.fee.units * 10_000 // paid
    return f"{share // 100}.{share % 100:02d} % of the payment, "


def _term(value: Json) -> str:
    """Addresses among the terms stand in groups, as all addresses do."""
    text = str(value)
    return group(text) if text.startswith("0x") else text


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{text}"
