"""Dockets that were put together in another way than their statements say. Each row changes one thing."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.checker.reading.stages import Stage as Reached
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from world import World, ltc_trip

from .crooked import Change, crooked, prove, refused


def test_a_register_out_of_order_is_refused_although_it_is_signed() -> None:
    world = World()
    register = world.registers["keys"]
    # The first reading's record refuses to be made like this, so it is changed behind its back.
    object.__setattr__(register, "entries", tuple(reversed(register.entries)))
    world.heads["keys"] = world._govern("keys", world.register_body("keys"))
    world.log.witness(world.tick())
    trip = ltc_trip(world).to(Stage.PROPOSE)
    refused(trip, "TRUST", Code.FIELD_INVALID)
    assert Reached.PROPOSE is prove(ltc_trip(World()).to(Stage.PROPOSE))


def swap(docket: dict[str, Any]) -> None:
    docket["statements"][3], docket["statements"][4] = docket["statements"][4], docket["statements"][3]


def locate_later(docket: dict[str, Any]) -> None:
    docket["statements"][0]["checkpoint"] += 1


def stop_after(stage: int) -> Change:
    return lambda docket: docket["statements"].__delitem__(slice(stage, stage + 1))


def unwitness(docket: dict[str, Any]) -> None:
    last = docket["checkpoints"][-1]
    last["note"] = last["note"][: last["note"].rindex("\u2014")]


def entries_twice(docket: dict[str, Any]) -> None:
    entries = docket["registers"]["keys"]["entries"]
    entries.append(entries[0])


SHAPES: list[tuple[str, str, Code, Change]] = [
    ("two approvals change places", "APPROVE", Code.DOCKET_ORDER, swap),
    (
        "the verification before the approvals",
        "BYTES",
        Code.DOCKET_ORDER,
        lambda d: d["statements"].insert(3, d["statements"].pop(5)),
    ),
    ("a proposal twice", "BYTES", Code.DOCKET_ORDER, lambda d: d["statements"].insert(2, d["statements"][2])),
    ("no approval", "BYTES", Code.STAGE_MISSING, lambda d: d["statements"].__delitem__(slice(3, 5))),
    ("no decision", "BYTES", Code.STAGE_MISSING, stop_after(1)),
    ("an approval less", "APPROVE", Code.QUORUM_NOT_MET, stop_after(3)),
    ("a later checkpoint", "INSTRUCT", Code.PROOF_INVALID, locate_later),
    ("no consistency proof", "TRUST", Code.LOG_NOT_CONSISTENT, lambda d: d["checkpoints"][1].update(consistency=[])),
    (
        "a proof before the first checkpoint",
        "TRUST",
        Code.LOG_NOT_CONSISTENT,
        lambda d: d["checkpoints"][0].update(consistency=["00" * 32]),
    ),
    (
        "a checkpoint twice",
        "TRUST",
        Code.LOG_NOT_CONSISTENT,
        lambda d: d["checkpoints"].insert(1, {**d["checkpoints"][0], "consistency": []}),
    ),
    ("nobody witnessed", "TRUST", Code.CHECKPOINT_NOT_WITNESSED, unwitness),
    ("an entry twice", "TRUST", Code.DOCKET_ORDER, entries_twice),
    ("a roster less", "BYTES", Code.FIELD_INVALID, lambda d: d["rosters"].clear()),
    (
        "entries of another register",
        "BYTES",
        Code.FIELD_UNKNOWN,
        lambda d: d["registers"]["assets"].update(entries=d["registers"]["keys"]["entries"]),
    ),
    (
        "a head of another register",
        "BYTES",
        Code.HEAD_MISMATCH,
        lambda d: d["registers"]["assets"].update(head=d["registers"]["keys"]["head"]),
    ),
    ("another format", "BYTES", Code.FIELD_INVALID, lambda d: d.update(format="strongroom-docket/2")),
    ("bytes before the proposal", "BYTES", Code.STAGE_MISSING, lambda d: d["statements"].__delitem__(slice(2, None))),
    ("no bytes", "BYTES", Code.STAGE_MISSING, lambda d: d["transaction"].update(unsigned="")),
    (
        "a freeze in the docket",
        "BYTES",
        Code.TYPE_MISMATCH,
        lambda d: d["statements"][0].update(envelope=d["roots"][0]),
    ),
]


@pytest.mark.parametrize(
    ("place", "code", "change"), [r[1:] for r in SHAPES], ids=[r[0].replace(" ", "_") for r in SHAPES]
)
def test_a_docket_that_was_put_together_otherwise_is_refused(place: str, code: Code, change: Change) -> None:
    trip = crooked(World()).to(Stage.VERIFY)
    assert Reached.VERIFY is prove(trip)
    refused(trip, place, code, change=change)
