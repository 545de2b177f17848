"""What the operators read: everything that the bytes do, in plain words, with nothing cut off.

The first part is word for word what the approvers' devices showed; the second is the transaction itself, as its own
decoder reads it, so that a field that the first part could miss is still seen. Source: spec/facts.md; III.23,
III.A4-GP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from strongroom.chains.bitcoin import describe as bitcoin
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.psbt import Psbt
from strongroom.chains.ethereum import describe as ethereum
from strongroom.chains.ethereum.transactions import Transfer
from strongroom.chains.ethereum.void import Void, build_void_lines
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.ids import Digest, PartyId
from strongroom.core.page_values import Line, Page, Row, build_line, build_quote, build_row
from strongroom.core.pages import build_pages
from strongroom.core.records import encode_time
from strongroom.core.words import group
from strongroom.vault.terminal.desk import Desk, Plan
from strongroom.vault.terminal.step2_prove import verification_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What this terminal adds to a docket's pages. number: of the docket, among `total` of the package."""

    number: int
    total: int
    terminal: PartyId
    operators: tuple[PartyId, ...]
    keys: tuple[str, ...]
    signatures: int
    clear: Digest


def place_of(desk: Desk, plan: Plan, number: int, total: int) -> Place:
    """At this desk."""
    return Place(
        number=number,
        total=total,
        terminal=desk.me,
        operators=desk.crew.people,
        keys=tuple(sorted({use.key.key_id for use in plan.uses})),
        signatures=len(plan.uses),
        clear=desk.clear.statement.id,
    )


def build_signing_pages(proved: ProvedDocket, place: Place) -> tuple[Page, ...]:
    """Every page of one docket: what all devices show, what this terminal adds, and the bytes by their own decoder."""
    first, *others = build_pages(proved)
    where = build_quote(
        "{number} of {total} in this package, terminal {terminal}, operators {operators}",
        number=str(place.number),
        total=str(place.total),
        terminal=place.terminal,
        operators=", ".join(place.operators),
    )
    decoded = tuple(build_row("", line) for line in build_decoded_lines(proved))
    return (
        Page(title=first.title, rows=(build_row("DOCKET", where), *first.rows)),
        *others,
        Page(title="By which keys, and under which clear-to-sign", rows=_own_rows(proved, place)),
        Page(title="The same bytes in the words of their own decoder", rows=decoded),
    )


def _own_rows(proved: ProvedDocket, place: Place) -> tuple[Row, ...]:
    verification = verification_of(proved)
    verified = build_line(
        "{station}, second reading agrees, logged {when}",
        station=verification.statement.issuer,
        when=encode_time(verification.time),
    )
    signing = build_quote("{keys}; {count} signatures", keys=", ".join(place.keys), count=str(place.signatures))
    return (
        build_row("VERIFIED", verified),
        build_row("PROPOSAL", build_line("{digest}", digest=group(proved.proposal.id))),
        build_row("KEYS", signing),
        build_row("CLEAR", build_line("{digest}", digest=group(place.clear))),
    )


def build_decoded_lines(proved: ProvedDocket) -> tuple[Line, ...]:
    """The transaction in the words of its own decoder."""
    decoded = proved.spend.decoded
    match decoded:
        case Void():
            return build_void_lines(decoded)
        case Transfer():
            return ethereum.build_lines(ethereum.describe(decoded))
        case Psbt():
            return bitcoin.build_lines(bitcoin.describe(decoded, network_of(proved.spend.chain)))
        case _:
            assert_never(decoded)
