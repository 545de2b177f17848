"""Two operators with their own tokens and PINs, at a terminal without a network."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import paper
import world
import world_firm
import world_registers
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from strongroom.core.leases import Lease
from strongroom.core.records import parse_record
from strongroom.vault.terminal import cli
from strongroom.vault.terminal.attempts import MAX_WRONG_PINS, REST_S
from strongroom.vault.terminal.bootstrap import open_terminal
from strongroom.vault.terminal.people import open_crew

from .conftest import CODE, DRILL, DURESS

PIN = "user-4482"


def enter(stand: Any, *people: str, pins: tuple[str, ...] = (PIN,) * 3) -> tuple[str, ...]:
    """Log in and out again; who operated."""
    with (
        open_terminal(stand.home.path, stand.outside(*pins)) as terminal,
        open_crew(terminal, [PartyId(p) for p in people]) as crew,
    ):
        return crew.people


def fails(code: Code, stand: Any, *people: str, pins: tuple[str, ...] = (PIN,) * 3) -> None:
    with pytest.raises(StrongroomError) as caught:
        enter(stand, *people, pins=pins)
    assert code in caught.value.codes


BOTH = ("person:c.lam", "person:p.wu")


def test_two_operators_log_in_in_the_order_of_their_ids(stand: Any) -> None:
    assert BOTH == enter(stand, *reversed(BOTH))
    assert stand.screen.getvalue().index("PIN of terminal") < stand.screen.getvalue().index("PIN of person:c.lam")


@pytest.mark.parametrize("people", [BOTH[:1], (BOTH[0], BOTH[0]), ()])
def test_one_operator_is_not_two(stand: Any, people: tuple[str, ...]) -> None:
    fails(Code.OPERATORS_NOT_TWO, stand, *people)


def test_who_is_no_operator_does_not_operate(stand: Any) -> None:
    fails(Code.ROLE_MISSING, stand, BOTH[0], "person:m.chan")
    fails(Code.SIGNER_UNKNOWN, stand, BOTH[0], "person:nobody")


def test_two_names_of_one_human_are_one(firm: Any) -> None:
    def same(roster: Any) -> Any:
        parties = [replace(p, staff="staff-04") if p.id == BOTH[1] else p for p in roster.parties]
        return firm.tokens._roster(replace(roster, parties=tuple(parties)))

    changed = dataclasses.replace(firm, world=world.World(edits={**firm.tokens.edits(), "roster": same}))
    fails(Code.OPERATORS_NOT_TWO, changed.stand().ready(), *BOTH)


def test_an_operator_whose_time_is_over_does_not_operate(firm: Any, stand: Any) -> None:
    firm.world.tick(61 * 86400)
    fails(Code.SIGNER_NOT_VALID, stand, *BOTH)


@pytest.mark.parametrize("party", ["device:terminal-1", "person:c.lam"])
def test_a_token_must_hold_the_rosters_key(firm: Any, party: str) -> None:
    def other(roster: Any) -> Any:
        right = firm.tokens._roster(roster)
        parties = [replace(p, key=world.signer_of(party).key) if p.id == party else p for p in right.parties]
        return replace(right, parties=tuple(parties))

    changed = dataclasses.replace(firm, world=world.World(edits={**firm.tokens.edits(), "roster": other}))
    fails(Code.KEY_NOT_IN_TOKEN, changed.stand().ready(), *BOTH)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_wrong_pin_is_counted_until_a_right_one(stand: Any, place: int) -> None:
    label = ("terminal-1", "c.lam", "p.wu")[place]
    pins = tuple("wrong" if i == place else PIN for i in range(3))
    for count in (1, 2):
        fails(Code.PIN_WRONG, stand, *BOTH, pins=pins)
        with stand.open() as terminal:
            assert count == terminal.journal.state.wrong_pins(label)
    assert BOTH == enter(stand, *BOTH)
    with stand.open() as terminal:
        assert 0 == terminal.journal.state.wrong_pins(label)


def test_after_many_wrong_pins_a_token_rests(firm: Any, stand: Any) -> None:
    for _ in range(MAX_WRONG_PINS):
        fails(Code.PIN_WRONG, stand, *BOTH, pins=("wrong",))
    asked = stand.screen.getvalue().count("PIN of terminal")
    fails(Code.PIN_WRONG, stand, *BOTH)
    assert asked == stand.screen.getvalue().count("PIN of terminal")
    firm.world.tick(REST_S)
    assert BOTH == enter(stand, *BOTH)


def options(stand: Any, *arguments: str) -> Any:
    return cli.build_parser().parse_args([*arguments, "--home", str(stand.home.path), "--json"])


def test_a_network_stops_a_session_before_a_pin_is_asked_for(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", "--in", str(stand.inbox), "--out", str(stand.out), "--wait", "1")
    stand.interfaces = ("lo", "eth0")
    assert 3 == cli.run(options(stand, *arguments), stand.outside(PIN, PIN, PIN))
    assert "NETWORK_PRESENT" == json.loads(capsys.readouterr().out)["refusals"][0]["code"]
    assert "PIN" not in stand.screen.getvalue()
    stand.interfaces = ("lo",)
    assert 3 == cli.run(options(stand, *arguments), stand.outside(PIN, PIN, PIN))
    found = json.loads(capsys.readouterr().out)["results"][0]["refusals"][0]["code"]
    assert "CLEAR_MISSING" == found


def test_a_session_by_command(firm: Any, stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    trip = firm.trip()
    stand.on_pause = stand._once(firm.turn(trips=[trip]))
    arguments = ("run", "--in", str(stand.inbox), "--out", str(stand.out))
    assert 0 == cli.run(options(stand, *arguments), stand.outside(PIN, PIN, PIN, "sign"))
    report = json.loads(capsys.readouterr().out)
    assert [{"outcome": "signed", "proposal": trip.proposal.id}] == report["results"]
    assert Path(report["package"]).is_file()


def test_the_state_by_command(firm: Any, stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    assert 0 == cli.run(options(stand, "status"), stand.outside())
    status = json.loads(capsys.readouterr().out)
    (row,) = [r for r in status["limits"] if r["rule"] == "rule:eth"]
    assert (1, str(125 * 10**16)) == (row["count"], row["units"])
    assert 1 == status["heads"]["whitelist"]["version"]
    assert [] == status["freezes"]


def test_the_program_as_a_process_without_a_network(firm: Any) -> None:
    """enroll, import and status as real programs; their network namespace has no interface but the loopback."""
    stand = firm.stand()
    assert (0, firm.world.fingerprint) == answer(enroll(firm, stand), "fingerprint")
    again = enroll(firm, stand)
    assert (3, "ALREADY_EXISTS") == (again.returncode, json.loads(again.stdout)["refusals"][0]["code"])
    assert 2 == call(["run"], "").returncode
    assert 4 == call(["status", "--home", str(stand.folder / "nothing"), "--json"], "").returncode
    assert (0, stand.name) == answer(call(["status", *home(stand)], ""), "terminal")


def test_a_whole_session_as_a_process_without_a_network(
    tokens: Any, firm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real clock, the real token, real standard input; the platform answers through the two folders."""
    for module in (world_firm, world_registers):
        monkeypatch.setattr(module, "START", datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    firm = dataclasses.replace(firm, world=world.World(edits=tokens.edits()))
    stand = firm.stand()
    assert 0 == enroll(firm, stand).returncode
    shown = json.loads(call(["status", *home(stand)], "").stdout)["lease"]["next"]["body"]
    body = parse_record(Lease, shown, "lease")
    firm.world.drop_stand_in(stand.name)
    firm.world.lease(firm.world.build_lease(stand.name, body.token, body.journal, body.place))
    update = stand.write(stand.folder, stand.update(firm.world.update_body()))
    done = call(["import", *home(stand), str(update)], "accept\naccept\n")
    assert (0, stand.name) == answer(done, "terminal")
    for person in BOTH:
        typed = "".join(f"{code}\n" * 2 for code in (CODE, DURESS, DRILL))
        done = call(["codes", *home(stand), "--person", person], f"{PIN}\n{typed}")
        assert (0, person) == answer(done, "person"), done.stderr
    trip = firm.trip()
    arguments = ["run", *home(stand), "--in", str(stand.inbox), "--out", str(stand.out), "--wait", "60"]
    with start(arguments) as program:
        assert program.stdin is not None
        program.stdin.write(f"{PIN}\n{PIN}\n{CODE}\n{PIN}\n{CODE}\nsign\n")
        program.stdin.flush()
        while not list(stand.out.glob("*-session-request.package.json")):
            assert program.poll() is None, program.communicate()
            time.sleep(0.05)
        stand.answer(firm.turn(trips=[trip]))
        paper.read_questions(program, stand.on_desk)
        printed, _ = program.communicate(timeout=60)
    assert 0 == program.returncode
    assert [{"outcome": "signed", "proposal": trip.proposal.id}] == json.loads(printed)["results"]
    assert trip.proposal.id == stand.result().results[0].proposal


def home(stand: Any) -> list[str]:
    return ["--home", str(stand.home.path), "--json"]


def enroll(firm: Any, stand: Any) -> subprocess.CompletedProcess[str]:
    stand.folder.mkdir(parents=True, exist_ok=True)
    root = stand.folder / "root.json"
    root.write_bytes(firm.world.root_file)
    who = ["--id", stand.name, "--token", "terminal-1", "--keys", stand.config.keys]
    operators = [f"{p}={p.split(':')[1]}" for p in BOTH]
    arguments = ["enroll", *home(stand), "--root", str(root), *who, "--operator-token", *operators]
    return call(arguments, f"{firm.world.fingerprint}\n" * 2)


def answer(done: subprocess.CompletedProcess[str], field: str) -> tuple[int, str]:
    return done.returncode, json.loads(done.stdout)[field]


def call(arguments: list[str], typed: str) -> subprocess.CompletedProcess[str]:
    with start(arguments) as program:
        printed, said = program.communicate(typed, timeout=60)
    return subprocess.CompletedProcess(arguments, program.returncode, printed, said)


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """The program in a network namespace of its own. The fixture has set SOFTHSM2_CONF, and programs inherit it."""
    command = ["unshare", "-rn", sys.executable, "-m", "strongroom.vault.terminal.cli", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
