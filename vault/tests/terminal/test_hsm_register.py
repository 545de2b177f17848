"""The terminal's own token, a real one, against the HSM register: before a PIN, and after what a package brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hsm_registers import build_module, build_register
from strongroom.core.bodies import Halt
from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.hsm_judge import LiveToken
from strongroom.core.hsms import CertificateStatus, Module, ModuleState
from strongroom.core.ids import PartyId
from strongroom.core.statements import parse_statement
from strongroom.vault.hsm.module import describe_live, find_token
from strongroom.vault.terminal.bootstrap import open_terminal
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.people import open_crew
from strongroom.vault.terminal.status import build_status

PIN = "user-4482"
BOTH = ("person:c.lam", "person:p.wu")
Edit = Callable[[Module], Module]


@pytest.fixture
def live(tokens: Any) -> LiveToken:
    """What the terminal's token says of itself."""
    return describe_live(find_token(tokens.module, "terminal-1"))


def module_of(firm: Any, live: LiveToken) -> Module:
    """The entry that is right for this token."""
    return build_module(
        firm.world.now, live.serial, manufacturer=live.manufacturer, model=live.model, version=live.firmware
    )


def certified(**fields: Any) -> Edit:
    return lambda module: replace(module, certificate=replace(module.certificate, **fields))


def say(firm: Any, live: LiveToken, edit: Edit = lambda module: module) -> str:
    """The delegates sign a register with one module."""
    statement = firm.world.hsms(build_register(firm.world.now, edit(module_of(firm, live))))
    found: str = statement.id
    return found


def bring(stand: Any) -> None:
    """An update that brings the notices and nothing else."""
    firm_world = stand.world
    body = firm_world.update_body(stand.last_seen(), whole=False)
    stand.take(stand.update(replace(body, registers=())))


def enter(stand: Any) -> tuple[Any, ...]:
    """Log in and out again; the alarms."""
    with (
        open_terminal(stand.home.path, stand.outside(*(PIN,) * 3)) as terminal,
        open_crew(terminal, [PartyId(p) for p in BOTH]) as crew,
    ):
        return tuple(alarm.code for alarm in crew.alarms)


def compared(stand: Any) -> list[list[str]]:
    """What each comparison in the journal found."""
    with stand.open() as terminal:
        entries = terminal.journal.entries_of_kind(EntryKind.TOKEN_COMPARED)
        return [findings_of(entry.payload) for entry in entries]


def findings_of(payload: bytes) -> list[str]:
    value: Any = parse_canonical(payload)
    return list(value["fields"]["findings"])


def blocked(stand: Any) -> set[Code]:
    with pytest.raises(RefusedError) as caught:
        enter(stand)
    return set(caught.value.codes)


def halted(stand: Any) -> list[tuple[str, list[str]]]:
    """Stage and codes of every halt that the last session handed out."""
    bodies = [parse_statement(envelope).body for envelope in stand.result().halts]
    return [(b.stage, [reason.code for reason in b.refusals]) for b in bodies if isinstance(b, Halt)]


def test_before_the_first_register_nothing_is_compared_and_the_status_says_so(stand: Any) -> None:
    assert () == enter(stand)
    assert [] == compared(stand)
    with stand.open() as terminal:
        assert "none" == build_status(terminal)["hsm_register"]


def test_a_token_in_order_signs_and_the_comparison_is_on_record(firm: Any, stand: Any, live: LiveToken) -> None:
    register = say(firm, live)
    bring(stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert [[], []] == compared(stand), "once before the PINs, once after the package"
    assert [] == halted(stand)
    with stand.open() as terminal:
        assert {"digest": register, "version": 1} == build_status(terminal)["hsm_register"]


BLOCKED: tuple[tuple[str, Edit, Code], ...] = (
    ("another serial", lambda m: replace(m, serials=("0000",)), Code.HSM_UNKNOWN),
    ("other firmware", lambda m: replace(m, firmware="9.9"), Code.HSM_NOT_CERTIFIED),
    ("not active", lambda m: replace(m, state=ModuleState.REGISTERED), Code.HSM_NOT_ACTIVE),
    ("revoked", certified(status=CertificateStatus.REVOKED), Code.HSM_CERTIFICATE_REVOKED),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in BLOCKED], ids=[r[0] for r in BLOCKED])
def test_a_fault_that_blocks_stops_before_any_pin(
    firm: Any, stand: Any, live: LiveToken, edit: Edit, code: Code
) -> None:
    say(firm, live, edit)
    bring(stand)
    stand.screen.truncate(0)
    assert {code} == blocked(stand)
    assert "PIN of" not in stand.screen.getvalue()
    [found] = compared(stand)
    assert found[0].startswith(f"block {code.value}")


def test_an_alarm_is_shown_journaled_and_handed_out_and_the_transfer_is_signed(
    firm: Any, stand: Any, live: LiveToken
) -> None:
    say(firm, live, certified(status=CertificateStatus.HISTORICAL))
    bring(stand)
    outcome = stand.run(firm.turn(trips=[firm.trip()]), "sign")
    assert (1, []) == (len(outcome.results), outcome.refused)
    assert "ALARM HSM_CERTIFICATE_HISTORICAL" in stand.screen.getvalue()
    assert [("SIGN token", ["HSM_CERTIFICATE_HISTORICAL"])] == halted(stand)
    assert ["alarm HSM_CERTIFICATE_HISTORICAL hsm-cold.certificate"] == compared(stand)[0]


def test_a_register_that_a_signing_package_brings_stops_that_session(firm: Any, stand: Any, live: LiveToken) -> None:
    turn = firm.turn(trips=[firm.trip()])
    turn.before = lambda: say(firm, live, certified(status=CertificateStatus.REVOKED))
    outcome = stand.run(turn, "sign")
    assert [] == outcome.results
    assert [("SIGN token", ["HSM_CERTIFICATE_REVOKED"])] == halted(stand)
    assert {Code.HSM_CERTIFICATE_REVOKED} == blocked(stand)


def test_a_register_without_its_quorum_is_not_taken(firm: Any, stand: Any, live: LiveToken) -> None:
    firm.world.hsms(build_register(firm.world.now, module_of(firm, live)), signers=1)
    with pytest.raises(RefusedError) as caught:
        bring(stand)
    assert {Code.THRESHOLD_NOT_MET} == caught.value.codes
    assert () == enter(stand)
