"""News goes in whole, signed, and never backwards. Each refusal stands beside the same update without its change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.checker.console import Exit
from strongroom.checker.state.store import DATABASE
from strongroom.core.assemble import build_placed
from strongroom.core.codes import Code
from strongroom.core.packages import UpdateBody
from strongroom.core.records import HexBytes
from strongroom.core.roster import REGISTERS
from strongroom.core.statements import Envelope, parse_statement
from world import DELEGATES, HOLDERS, START, World

from ..station.stationhouse import Answer, Stationhouse, open_stationhouse


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


@pytest.fixture
def fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    house = Stationhouse(world=World(), folder=tmp_path, capsys=capsys)
    house.enroll()
    return house


def news(device: Stationhouse) -> UpdateBody:
    """An update that says nothing new but the time."""
    device.world.log.witness(device.world.tick())
    return replace(device.world.update_body(device.last_seen), registers=(), rosters=(), policies=())


def delta(device: Stationhouse, added: tuple[Any, ...], removed: tuple[str, ...]) -> UpdateBody:
    return device.world.register_update("whitelist", added, removed, device.last_seen)


def head_of(answer: Answer, name: str) -> int:
    found: int = answer.json["heads"][name]["version"]
    return found


def check_refused(device: Stationhouse, update: UpdateBody, code: Code) -> None:
    """Refused with this code, and nothing of it was taken."""
    before = stored(device)
    answer = device.take(update)
    assert (Exit.REFUSED, "REFUSED") == (answer.code, answer.json["outcome"])
    assert code in answer.codes
    assert before == stored(device)


def stored(device: Stationhouse) -> bytes:
    with sqlite3.connect(device.home / DATABASE) as database:
        return bytes(database.execute("SELECT content FROM trust").fetchone()[0])


def test_the_first_update_brings_everything(fresh: Stationhouse) -> None:
    answer = fresh.take(fresh.world.update_body())
    assert (Exit.DONE, "IMPORTED", 8) == (answer.code, answer.json["outcome"], len(answer.json["heads"]))
    assert fresh.world.log.last_checkpoint().size == answer.json["log_size"]


def test_news_without_changes_moves_the_log_only(device: Stationhouse) -> None:
    assert Exit.DONE == device.take(news(device)).code


def test_an_older_whitelist_is_not_taken(device: Stationhouse) -> None:
    """Attack 3: a device is fed the list from before a destination was removed."""
    world = device.world
    old_head, old_entries = world.heads["whitelist"], world.registers["whitelist"]
    world.change_register("whitelist", removed=("entry:peak-eth",))
    assert 2 == head_of(device.take(delta(device, (), ("entry:peak-eth",))), "whitelist")
    world.heads["whitelist"] = old_head
    back = old_entries.find("entry:peak-eth", "x")
    check_refused(device, delta(device, (back,), ()), Code.HEAD_ROLLBACK)


def govern(world: World, name: str, body: Any) -> Envelope:
    """Another statement of a delegation, logged beside the honest ones."""
    envelope = world.sign(body, DELEGATES[name][0], DELEGATES[name])
    world.log.append(envelope)
    world.log.witness(world.tick())
    return envelope


def test_one_version_has_one_digest(device: Stationhouse) -> None:
    world = device.world
    body = replace(world.register_body("whitelist"), version=1, previous="none", size=5)
    world.heads["whitelist"] = govern(world, "whitelist", body)
    check_refused(device, delta(device, (), ()), Code.HEAD_UNEQUAL)
    policy = replace(world.policy_body(), rules=())
    placed = build_placed(world.log, govern(world, "policy", policy), world.log.last_checkpoint().size)
    check_refused(device, replace(news(device), policies=(refit(device, placed.envelope),)), Code.HEAD_UNEQUAL)


def refit(device: Stationhouse, envelope: Envelope) -> Any:
    """An envelope's place under the last checkpoint."""
    return build_placed(device.world.log, envelope, device.world.log.last_checkpoint().size)


def test_a_version_follows_the_one_before(device: Stationhouse) -> None:
    world = device.world
    known = parse_statement(world.policy)
    follows = replace(world.policy_body(), version=2, previous=known.id)
    stranger = replace(follows, previous="sha256:" + "0" * 64)
    wrong, right = govern(world, "policy", stranger), govern(world, "policy", follows)
    check_refused(device, replace(news(device), policies=(refit(device, wrong),)), Code.HEAD_MISMATCH)
    answer = device.take(replace(news(device), policies=(refit(device, right),)))
    assert 2 == head_of(answer, "policy")


DELTAS: list[tuple[str, Callable[[UpdateBody], UpdateBody], Code]] = [
    ("an entry is left out", lambda u: with_delta(u, removed=()), Code.HEAD_MISMATCH),
    ("another is removed", lambda u: with_delta(u, removed=("entry:harbour-eth",)), Code.HEAD_MISMATCH),
    (
        "one more is removed",
        lambda u: with_delta(u, removed=("entry:peak-eth", "entry:harbour-eth")),
        Code.HEAD_MISMATCH,
    ),
    ("it is called another register", lambda u: with_delta(u, register="clients"), Code.HEAD_MISMATCH),
    ("it is no register", lambda u: with_delta(u, register="friends"), Code.FIELD_INVALID),
    ("an entry twice", lambda u: with_delta(u, added=(WHITELISTED, WHITELISTED)), Code.FIELD_INVALID),
    ("a changed entry", lambda u: with_delta(u, added=({**WHITELISTED, "owner": "x"},)), Code.HEAD_MISMATCH),
    ("no entry at all", lambda u: with_delta(u, added=({"id": "entry:x"},)), Code.FIELD_MISSING),
    (
        "a proof that does not lead there",
        lambda u: with_delta(u, head=replace(u.registers[0].head, proof=(HexBytes(bytes(32)),))),
        Code.NOT_IN_LOG,
    ),
    (
        "a place outside of the log",
        lambda u: with_delta(u, head=replace(u.registers[0].head, index=9999)),
        Code.NOT_IN_LOG,
    ),
]
WHITELISTED: dict[str, Any] = {
    "added_at": "2027-02-01T02:00:00Z",
    "address": "x",
    "asset": "eip155:31337/slip44:60",
    "chain": "eip155:31337",
    "client": "client:peak",
    "id": "entry:new",
    "owner": "Peak Fund Ltd",
    "purpose": "redemption",
}


def with_delta(update: UpdateBody, **changes: Any) -> UpdateBody:
    return replace(update, registers=(replace(update.registers[0], **changes),))


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in DELTAS], ids=[r[0].replace(" ", "_") for r in DELTAS])
def test_a_delta_gives_what_was_signed(
    device: Stationhouse, edit: Callable[[UpdateBody], UpdateBody], code: Code
) -> None:
    device.world.change_register("whitelist", removed=("entry:peak-eth",))
    update = delta(device, (), ("entry:peak-eth",))
    check_refused(device, edit(update), code)
    assert 2 == head_of(device.take(update), "whitelist")


def test_only_the_delegates_change_a_register(device: Stationhouse) -> None:
    world = device.world
    honest = world.register_body("whitelist")
    alone = world.sign(honest, "person:w.one", ("person:w.one",))
    others = world.sign(honest, "person:p.one", DELEGATES["policy"])
    for envelope, code in ((alone, Code.THRESHOLD_NOT_MET), (others, Code.SIGNER_UNKNOWN)):
        world.log.append(envelope)
        world.log.witness(world.tick())
        world.heads["whitelist"] = envelope
        check_refused(device, delta(device, (), ()), code)


def test_the_log_only_grows(device: Stationhouse) -> None:
    update = news(device)
    other = replace(update.checkpoint, consistency=(HexBytes(bytes(32)),))
    check_refused(device, replace(update, checkpoint=other), Code.LOG_NOT_CONSISTENT)
    first = device.world.log.notes[0].note.replace("test-log\n12", "test-log\n11")
    check_refused(device, replace(update, checkpoint=replace(update.checkpoint, note=first)), Code.CHECKPOINT_INVALID)
    assert Exit.DONE == device.take(update).code


def test_another_history_is_not_taken(device: Stationhouse) -> None:
    """A fork: the same keys, another log."""
    fork = World()
    fork.change_register("whitelist", removed=("entry:harbour-eth",))
    device.world.change_register("whitelist", removed=("entry:peak-eth",))
    assert Exit.DONE == device.take(delta(device, (), ("entry:peak-eth",))).code
    fork.now = device.world.now
    fork.log.witness(fork.tick())
    update = fork.register_update("whitelist", (), (), device.last_seen)
    check_refused(device, replace(update, registers=()), Code.LOG_NOT_CONSISTENT)


def test_a_fresh_device_wants_no_proof_of_growth(fresh: Stationhouse) -> None:
    whole = fresh.world.update_body()
    claimed = replace(whole.checkpoint, consistency=(HexBytes(bytes(32)),))
    answer = fresh.take(replace(whole, checkpoint=claimed))
    assert (Exit.REFUSED, {Code.LOG_NOT_CONSISTENT}) == (answer.code, answer.codes)
    assert Exit.DONE == fresh.take(whole).code


def test_a_second_root_is_signed_by_both_sets_of_holders(device: Stationhouse) -> None:
    world = device.world
    body = replace(world.root_body(), version=2, previous=world.roots[0].id, expires=START + timedelta(days=700))
    alone, both = world.sign(body, HOLDERS[0], HOLDERS[:1]), world.sign(body, HOLDERS[0], HOLDERS[1:])
    check_refused(device, replace(news(device), roots=(alone,)), Code.THRESHOLD_NOT_MET)
    world.change_roster(lambda roster: replace(roster, root_version=2))
    world.change_policy(lambda policy: policy)
    for name in REGISTERS:
        world.change_register(name)
    anew = world.update_body(device.last_seen)
    whole = replace(anew, roots=(both,), rosters=anew.rosters[1:])
    check_refused(device, replace(whole, registers=whole.registers[1:]), Code.STAGE_MISSING)
    check_refused(device, replace(whole, policies=()), Code.STAGE_MISSING)
    check_refused(device, replace(whole, rosters=()), Code.HEAD_ROLLBACK)
    answer = device.take(whole)
    assert {2} == {head["version"] for head in answer.json["heads"].values()}
    check_refused(device, replace(news(device), roots=(both,)), Code.HEAD_ROLLBACK)


def test_an_expired_root_takes_no_news(device: Stationhouse) -> None:
    device.world.now += timedelta(days=59)
    assert Exit.DONE == device.take(news(device)).code
    soon = World(edits={"root": lambda b: replace(b, expires=START + timedelta(minutes=1))})
    house = Stationhouse(world=soon, folder=device.folder / "soon", capsys=device.capsys)
    house.folder.mkdir()
    house.enroll()
    assert Exit.DONE == house.take(soon.update_body()).code
    soon.now += timedelta(minutes=2)
    check_refused(house, news(house), Code.EXPIRED)


def test_a_freeze_is_taken_and_told(device: Stationhouse) -> None:
    world = device.world
    freeze = world.freeze()
    update = replace(news(device), freezes=(refit(device, freeze.envelope),))
    assert [freeze.id] == device.take(update).json["frozen"]
    lift = world.lift(freeze.id)
    assert [] == device.take(replace(news(device), lifts=(refit(device, lift.envelope),))).json["frozen"]


def test_what_latches_here_is_not_proved_again(device: Stationhouse) -> None:
    """Every package brings all freezes: one whose roster has since expired must not stop all that comes after it."""
    world, until = device.world, START + timedelta(days=300)
    freeze = world.freeze()
    lift = world.lift(freeze.id)
    both = {"freezes": (freeze.envelope,), "lifts": (lift.envelope,)}

    def told() -> UpdateBody:
        found = news(device)
        return replace(found, **{name: tuple(refit(device, e) for e in each) for name, each in both.items()})

    assert [] == device.take(told()).json["frozen"]
    world.change_roster(
        lambda r: replace(r, expires=until, parties=tuple(replace(p, valid_until=until) for p in r.parties))
    )
    update = replace(news(device), rosters=(refit(device, world.rosters[-1]),))
    assert Exit.DONE == device.take(update).code
    world.now = START + timedelta(days=100)
    assert Exit.DONE == device.take(told()).code
    late = world.sign(replace(freeze.body, evidence="late"), "service:watcher", ("service:watcher",))
    forged = replace(late, signatures=(replace(late.signatures[0], sig=freeze.envelope.signatures[0].sig),))
    world.log.append(forged)
    both["freezes"] = (freeze.envelope, forged)
    check_refused(device, told(), Code.SIGNATURE_INVALID)


def test_nobody_else_freezes(device: Stationhouse) -> None:
    freeze = device.world.freeze()
    stranger = device.world.sign(freeze.body, "service:platform", ("service:platform",))
    device.world.log.append(stranger)
    check_refused(device, replace(news(device), freezes=(refit(device, stranger),)), Code.ROLE_MISSING)


def test_a_changed_byte_in_the_memory_is_noticed(device: Stationhouse) -> None:
    honest = stored(device)
    for mark in (b"Harbour Fund", b'"sig":"', b'"payload":"', b"entry:peak", b'"note":"'):
        changed = bytearray(honest)
        changed[honest.index(mark) + len(mark) + 2] ^= 1
        with sqlite3.connect(device.home / DATABASE) as database:
            database.execute("UPDATE trust SET content = ?", (bytes(changed),))
        assert Exit.REFUSED == device.take(news(device)).code, mark
    with sqlite3.connect(device.home / DATABASE) as database:
        database.execute("UPDATE trust SET content = ?", (honest,))
    assert Exit.DONE == device.take(news(device)).code
