"""`strongroom-verify`: prove dockets offline and say who said what, when, and how far each docket holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.checker.console import EXIT_CODES, Exit, complain, print_json, refusal_json, render_refusals, say
from strongroom.checker.reading.docket import MAX_DOCKET_BYTES
from strongroom.checker.reading.facts import Facts, encode_facts
from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.reading.refusals import DocketRefusedError, Line
from strongroom.checker.reading.roots import MAX_ROOT_BYTES, parse_root_file
from strongroom.checker.reading.stages import JOURNEY, Stage
from strongroom.checker.reading.verify import Proof, prove_docket
from strongroom.checker.state.home import load_bytes
from strongroom.core.errors import MalformedError, Refusal, UnavailableError
from strongroom.core.ids import Digest
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import Translate

DESCRIPTION = """Prove dockets of a Strongroom custody firm, offline, with its root and nothing else.

A docket is the file of one transaction: the clients' instructions, the firm's decisions, the exact bytes, the
approvals, the second reading, the signatures, the release and the settlement. Every statement in it is signed and
stands in a witnessed log. This program believes none of it: it reads every byte by itself and says how far it holds.

The root (root.json) is the one thing that you must get from somebody you trust: compare the fingerprint that is printed
with the one that the firm's root holders published."""

EPILOG = f"""what is proved up to which stage:
  INSTRUCT DECIDE   who ordered what, to which whitelisted address, and what the firm decided
  PROPOSE           the transaction's bytes pay exactly that, from registered addresses, inside fee and policy
  APPROVE VERIFY    enough distinct people said yes to these bytes, and an independent reading agrees
  CLEAR SIGN        the session was cleared by two parties, two operators signed with registered keys
  RELEASE           the signed bytes are the approved ones, every signature is valid and by the right key
  BROADCAST SETTLE  claims of gate and watcher about the same transaction; look at the chain to confirm them

{EXIT_CODES}
examples:
  strongroom-verify withdrawal.docket.json --root root.json
  strongroom-verify *.docket.json --root root.json --json
  strongroom-verify waiting.docket.json --root root.json --expect APPROVE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one file. furthest: None when nothing was proved. proof: None when it was refused.

    root: the fingerprint of the root that it was asked against; None when that cannot be read.
    """

    file: Path
    root: Digest | None
    furthest: Stage | None
    lines: tuple[Line, ...]
    proof: Proof | None
    refused_at: Stage | None = None
    refusals: tuple[Refusal, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _build_parser().parse_args(argv)
    expected = Stage[str(arguments.expect)]
    now: datetime | None = arguments.at
    codes: list[Exit] = []
    verdicts: list[Verdict] = []
    try:
        root = load_bytes(Path(arguments.root), MAX_ROOT_BYTES)
        files = [(path, load_bytes(path, MAX_DOCKET_BYTES)) for path in map(Path, arguments.files)]
    except (MalformedError, UnavailableError) as error:
        for refusal in error.refusals:
            complain(f"strongroom-verify: cannot read {refusal.field}: {refusal.got}, not {refusal.expected}")
        return Exit.USAGE
    for path, content in files:
        verdict = judge(path, content, root, now or datetime.now(UTC))
        verdicts.append(verdict)
        codes.append(exit_of(verdict, expected))
        if not arguments.json:
            for line in render_verdict(verdict, expected):
                say(line)
    if arguments.json:
        print_json({"expected": expected.name, "files": [verdict_json(each, expected) for each in verdicts]})
    return max(codes)


def judge(file: Path, content: bytes, root: bytes, now: datetime) -> Verdict:
    """Prove one docket and keep the refusal, if there is one, as a verdict."""
    fingerprint = fingerprint_of(root)
    try:
        proof = prove_docket(content, root, now=now)
    except DocketRefusedError as error:
        return Verdict(
            file=file,
            root=fingerprint,
            furthest=error.furthest,
            lines=error.lines,
            proof=None,
            refused_at=error.stage,
            refusals=error.refusals,
        )
    return Verdict(file=file, root=fingerprint, furthest=proof.furthest, lines=proof.lines, proof=proof)


def fingerprint_of(root: bytes) -> Digest | None:
    """What two people compare with the firm's published fingerprint; None for what is no root, as the proof says."""
    try:
        return parse_root_file(root)[0].id
    except MalformedError:
        return None


def exit_of(verdict: Verdict, expected: Stage) -> Exit:
    """0 only for a docket without a refusal that came as far as expected."""
    held = verdict.proof is not None and verdict.furthest is not None and verdict.furthest >= expected
    return Exit.DONE if held else Exit.REFUSED


def render_verdict(verdict: Verdict, expected: Stage) -> Iterator[str]:
    """A verdict for a human: the statements, the facts, and the last word."""
    yield f"docket  {verdict.file}"
    yield f"root    {verdict.root or 'cannot be read'}"
    if verdict.proof:
        context = verdict.proof.foundation.chain.context
        yield f"        {context.organization}, {context.environment.value}"
    yield ""
    if verdict.lines:
        yield from _render_lines(verdict.lines)
        yield ""
    if verdict.proof and verdict.proof.facts:
        yield from render_facts(verdict.proof.facts)
        yield ""
    yield from _render_last_word(verdict, expected)
    yield ""


def render_facts(facts: Facts, translate: Translate = english) -> Iterator[str]:
    """What the transaction does, whole values in smallest units."""
    yield translate("chain   {chain}, wallet {wallet}").format(chain=facts.chain, wallet=facts.wallet)
    for each in facts.inputs:
        place = f"nonce {each.index}" if each.kind == "account" else f"{each.txid}:{each.index} ({each.units})"
        source = translate("from    {address} ({entry}) {place}")
        yield source.format(address=each.address, entry=each.entry, place=place)
    for output in facts.outputs:
        said = translate("to      {address} ({entry}) {units} of {asset}: {who}")
        who = f"{output.client}, {output.owner}, {output.reference}"
        yield said.format(
            address=output.address,
            entry=output.entry,
            units=output.units,
            asset=output.asset,
            who=translate("change") if output.kind == "change" else who,
        )
    fee = translate("fee     at most {units} of {asset}; the clients allow {ceiling}")
    yield fee.format(units=facts.fee_units, asset=facts.fee_asset, ceiling=facts.fee_ceiling)
    yield translate("bytes   {digest}").format(digest=facts.unsigned_digest)


def verdict_json(verdict: Verdict, expected: Stage) -> dict[str, object]:
    """A verdict for machines; keys are stable."""
    proof = verdict.proof
    return {
        "file": str(verdict.file),
        "root": verdict.root,
        "outcome": "PROVED" if exit_of(verdict, expected) is Exit.DONE else "REFUSED",
        "furthest": verdict.furthest.name if verdict.furthest else None,
        "stage": verdict.refused_at.name if verdict.refused_at is not None else None,
        "refusals": [refusal_json(each) for each in verdict.refusals],
        "txid": proof.txid if proof else None,
        "facts": json.loads(encode_facts(proof.facts)) if proof and proof.facts else None,
        "statements": [_line_json(line) for line in verdict.lines],
    }


def _render_lines(lines: Sequence[Line]) -> Iterator[str]:
    yield f"{'stage':<10}{'log':>6}  {'logged at':<21} says"
    for line in lines:
        yield f"{line.stage.name:<10}{line.index:>6}  {render_time(line.logged_at):<21} {line.type} by {line.issuer}"
        others = [name for name in line.signers if name != line.issuer]
        if others:
            yield f"{'':<40}signed also by {' and '.join(others)}"
        claim = " (a claim: look at the chain)" if line.stage >= Stage.BROADCAST else ""
        yield f"{'':<40}{line.summary}{claim}"


def _render_last_word(verdict: Verdict, expected: Stage) -> Iterator[str]:
    reached = verdict.furthest.name if verdict.furthest else "nothing"
    if verdict.refused_at is not None:
        yield f"REFUSED at {verdict.refused_at.name}; proved before it: {reached}"
        yield from render_refusals(verdict.refusals)
    elif exit_of(verdict, expected) is Exit.DONE:
        yield f"PROVED up to {reached}"
    else:
        yield f"REFUSED: proved up to {reached}, but {expected.name} was expected"


def _line_json(line: Line) -> dict[str, object]:
    return {
        "stage": line.stage.name,
        "type": line.type,
        "id": line.id,
        "issuer": line.issuer,
        "signers": list(line.signers),
        "issued_at": render_time(line.issued_at),
        "logged_at": render_time(line.logged_at),
        "index": line.index,
        "summary": line.summary,
    }


def parse_time(text: str) -> datetime:
    """A moment on the command line."""
    try:
        return Node(text, "--at").time()
    except MalformedError as error:
        raise argparse.ArgumentTypeError("a time is written 2027-03-14T02:55:00Z") from error


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom-verify",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stages = [stage.name for stage in JOURNEY]
    parser.add_argument("files", metavar="FILE", nargs="+", help="a docket")
    parser.add_argument("--root", required=True, metavar="root.json", help="the firm's root, from somebody you trust")
    parser.add_argument(
        "--expect",
        choices=stages,
        default=Stage.SETTLE.name,
        metavar="STAGE",
        help="how far it must hold (default SETTLE)",
    )
    parser.add_argument("--at", type=parse_time, metavar="TIME", help="judge what is unsigned at this time, not now")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
