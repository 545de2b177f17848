"""The second reading of the HSM register: taken proved and whole; every field and every rule of the format is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hsm_registers import build_module, build_register
from strongroom.checker.console import Exit
from strongroom.checker.reading.hsms import Hsms
from strongroom.checker.state.store import open_store
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.statements import build_payload, sign_payload
from world import DELEGATES, World
from world_keys import signer_of

from ..station.stationhouse import Stationhouse, open_stationhouse
from .test_update import check_refused, news

PEOPLE = DELEGATES["keys"]
PATCH = {
    "accepted_by": ["person:a.officer"],
    "advisory": "ADV-1",
    "applied": "2026-01-01T00:00:00Z",
    "certified": "none",
    "deadline": "2026-06-01T00:00:00Z",
    "firmware": "2.6",
}


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def held(device: Stationhouse) -> list[Hsms]:
    """The versions that the device has on its disk, in the log's order."""
    with open_store(device.home) as store:
        return [n.statement.body for n in store.load_trust().notices if isinstance(n.statement.body, Hsms)]


def test_a_register_is_taken_and_kept(device: Stationhouse) -> None:
    world = device.world
    world.hsms(build_register(world.now, build_module(world.now, "1")))
    assert Exit.DONE == device.take(news(device)).code
    assert [Hsms(version=1, previous=None, active=("hsm-cold",))] == held(device)
    assert Exit.DONE == device.take(news(device)).code


def test_one_delegate_alone_is_refused(device: Stationhouse) -> None:
    world = device.world
    world.hsms(build_register(world.now, build_module(world.now, "1")), signers=1)
    check_refused(device, news(device), Code.THRESHOLD_NOT_MET)
    assert [] == held(device)


def put(*path: Any, value: object) -> Callable[[Any], None]:
    """Put a value where the path leads."""

    def change(body: Any) -> None:
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = value

    return change


def sign_spoiled(world: World, spoil: Callable[[Any], None]) -> None:
    """A register that the delegates signed as it stands, whatever core would say of it."""
    body = build_register(world.now, build_module(world.now, "1"))
    kind, raw = build_payload(body, context=world.context, issuer=PartyId(PEOPLE[0]), issued_at=world.now)
    payload: Any = parse_canonical(raw)
    spoil(payload["body"])
    signers = [(s.key, s.sign) for s in map(signer_of, PEOPLE)]
    envelope = sign_payload(kind, encode_canonical(payload), signers)
    world.notices.append(envelope)
    world.log.append(envelope)
    world.log.witness(world.tick())


CERTIFICATE = ("modules", 0, "certificate")
WRONG: tuple[tuple[str, Callable[[Any], None], Code], ...] = (
    ("a field more", put("extra", value=1), Code.FIELD_UNKNOWN),
    ("a rule less", lambda body: body["rules"].pop(), Code.FIELD_INVALID),
    ("a ruling that nobody knows", put("rules", 0, "ruling", value="ignore"), Code.FIELD_INVALID),
    ("version 2 after none", put("version", value=2), Code.FIELD_INVALID),
    ("an unknown vendor", put("modules", 0, "vendor", value="other"), Code.FIELD_INVALID),
    ("no due diligence", put("vendors", 0, "diligence", value=[]), Code.HSM_VENDOR_NOT_ACCEPTED),
    (
        "a rejected vendor",
        put("vendors", 0, "diligence", 0, "decision", value="rejected"),
        Code.HSM_VENDOR_NOT_ACCEPTED,
    ),
    ("nobody decided", put("vendors", 0, "diligence", 0, "people", value=[]), Code.FIELD_INVALID),
    ("a date that is none", put("vendors", 0, "advisories", 0, "applied", value="soon"), Code.FIELD_INVALID),
    ("another scheme", put(*CERTIFICATE, "scheme", value="fips-140-1"), Code.FIELD_INVALID),
    ("another status", put(*CERTIFICATE, "status", value="fine"), Code.FIELD_INVALID),
    ("serials out of order", put("modules", 0, "serials", value=["2", "1"]), Code.FIELD_INVALID),
    ("a patch without a deadline", put("modules", 0, "patches", value=[{"firmware": "2.6"}]), Code.FIELD_MISSING),
    ("a risk that nobody took", put("modules", 0, "patches", value=[{**PATCH, "accepted_by": []}]), Code.FIELD_INVALID),
)


@pytest.mark.parametrize(("spoil", "code"), [r[1:] for r in WRONG], ids=[r[0] for r in WRONG])
def test_what_no_register_may_say(device: Stationhouse, spoil: Callable[[Any], None], code: Code) -> None:
    """Signed by the right delegates all the same: the format is read, not believed."""
    world = device.world
    sign_spoiled(world, spoil)
    check_refused(device, news(device), code)


def test_a_pending_patch_is_read(device: Stationhouse) -> None:
    world = device.world
    sign_spoiled(world, put("modules", 0, "patches", value=[PATCH]))
    assert Exit.DONE == device.take(news(device)).code
    assert 1 == len(held(device))
