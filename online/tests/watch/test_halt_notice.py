"""The security desk scans what a terminal's screen shows: an alert, once, and nothing for a code of anybody else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from firm import Firm
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.halt_notice import HaltNotice, build_notice_text, point_at
from strongroom.core.ids import Digest, PartyId
from strongroom.online.cli import main
from strongroom.online.watch.halt_notice import accept_notice
from strongroom.online.watch.store import load_alerts
from world_keys import Signer, signer_of

HALTED = Digest("sha256:" + "5c" * 32)


def notice_of(firm: Firm, name: str = "device:terminal-1", signer: Signer | None = None) -> str:
    notice = HaltNotice(
        terminal=PartyId(name),
        code=Code.DEST_NOT_INSTRUCTED.value,
        journal=5521,
        at=firm.clock(),
        halt=point_at(HALTED),
    )
    return build_notice_text(notice, firm.rules.context, (signer or signer_of(name)).sign)


def test_a_scanned_halt_is_an_alert_once(firm: Firm) -> None:
    text = notice_of(firm)

    for _ in range(2):
        told = accept_notice(firm.platform.connection, firm.rules, text, firm.clock())
        assert ("device:terminal-1", 5521) == (told.terminal, told.journal)

    (alert,) = [a for a in load_alerts(firm.admin) if a.code == Code.DEST_NOT_INSTRUCTED.value]
    assert ("critical", "device:terminal-1 journal 5521") == (alert.severity, alert.subject)
    assert "5c5c5c5c5c5c5c5c" in alert.detail


def test_a_code_that_no_terminal_signed_alarms_nobody(firm: Firm) -> None:
    wrong: list[tuple[Code, Callable[[], str]]] = [
        (Code.HALT_NOTICE_INVALID, lambda: "https://example.com/halt"),
        (Code.SIGNATURE_INVALID, lambda: notice_of(firm, signer=signer_of("device:terminal-2"))),
        (Code.SIGNER_UNKNOWN, lambda: notice_of(firm, "device:terminal-9")),
        (Code.ROLE_MISSING, lambda: notice_of(firm, "device:station-1")),
    ]
    for code, text in wrong:
        with pytest.raises(StrongroomError) as caught:
            accept_notice(firm.platform.connection, firm.rules, text(), firm.clock())
        assert {code} == caught.value.codes
    assert () == load_alerts(firm.admin)
    accept_notice(firm.platform.connection, firm.rules, notice_of(firm), firm.clock())
    assert 1 == len(load_alerts(firm.admin))


def test_a_notice_of_another_firm_is_refused(firm: Firm) -> None:
    context = replace(firm.rules.context, organization="other-custody")
    notice = HaltNotice(
        terminal=PartyId("device:terminal-1"), code=Code.FROZEN.value, journal=1, at=firm.clock(), halt="00" * 8
    )
    text = build_notice_text(notice, context, signer_of("device:terminal-1").sign)

    with pytest.raises(StrongroomError, match="SIGNATURE_INVALID"):
        accept_notice(firm.platform.connection, firm.rules, text, firm.clock())
    assert () == load_alerts(firm.admin)
    accept_notice(firm.platform.connection, firm.rules, notice_of(firm), firm.clock())


def test_the_security_desk_pastes_what_the_telephone_read(
    firm: Firm, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, config = notice_of(firm), str(firm.config("work"))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
    monkeypatch.setattr("strongroom.online.cli.system_clock", firm.clock)

    for words in ([], [text]):
        assert 0 == main(["scan-halt", "--config", config, *words])
        told = json.loads(capsys.readouterr().out)
        assert ("device:terminal-1", 5521, "DEST_NOT_INSTRUCTED") == (told["terminal"], told["journal"], told["code"])
        assert told["next"]

    assert [Code.DEST_NOT_INSTRUCTED.value] == [a.code for a in load_alerts(firm.admin)]
    assert 3 == main(["scan-halt", "--config", config, text[:-1]])
    refused = {refusal["code"] for refusal in json.loads(capsys.readouterr().out)["refusals"]}
    assert refused <= {"HALT_NOTICE_INVALID", "SIGNATURE_INVALID", "SIGNATURE_HIGH_S"}
