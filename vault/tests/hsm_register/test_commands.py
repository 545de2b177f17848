"""The HSM register shown, and a real token compared with it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import softhsm
from hsm_registers import LATER, build_module, build_register
from strongroom.core.canonical import encode_canonical
from strongroom.core.hsm_judge import LiveToken
from strongroom.core.hsms import CertificateStatus, HsmRegister, Module, Patch
from strongroom.core.ids import PartyId
from strongroom.core.statements import Envelope, parse_statement
from strongroom.vault.hsm.module import describe_live, find_token, open_module
from strongroom.vault.hsm_check.cli import main
from strongroom.vault.hsm_register.report import build_report
from strongroom.vault.hsm_register.words import render_register
from world import DELEGATES, World

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveToken:
    store = softhsm.make_store(tmp_path_factory.mktemp("softhsm"))
    store.init_token("cold-1", "officer-7731", "user-4482")
    return describe_live(find_token(open_module(softhsm.MODULE_PATH), "cold-1"))


def sign(body: HsmRegister) -> Envelope:
    return World().sign(body, DELEGATES["keys"][0], DELEGATES["keys"])


def save(folder: Path, *modules: Module) -> Path:
    path = folder / "hsms.json"
    path.write_bytes(sign(build_register(datetime.now(UTC).replace(microsecond=0), *modules)).encode())
    return path


def module_of(live: LiveToken) -> Module:
    now = datetime.now(UTC).replace(microsecond=0)
    return build_module(now, live.serial, manufacturer=live.manufacturer, model=live.model, version=live.firmware)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_token_in_order_is_compared_without_a_pin(
    live: LiveToken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(save(tmp_path, module_of(live)))
    code, report = ask(capsys, "compare", path, "--token", "cold-1")
    assert (0, [], live.serial) == (code, report["findings"], report["serial"])
    assert 0 == main(["compare", path, "--token", "cold-1"])
    assert capsys.readouterr().out.endswith("nothing is wrong\n")


def test_a_token_of_another_serial_is_named(
    live: LiveToken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(save(tmp_path, replace(module_of(live), serials=("0000",))))
    code, report = ask(capsys, "compare", path, "--token", "cold-1")
    assert (1, ["HSM_UNKNOWN"]) == (code, [row["code"] for row in report["findings"]])
    assert 1 == main(["compare", path, "--token", "cold-1"])
    assert "BLOCK HSM_UNKNOWN" in capsys.readouterr().out


def test_an_alarm_is_a_deviation_too(live: LiveToken, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = module_of(live)
    historical = replace(module, certificate=replace(module.certificate, status=CertificateStatus.HISTORICAL))
    code, report = ask(capsys, "compare", str(save(tmp_path, historical)), "--token", "cold-1")
    assert (1, [("alarm", "historical")]) == (code, [(row["ruling"], row["fault"]) for row in report["findings"]])


def test_another_statement_is_no_register(live: LiveToken, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "policy.json"
    other.write_bytes(World().policy.encode())
    assert 2 == main(["compare", str(other), "--token", "cold-1"])
    assert "TYPE_MISMATCH" in capsys.readouterr().err
    assert 4 == main(["register", str(tmp_path / "nothing.json")])
    assert live.serial not in capsys.readouterr().out


def patched() -> HsmRegister:
    patch = Patch(
        accepted_by=(PartyId("person:a.officer"),),
        advisory="ADV-1",
        applied=NOW - 40 * DAY,
        certified=None,
        deadline=NOW - 10 * DAY,
        firmware="2.7",
    )
    module = replace(build_module(NOW, "1"), firmware="2.7", patches=(patch,), review_by=NOW - 3 * DAY)
    return build_register(NOW, module)


def test_days_windows_and_latency_are_shown() -> None:
    report: Any = build_report(parse_statement(sign(patched())), NOW)
    (module,), (vendor,) = report["modules"], report["vendors"]
    assert {"left": (LATER - NOW).days, "over": 0} == module["certificate"]["days"]
    assert {"left": 0, "over": 3} == module["review_days"]
    (patch,) = module["patches"]
    assert (40, True, True, {"left": 0, "over": 10}) == (
        patch["uncertified_days"],
        patch["is_open"],
        patch["is_late"],
        patch["deadline_days"],
    )
    (advisory,) = vendor["advisories"]
    assert (20, 5, 25, False) == (
        advisory["vendor_days"],
        advisory["our_days"],
        advisory["exposed_days"],
        advisory["is_late"],
    )
    assert ["HSM_PATCH_OVERDUE", "HSM_REVIEW_OVERDUE"] == [row["code"] for row in report["findings"]]
    assert encode_canonical(report)


def test_people_read_the_same() -> None:
    shown = "\n".join(render_register(parse_statement(sign(patched())), NOW))
    for words in (
        "fips-140-3 4999, level 3, active",
        "2.7: 40 days not certified so far; deadline 10 days overdue, LATE",
        "review       3 days overdue",
        "ADV-1: patch after 20 days, 30 promised, ours 5, exposed 25 days",
        "BLOCK HSM_PATCH_OVERDUE",
        "ALARM HSM_REVIEW_OVERDUE",
        "accepted on 2025-11-22T12:00:00Z by person:a.officer, person:b.officer",
    ):
        assert words in shown, words
    honest = "\n".join(render_register(parse_statement(sign(build_register(NOW, build_module(NOW, "1")))), NOW))
    assert honest.endswith("nothing is wrong")
    assert "LATE" not in honest


def test_the_register_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(save(tmp_path, build_module(NOW, "1")))
    assert 0 == main(["register", path])
    assert "HSM register version 1" in capsys.readouterr().out
    code, report = ask(capsys, "register", path)
    assert (0, 2, ["hsm-cold"]) == (code, report["signatures"], [m["id"] for m in report["modules"]])
