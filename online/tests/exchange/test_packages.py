"""Packages for devices: numbered without holes, decided in one transaction, files made again when they are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firm import Firm, change_register
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.core.ids import PartyId
from strongroom.core.packages import PackageKind, UpdateBody, parse_package
from strongroom.core.trust import apply_update, enroll
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.store import LogReader
from strongroom.online.exchange.outgoing import check_read_on, write_outbox
from strongroom.online.exchange.store import add_device, load_packages, lock_device, save_seen

GATE = PartyId("device:gate-1")


def updates(firm: Firm) -> list[bytes]:
    """The packages of the gate."""
    return [raw for device, _, kind, raw in load_packages(firm.admin) if device == GATE and kind == "update"]


def published(firm: Firm) -> None:
    """Rounds until what is published is witnessed and sent."""
    for _ in range(2):
        firm.round()


def test_an_unknown_device_gets_nothing(office_firm: Firm) -> None:
    with pytest.raises(RefusedError) as caught:
        lock_device(office_firm.admin, PartyId("device:stranger"))
    assert Code.SIGNER_UNKNOWN in caught.value.codes
    assert GATE == lock_device(office_firm.admin, GATE).id


def test_a_device_that_is_enrolled_again_keeps_its_numbers(office_firm: Firm) -> None:
    published(office_firm)
    before = lock_device(office_firm.admin, GATE)
    add_device(office_firm.platform.connection, GATE, "gate")
    assert before == lock_device(office_firm.admin, GATE)
    assert 1 == before.sent


def test_news_goes_out_once_and_each_update_begins_where_the_last_ended(office_firm: Firm) -> None:
    firm = office_firm
    published(firm)
    published(firm)
    assert 1 == len(updates(firm))
    change_register(firm, "whitelist", removed=("entry:peak-ltc",))
    published(firm)
    first, second = (parse_package(raw) for raw in updates(firm))
    assert [1, 2] == [first.sequence, second.sequence]
    trust = enroll(tuple(firm.world.roots), firm.world.fingerprint)
    for package in (first, second):
        assert isinstance(package.body, UpdateBody)
        trust = apply_update(trust, package.body, firm.clock())
    assert firm.rules.build_heads() == trust.build_heads()
    assert lock_device(firm.admin, GATE).seen == trust.log_head.size


def test_a_device_that_lost_a_package_says_what_it_holds(office_firm: Firm) -> None:
    firm = office_firm
    published(firm)
    with firm.platform.connection.transaction():
        save_seen(firm.platform.connection, GATE, 0)
    published(firm)
    lost, again = (parse_package(raw) for raw in updates(firm))
    assert [1, 2] == [lost.sequence, again.sequence]
    assert replace(lost, sequence=2, created_at=again.created_at).kind is again.kind is PackageKind.UPDATE
    trust = enroll(tuple(firm.world.roots), firm.world.fingerprint)
    assert isinstance(again.body, UpdateBody)
    assert firm.rules.build_heads() == apply_update(trust, again.body, firm.clock()).build_heads()


def test_files_are_written_whole_and_once(office_firm: Firm) -> None:
    firm = office_firm
    published(firm)
    (path,) = (firm.outbox / "device-gate-1").glob("*.package.json")
    assert updates(firm) == [path.read_bytes()]
    assert [] == list(firm.outbox.rglob("*.tmp"))
    # Taken away by the courier: not written again.
    path.unlink()
    assert [] == write_outbox(firm.platform.connection, firm.outbox)
    # Lost before it was whole: the mark is not there, and it is made again from the database.
    path.with_suffix(".sent").unlink()
    assert [path] == write_outbox(firm.platform.connection, firm.outbox)
    assert updates(firm) == [path.read_bytes()]


def test_a_worker_that_read_less_of_the_log_than_a_device_holds_reads_on_first(office_firm: Firm) -> None:
    published(office_firm)
    gate = lock_device(office_firm.admin, GATE)
    with pytest.raises(UnavailableError) as caught:
        check_read_on(LogReader(), gate)
    assert Code.LOG_BEHIND in caught.value.codes
    check_read_on(office_firm.platform.reader, gate)


def test_one_worker_of_a_home_writes_its_files_at_a_time(office_firm: Firm) -> None:
    published(office_firm)
    before = sorted(office_firm.outbox.glob("*/*.package.json"))
    lock = office_firm.outbox.with_suffix(".lock")
    with locked_file(lock), pytest.raises(UnavailableError) as caught:
        write_outbox(office_firm.admin, office_firm.outbox)
    assert Code.FILE_BUSY in caught.value.codes
    # Freed by its holder, and everything is there already.
    assert [] == write_outbox(office_firm.admin, office_firm.outbox)
    assert before == sorted(office_firm.outbox.glob("*/*.package.json"))
