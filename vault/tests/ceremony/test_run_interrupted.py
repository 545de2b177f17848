"""The program is killed at every step of every kind, and the same command comes to the same end."""

from __future__ import annotations

from pathlib import Path

import pkcs11

import softhsm
from ceremony_room import (
    ROLES,
    Room,
    back_up,
    check_nothing_secret_written,
    follow,
    generate,
    make_room,
    people,
    play,
    play_with_kills,
    restore,
    rotation,
    sites,
)
from strongroom.core.ceremonies import STEPS, Ceremony, CeremonyOutcome
from strongroom.core.checks.ceremony import check_ceremony_follows
from strongroom.vault.ceremony.token_setup import report_token
from strongroom.vault.hsm.module import open_module


def killed(room: Room, command: list[str], custodians: str) -> Ceremony:
    """Lead a ceremony through a kill at each of its steps and signatures; its transcript is whole."""
    kind, home = command[1], Path(command[command.index("--home") + 1]).name
    shown, kills = play_with_kills(room, command, people(custodians))
    body = room.transcript(home).body
    assert CeremonyOutcome.COMPLETED is body.outcome, shown[-2000:]
    assert kills >= len(STEPS[body.kind]) + 2
    assert kind == body.kind.value
    return body


def token_check(label: str) -> str:
    """The check value that the one token of this label shows; two tokens of a label would raise."""
    found = report_token(open_module(softhsm.MODULE_PATH), label).wrapping_check
    return found.hex() if found else "none"


def test_a_birth_a_backup_and_a_restore(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    born = killed(room, generate(room), sites("ann", "bob", "cyd"))
    assert [] != [each for each in born.interruptions if "papers written, now void" in each.said]
    kept = killed(room, back_up(room), "person:c.ann; person:c.cyd")
    drilled = killed(room, restore(room), "person:c.cyd; person:c.bob")
    room.store.activate()
    assert [born.check_value] * 2 == [token_check("vault-1"), token_check("vault-2")]
    labels = [token.label for token in pkcs11.lib(str(softhsm.MODULE_PATH)).get_tokens()]
    assert sorted([*ROLES, "vault-1", "vault-2"]) == sorted(label for label in labels if label)
    assert (3, born.key_lists) == (len(drilled.drills[0].keys), kept.key_lists)
    check_nothing_secret_written(room)


def test_rotations(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    assert 0 == play(room, generate(room), people(sites("ann", "bob", "cyd"))).code
    before = room.transcript("generate").body
    previous = "generate"
    for kind, names in (
        ("rotate", ("ann", "bob", "cyd")),
        ("add-custodian", ("ann", "bob", "cyd", "dan")),
        ("remove-custodian", ("bob", "cyd", "dan")),
    ):
        after = killed(room, rotation(room, kind, previous, previous), sites(*names))
        check_ceremony_follows(after, before)
        room.store.activate()
        assert after.check_value == token_check("vault-1")
        before, previous = after, kind
    keys = restore(room, previous)
    keys[keys.index("--keys") + 1] = str(tmp_path / previous / "keys")
    assert 0 == play(room, keys, people("person:c.dan; person:c.bob")).code
    check_nothing_secret_written(room)


def test_suspension_compromise_and_destruction(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    assert 0 == play(room, generate(room), people(sites("ann", "bob", "cyd"))).code
    keys = ("--keys", str(tmp_path / "generate" / "keys"))
    killed(room, follow(room, "suspend", "generate", *keys), "")
    killed(room, follow(room, "compromise", "suspend", *keys), "")
    gone = killed(room, follow(room, "destroy", "compromise", *keys), "person:c.ann; person:c.bob")
    room.store.activate()
    assert ("none", "none") == (gone.check_value, token_check("vault-1"))
    check_nothing_secret_written(room)
