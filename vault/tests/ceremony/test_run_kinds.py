"""Every kind of ceremony, led by real key presses on a pseudo-terminal with real tokens."""

from __future__ import annotations

from pathlib import Path

from ceremony_room import back_up, generate, make_room, people, play, restore, sites
from strongroom.core.ceremonies import CeremonyOutcome


def test_a_birth_a_backup_and_a_restore_into_a_second_token(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    shown = ""
    for command, custodians in (
        (generate(room), sites("ann", "bob", "cyd")),
        (back_up(room), "person:c.ann; person:c.cyd"),
        (restore(room), "person:c.cyd; person:c.bob"),
    ):
        run = play(room, command, people(custodians))
        shown += run.shown
        (tmp_path / "screen.txt").write_text(shown)
        assert 0 == run.code, run.shown[-3000:]
    born, kept, drilled = (room.transcript(home) for home in ("generate", "back-up", "restore"))
    assert [born.id, kept.id] == [kept.body.previous, drilled.body.previous]
    assert {born.body.check_value} == {kept.body.check_value, drilled.body.check_value}
    assert CeremonyOutcome.COMPLETED is drilled.body.outcome
    (drill,) = drilled.body.drills
    assert 3 == len(drill.keys)
    assert drill.first_token != drill.second_token
