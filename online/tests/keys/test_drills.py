"""Restore drills count while their wrapping key is in force, for the terminals whose keys signed in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from drilled import LEADER, ROLES, restore_of, rotated, with_room
from firm import ASSIGNER, Firm, open_firm, write_secret
from issued import Desk, eth_batch, open_desk
from strongroom.core.address_package import parse_package, prove_package
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.ceremonies import Ceremony, CeremonyKind, CeremonyOutcome
from strongroom.core.checks.issue import RestoreDrill, fold_drills
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, PartyId
from strongroom.core.records import HexOrNone, encode_record
from strongroom.core.statements import StatementType
from strongroom.online.cli import main
from strongroom.online.config import Config, KeyConfig, load_config
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.roles import Role
from strongroom.online.evidence.store import append, load_by_kind
from strongroom.online.keys import commands
from strongroom.online.keys.drills import find_drills
from world import seed


@pytest.fixture
def desk(tmp_path: Path, database: Database) -> Iterator[Desk]:
    """A desk in a firm that has a ceremony room, with a batch that is imported."""
    with open_firm(tmp_path, database, edits={"roster": with_room}) as firm, open_desk(firm) as made:
        made.register(eth_batch())
        made.take_in(eth_batch())
        yield made


def drills(firm: Firm) -> Mapping[PartyId, RestoreDrill]:
    """Those that count, by what the log says."""
    return find_drills(load_by_kind(firm.platform.connection, StatementType.CEREMONY), firm.rules)


def hold(firm: Firm, body: Ceremony, *left_out: str) -> None:
    """A transcript enters the log, signed by those who were there."""
    firm.world.now = firm.clock()
    signers = [name for name in sorted(ROLES) if name not in left_out]
    append(firm.admin, firm.world.sign(body, LEADER, signers))


def test_a_drill_counts_until_its_wrapping_key_is_replaced(desk: Desk) -> None:
    firm = desk.firm
    assert {} == drills(firm)
    body = restore_of("eoa-0", "aabbcc", firm.clock())
    hold(firm, body)
    (drill,) = drills(firm).values()
    assert ("device:terminal-1", body.ended) == (drill.terminal, drill.at)
    hold(firm, rotated(body, "ddeeff", firm.clock()))
    assert {} == drills(firm)


def test_a_transcript_that_somebody_present_did_not_sign_stops_all(desk: Desk) -> None:
    firm = desk.firm
    hold(firm, restore_of("eoa-0", "aabbcc", firm.clock()), "person:w.witness")
    with pytest.raises(StrongroomError) as caught:
        drills(firm)
    assert Code.SIGNATURES_MISSING in caught.value.codes


def test_what_ends_a_drill(desk: Desk) -> None:
    keys = desk.firm.rules.entries.keys
    now = desk.firm.clock()
    body = restore_of("eoa-0", "aabbcc", now)
    said = (sha256(b"drill"), body)
    assert 1 == len(fold_drills([said], keys))
    failed = restore_of("eoa-0", "aabbcc", now, outcome=CeremonyOutcome.FAILED, drills=())
    assert {} == fold_drills([said, (sha256(b"failed"), failed)], keys)
    assert 1 == len(fold_drills([said, (sha256(b"failed"), failed), said], keys))
    lost = restore_of("eoa-0", "aabbcc", now, kind=CeremonyKind.COMPROMISE, drills=())
    assert {} == fold_drills([said, (sha256(b"lost"), lost)], keys)
    elsewhere = restore_of("eoa-0", "112233", now, kind=CeremonyKind.COMPROMISE, drills=())
    assert 1 == len(fold_drills([said, (sha256(b"elsewhere"), elsewhere)], keys))
    # A key under a registered name, but not that key.
    stranger = restore_of("eoa-77", "aabbcc", now)
    assert {} == fold_drills([(sha256(b"stranger"), stranger)], keys)
    assert HexOrNone("aabbcc") == body.check_value


def test_the_command_hands_out_an_address_after_a_drill(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    firm, out = desk.firm, tmp_path / "harbour.address.json"
    monkeypatch.setattr(commands, "system_clock", firm.clock)
    arguments = ["assign", "--config", str(write_config(firm)), "account:harbour:eth"]
    assert 3 == main(arguments)
    assert Code.ADDRESS_WITHOUT_SPEND_PROOF in capsys.readouterr().out
    hold(firm, restore_of("eoa-0", "aabbcc", firm.clock() - timedelta(days=1)))
    capsys.readouterr()
    assert 0 == main(arguments)
    told = json.loads(capsys.readouterr().out)
    asked = ["address-package", "--config", arguments[2], told["entry"], "--out", str(out)]
    assert 3 == main(asked)
    assert Code.NOT_IN_LOG in capsys.readouterr().out
    desk.witness()
    assert 0 == main(asked)
    body = prove_package(parse_package(out.read_bytes()), firm.world.fingerprint, firm.clock()).assignment
    assert (AccountId("account:harbour:eth"), told["address"]) == (body.account, body.address)
    capsys.readouterr()
    assert 3 == main(asked)
    assert Code.ALREADY_EXISTS in capsys.readouterr().out


def write_config(firm: Firm) -> Path:
    """The assigner's own configuration: no nodes, its own key and its own role."""
    folder = firm.folder / "assigner"
    folder.mkdir(exist_ok=True)
    write_secret(folder / "assigner.conninfo", firm.database.conninfo(Role.ASSIGNER).reveal())
    write_secret(folder / "assigner.key", seed(ASSIGNER).hex())
    work = load_config(firm.config("work"))
    body = Config(
        chains=(),
        database=str(folder / "assigner.conninfo"),
        doors=(),
        home=str(folder),
        keys=(KeyConfig(file=str(folder / "assigner.key"), party=ASSIGNER),),
        poll_ms=work.poll_ms,
        root=work.root,
    )
    path = folder / "assign.json"
    path.write_bytes(encode_canonical(encode_record(body)))
    return path
