"""The witness's sheet: a record that was written anew between two runs is not the one that was copied."""

from __future__ import annotations

import json
from pathlib import Path

from ceremony_room import Room, generate, make_room, people, people_but, play, sites
from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.vault.ceremony.run.marks import CHARACTERS, find_mark, render_mark
from strongroom.vault.ceremony.run.record import open_record

CUSTODIANS = sites("ann", "bob", "cyd")


def stopped(folder: Path, at: int = 16) -> Room:
    """A birth that was stopped at a question some steps on."""
    room = make_room(folder)
    assert play(room, generate(room), people(CUSTODIANS), kill_at=at).code != 0
    assert len(list(entries(room))) > 2
    return room


def entries(room: Room) -> list[Path]:
    """The record's files."""
    return sorted((room.folder / "generate" / "record").glob("*.json"))


def write_anew(room: Room, first: int, place: str) -> None:
    """Who has the medium changes an entry and chains all that follow anew: the record is of one piece again."""
    previous = "none"
    for number, path in enumerate(entries(room), start=1):
        value = parse_canonical(path.read_bytes())
        assert isinstance(value, dict)
        value["previous"] = previous
        if number == first:
            value["facts"] = [{"name": "place", "value": place}]
        raw = encode_canonical(value)
        path.write_bytes(raw)
        previous = sha256(raw)
    assert open_record(entries(room)[0].parent)


def refused_for_the_record(room: Room, answers: dict[str, object] | None = None) -> None:
    run = play(room, [*generate(room), "--json"], people_but(answers or {}, CUSTODIANS))  # type: ignore[arg-type]
    assert (3, True) == (run.code, Code.CEREMONY_RECORD.value in run.shown), run.shown[-1500:]


def test_a_record_that_was_written_anew_is_refused(tmp_path: Path) -> None:
    room = stopped(tmp_path)
    write_anew(room, 2, "another room")
    refused_for_the_record(room)


def test_the_record_that_was_copied_goes_on_to_its_end(tmp_path: Path) -> None:
    room = stopped(tmp_path)
    run = play(room, generate(room), people(CUSTODIANS))
    assert 0 == run.code, run.shown[-1500:]
    assert "GOES ON AFTER A STOP" in run.shown
    assert any("stopped" in each.said for each in room.transcript("generate").body.interruptions)


def test_what_nobody_in_the_room_has_seen_is_refused(tmp_path: Path) -> None:
    """An entry that was added behind the last mark is shown, and the witness says no."""
    room = stopped(tmp_path)
    last = entries(room)[-1]
    value = json.loads(last.read_bytes())
    value |= {"number": value["number"] + 1, "previous": sha256(last.read_bytes()), "name": "hand-out", "kind": "step"}
    last.with_name(f"{value['number']:04}.json").write_bytes(encode_canonical(value))
    refused_for_the_record(room, {"happened before you": "no"})


def test_a_mark_is_found_as_people_type_it(tmp_path: Path) -> None:
    record = open_record(entries(stopped(tmp_path))[0].parent)
    mark, number = render_mark(record), len(record.entries)
    for typed in (mark, mark.upper(), mark.replace(",", ""), f" {mark.replace(' ', '')} ".replace(",", ", ")):
        assert number == find_mark(record, typed)
    assert 1 == find_mark(record, f"1, {record.digests[0][:CHARACTERS]}")
    wrong = "0" if mark[-1] != "0" else "1"
    for typed in (
        "",
        mark[:-1],
        mark[:-1] + wrong,
        f"{number + 1}, {record.digests[-1][:CHARACTERS]}",
        "0, " + "0" * 16,
    ):
        assert 0 == find_mark(record, typed)
