"""What this terminal remembers of earlier payments: a first destination and an unusual amount are called out.

From its own journal and nothing that it is told: a platform in a thief's hands cannot make a stranger look familiar.
Another terminal's payments are not in it, and the page says so. Source: III.23, III.A4-GP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.core.facts import FactsOutput
from strongroom.core.ids import Digest
from strongroom.core.page_values import Page, Row, build_line, build_quote, build_row, build_warning
from strongroom.core.records import encode_time
from strongroom.core.registers import AssetEntry
from strongroom.core.words import render_amount
from strongroom.vault.terminal.desk import Desk, Plan
from strongroom.vault.terminal.journal.state import History
from strongroom.vault.terminal.step3_check import build_paid_marks


def build_history_pages(desk: Desk, plan: Plan) -> tuple[Page, ...]:
    """For every payment of a docket; no page for what pays nobody."""
    found = desk.terminal.journal.state.load_histories(build_paid_marks(plan.proved))
    payments = [(each, found[Digest(each.instruction)]) for each in plan.proved.facts.outputs if each.kind == "payment"]
    return build_pages_of(payments, plan.proved.foundation.entries.assets)


def build_pages_of(payments: list[tuple[FactsOutput, History]], assets: Mapping[str, AssetEntry]) -> tuple[Page, ...]:
    """The page of these payments and what was paid before them."""
    rows = tuple(row for output, history in payments for row in _rows(output, history, assets))
    return (Page(title="What this terminal signed before", rows=rows),) if rows else ()


def _rows(output: FactsOutput, history: History, assets: Mapping[str, AssetEntry]) -> Iterator[Row]:
    if history.last_paid is None:
        first = build_quote(
            "this terminal signs its first payment to {owner}, {entry}", owner=output.owner, entry=output.entry
        )
        yield build_warning("FIRST", first)
    else:
        before = build_quote(
            "{owner}, {entry}: signed here before: {times}, the last at {when}",
            owner=output.owner,
            entry=output.entry,
            times=str(history.times),
            when=encode_time(history.last_paid),
        )
        yield build_row("BEFORE", before)
    if history.largest is None or history.latest is None:
        return
    latest = build_line(
        "the last payment to this client was {amount}", amount=render_amount(history.latest, output.asset, assets)
    )
    if output.units <= history.largest:
        yield build_row("AMOUNT", latest)
        return
    largest = render_amount(history.largest, output.asset, assets)
    ratio = render_ratio(output.units, history.largest)
    over = build_line("{ratio} times the largest payment to this client so far, {amount}", ratio=ratio, amount=largest)
    yield build_warning("DIFFERS", over, latest)


def render_ratio(units: int, largest: int) -> str:
    """With one decimal, rounded down; without floats. largest: above 0, since nothing of 0 is paid."""
    tenths = units * 10 // largest
    return f"{tenths // 10}.{tenths % 10}"
