"""Run books: complete, in the order that readers of the transcript demand, and printed for the binder as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.ceremonies import REPEATED, STEPS, CeremonyKind, Fact
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.records import encode_time
from strongroom.vault.ceremony.run.books import RUN_BOOKS
from strongroom.vault.ceremony.run.explain import render_run_book
from strongroom.vault.ceremony.run.record import EntryKind, open_record
from world import START

BINDER = Path(__file__).parents[3] / "docs" / "runbook" / "ceremonies"


@pytest.mark.parametrize("kind", list(CeremonyKind))
def test_a_run_book_has_the_steps_that_readers_demand(kind: CeremonyKind) -> None:
    assert list(STEPS[kind]) == [step.name for step in RUN_BOOKS[kind].steps]
    assert all(step.words and step.records for step in RUN_BOOKS[kind].steps)
    assert REPEATED >= {step.name for step in RUN_BOOKS[kind].steps if step.actor is not None}


@pytest.mark.parametrize("kind", list(CeremonyKind))
def test_the_binder_holds_what_the_program_leads_through(kind: CeremonyKind) -> None:
    assert render_run_book(kind) == (BINDER / f"{kind.value}.md").read_text()


def test_the_record_is_a_chain_and_a_change_in_it_is_found(tmp_path: Path) -> None:
    record = open_record(tmp_path)
    record.add(EntryKind.START, "generate", "program", (Fact(name="ceremony", value="00"),), START)
    for name in ("room", "people", "tool"):
        record.add(EntryKind.STEP, name, "person:k.officer", (Fact(name="place", value="here"),), START)
    assert ["room", "people", "tool"] == [entry.name for entry in open_record(tmp_path).confirmed()]
    files = sorted(tmp_path.iterdir())
    kept = {path: path.read_bytes() for path in files}
    changed = kept[files[1]].replace(b"here", b"gone")
    for path, raw in ((files[1], changed), (files[2], None), (files[1], kept[files[2]]), (files[0], None)):
        path.unlink() if raw is None else path.write_bytes(raw)
        with pytest.raises(RefusedError) as caught:
            open_record(tmp_path)
        assert Code.CEREMONY_RECORD in caught.value.codes
        for each, before in kept.items():
            each.write_bytes(before)
    assert 4 == len(open_record(tmp_path).entries)


def test_a_return_voids_what_came_after_and_stays_on_record(tmp_path: Path) -> None:
    record = open_record(tmp_path)
    record.add(EntryKind.START, "generate", "program", (), START)
    for name in ("room", "entropy", "hand-out", "hand-out"):
        record.add(EntryKind.STEP, name, "person:k.officer", (), START)
    record.add(EntryKind.RETURN, "entropy", "program", (), START)
    assert ["room"] == [entry.name for entry in open_record(tmp_path).confirmed()]
    assert 1 == len(open_record(tmp_path).returns())
    assert encode_time(START) == encode_time(record.entries[-1].at)
