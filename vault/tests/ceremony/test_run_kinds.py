"""Every kind of ceremony, led by real key presses on a pseudo-terminal with real tokens."""

from __future__ import annotations

import itertools
from pathlib import Path

from ceremony_room import (
    Room,
    back_up,
    check_nothing_secret_shown,
    check_nothing_secret_written,
    follow,
    generate,
    make_room,
    people,
    play,
    restore,
    rotation,
    sites,
)
from strongroom.core.ceremonies import STEPS, CeremonyKind, CeremonyOutcome
from strongroom.core.checks.ceremony import check_ceremony_follows


def led(room: Room, command: list[str], custodians: str) -> None:
    """Lead one ceremony to its end, and look that nothing secret was shown."""
    run = play(room, command, people(custodians))
    assert 0 == run.code, run.shown[-3000:]
    check_nothing_secret_shown(run)


def test_a_birth_a_backup_and_a_restore_into_a_second_token(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    led(room, generate(room), sites("ann", "bob", "cyd"))
    led(room, back_up(room), "person:c.ann; person:c.cyd")
    led(room, restore(room), "person:c.cyd; person:c.bob")
    born, kept, drilled = (room.transcript(home) for home in ("generate", "back-up", "restore"))
    assert [born.id, kept.id] == [kept.body.previous, drilled.body.previous]
    assert {born.body.check_value} == {kept.body.check_value, drilled.body.check_value}
    assert CeremonyOutcome.COMPLETED is drilled.body.outcome
    (drill,) = drilled.body.drills
    assert 3 == len(drill.keys)
    assert drill.first_token != drill.second_token
    assert {drill.first_token, drill.second_token} == {token.serial for token in drilled.body.tokens}
    check_nothing_secret_written(room)


def test_rotations_keep_the_public_keys_and_the_new_shares_restore(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    led(room, generate(room), sites("ann", "bob", "cyd"))
    led(room, rotation(room, "rotate", "generate", "generate"), sites("ann", "bob", "cyd"))
    led(room, rotation(room, "add-custodian", "rotate", "rotate"), sites("ann", "bob", "cyd", "dan"))
    led(room, rotation(room, "remove-custodian", "add-custodian", "add-custodian"), sites("ann", "dan", "cyd"))
    chain = [room.transcript(home) for home in ("generate", "rotate", "add-custodian", "remove-custodian")]
    assert 4 == len({each.body.check_value for each in chain})
    assert 1 == len({each.body.key_lists[0].digest for each in chain})
    assert 4 == len({each.body.key_lists[0].blobs for each in chain})
    for before, after in itertools.pairwise(chain):
        check_ceremony_follows(after.body, before.body)
    keys = restore(room, "remove-custodian")
    keys[keys.index("--keys") + 1] = str(tmp_path / "remove-custodian" / "keys")
    led(room, keys, "person:c.dan; person:c.ann")
    assert 3 == len(room.transcript("restore").body.drills[0].keys)
    check_nothing_secret_written(room)


def test_suspension_compromise_and_destruction(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    led(room, generate(room), sites("ann", "bob", "cyd"))
    keys = ("--keys", str(tmp_path / "generate" / "keys"))
    led(room, follow(room, "suspend", "generate", *keys), "")
    led(room, follow(room, "compromise", "suspend", *keys), "")
    led(room, follow(room, "destroy", "compromise", *keys), "person:c.ann; person:c.bob")
    bodies = [room.transcript(home).body for home in ("generate", "suspend", "compromise", "destroy")]
    for before, after in itertools.pairwise(bodies):
        check_ceremony_follows(after, before)
    assert ("none", bodies[0].check_value, ()) == (
        bodies[3].check_value,
        bodies[3].former_check_value,
        bodies[3].shares,
    )
    assert ["none"] == [token.check_value for token in bodies[3].tokens]
    assert [] == [path for path in (tmp_path / "generate" / "keys").rglob("*") if path.name == "keys.pool"]
    assert 2 == len(list((tmp_path / "generate" / "keys").rglob("keys.json")))
    assert list(STEPS[CeremonyKind.COMPROMISE]) == [step.name for step in bodies[2].steps]
