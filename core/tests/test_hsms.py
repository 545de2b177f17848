"""The HSM register: what no register may say, what a token is judged to be, and how long weaknesses stood open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hsm_registers import BLOCKING, build_module, build_register, build_rules, build_vendor
from strongroom.core import hsm_judge
from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.checks.notices import find_hsms
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.hsm_judge import LiveToken, judge_register, judge_token
from strongroom.core.hsm_times import measure_advisory, measure_patches, measure_vendor
from strongroom.core.hsms import (
    Advisory,
    CertificateStatus,
    Decision,
    Diligence,
    Fault,
    HsmRegister,
    Module,
    ModuleState,
    Patch,
    Ruling,
    Scheme,
)
from strongroom.core.ids import PartyId
from strongroom.core.records import encode_record, parse_record
from strongroom.core.trust import Trust, apply_update, enroll
from world import DELEGATES, World

from .refusals import refuse
from .test_notices import change_keys_delegates, device_of, take

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SERIAL = "d11945158f709fbc"
TOKEN = LiveToken(manufacturer="SoftHSM project", model="SoftHSM v2", serial=SERIAL, hardware="2.6", firmware="2.6")
MODULE = build_module(NOW, SERIAL)
REGISTER = build_register(NOW, MODULE)
PATCH = Patch(
    accepted_by=(PartyId("person:a.officer"),),
    advisory="ADV-1",
    applied=NOW - 10 * DAY,
    certified=None,
    deadline=NOW + 20 * DAY,
    firmware="2.7",
)

Edit = Callable[[Module], Module]


def certified(**fields: Any) -> Edit:
    return lambda module: replace(module, certificate=replace(module.certificate, **fields))


def patched(**fields: Any) -> Edit:
    return lambda module: replace(module, firmware="2.7", patches=(replace(PATCH, **fields),))


def faults(register: HsmRegister, token: LiveToken, now: datetime = NOW) -> list[Fault]:
    return [found.fault for found in judge_token(register, token, now)]


def with_module(edit: Edit) -> HsmRegister:
    return replace(REGISTER, modules=(edit(MODULE),))


NEW_FIRMWARE = replace(TOKEN, firmware="2.7")
JUDGED: tuple[tuple[str, Edit, LiveToken, list[Fault]], ...] = (
    ("everything in order", lambda m: m, TOKEN, []),
    ("another serial", lambda m: m, replace(TOKEN, serial="0000"), [Fault.UNKNOWN]),
    ("the serial on another maker", lambda m: m, replace(TOKEN, manufacturer="Other"), [Fault.UNKNOWN]),
    ("the serial on another model", lambda m: m, replace(TOKEN, model="SoftHSM v3"), [Fault.UNKNOWN]),
    ("firmware that nobody declared", lambda m: m, NEW_FIRMWARE, [Fault.FIRMWARE]),
    ("hardware that was not validated", lambda m: m, replace(TOKEN, hardware="9.9"), [Fault.FIRMWARE]),
    ("declared, not certified, no patch", lambda m: replace(m, firmware="2.7"), NEW_FIRMWARE, [Fault.FIRMWARE]),
    (
        "declared and certified",
        lambda m: certified(firmware=("2.6", "2.7"))(replace(m, firmware="2.7")),
        NEW_FIRMWARE,
        [],
    ),
    ("waits for its due diligence", lambda m: replace(m, state=ModuleState.REGISTERED), TOKEN, [Fault.NOT_ACTIVE]),
    ("retired", lambda m: replace(m, state=ModuleState.RETIRED), TOKEN, [Fault.NOT_ACTIVE]),
    ("historical", certified(status=CertificateStatus.HISTORICAL), TOKEN, [Fault.HISTORICAL]),
    ("FIPS 140-2, said to be active", certified(scheme=Scheme.FIPS_140_2), TOKEN, [Fault.HISTORICAL]),
    ("Common Criteria", certified(scheme=Scheme.COMMON_CRITERIA), TOKEN, []),
    ("revoked and past its end", certified(status=CertificateStatus.REVOKED, sunset=NOW), TOKEN, [Fault.REVOKED]),
    ("one second before its end", certified(sunset=NOW + timedelta(seconds=1)), TOKEN, []),
    ("at its end", certified(sunset=NOW), TOKEN, [Fault.LAPSED]),
    ("interim", certified(status=CertificateStatus.INTERIM), TOKEN, []),
    ("interim, at its end", certified(status=CertificateStatus.INTERIM, sunset=NOW), TOKEN, [Fault.INTERIM_EXPIRED]),
    ("patched, certificate pending", patched(), NEW_FIRMWARE, [Fault.PATCH_PENDING]),
    ("patched in the register, not in fact", patched(), TOKEN, [Fault.FIRMWARE, Fault.PATCH_PENDING]),
    ("pending at its deadline", patched(deadline=NOW), NEW_FIRMWARE, [Fault.PATCH_OVERDUE]),
    (
        "the new certificate closes it",
        lambda m: certified(firmware=("2.7",))(patched(certified=NOW - DAY)(m)),
        NEW_FIRMWARE,
        [],
    ),
    ("review at its day", lambda m: replace(m, review_by=NOW), TOKEN, [Fault.REVIEW_OVERDUE]),
    ("the list not looked at for ten years", certified(checked=NOW - 3650 * DAY), TOKEN, [Fault.REVIEW_OVERDUE]),
)


@pytest.mark.parametrize(("edit", "token", "expected"), [r[1:] for r in JUDGED], ids=[r[0] for r in JUDGED])
def test_a_token_is_judged(edit: Edit, token: LiveToken, expected: list[Fault]) -> None:
    register = with_module(edit)
    assert expected == faults(register, token)
    # What is wrong without looking at a token is what the platform alerts, for active modules.
    alone = [f.fault for f in judge_register(register, NOW)]
    seen_on_tokens_only = {Fault.UNKNOWN, Fault.FIRMWARE, Fault.NOT_ACTIVE}
    assert [fault for fault in expected if fault not in seen_on_tokens_only] == alone


def test_a_vendors_overdue_review_counts_for_each_of_its_modules_and_is_told_once() -> None:
    other = replace(MODULE, id="hsm-warm", serials=("1",))
    vendor = replace(build_vendor(NOW), review_by=NOW)
    register = replace(REGISTER, modules=(MODULE, other), vendors=(vendor,))
    assert [Fault.REVIEW_OVERDUE] == faults(register, TOKEN)
    assert ["softhsm.review_by"] == [found.field for found in judge_register(register, NOW)]
    assert [] == faults(register, TOKEN, NOW - timedelta(seconds=1))


def test_fips_140_2_counted_until_the_day_it_turned_historical() -> None:
    register = with_module(certified(scheme=Scheme.FIPS_140_2))
    before = hsm_judge.FIPS_140_2_HISTORICAL - timedelta(seconds=1)
    assert [] == faults(register, TOKEN, before)
    assert [Fault.HISTORICAL] == faults(register, TOKEN, hsm_judge.FIPS_140_2_HISTORICAL)


def test_a_deadline_is_told_thirty_days_ahead_and_not_again_when_it_has_passed() -> None:
    end = NOW + 40 * DAY
    register = with_module(certified(sunset=end))
    assert () == hsm_judge.find_near(register, end - 30 * DAY - timedelta(seconds=1))
    (near,) = hsm_judge.find_near(register, end - 30 * DAY)
    assert (Code.HSM_DEADLINE_NEAR, "hsm-cold.certificate") == (near.code, near.field)
    assert [] == faults(register, TOKEN, end - DAY)
    assert () == hsm_judge.find_near(register, end)
    assert [Fault.LAPSED] == faults(register, TOKEN, end)
    pending = with_module(patched(deadline=NOW + 20 * DAY))
    assert ["hsm-cold.patches"] == [refusal.field for refusal in hsm_judge.find_near(pending, NOW)]


CODES = {
    Fault.UNKNOWN: Code.HSM_UNKNOWN,
    Fault.NOT_ACTIVE: Code.HSM_NOT_ACTIVE,
    Fault.FIRMWARE: Code.HSM_NOT_CERTIFIED,
    Fault.HISTORICAL: Code.HSM_CERTIFICATE_HISTORICAL,
    Fault.REVOKED: Code.HSM_CERTIFICATE_REVOKED,
    Fault.LAPSED: Code.HSM_CERTIFICATE_LAPSED,
    Fault.INTERIM_EXPIRED: Code.HSM_CERTIFICATE_LAPSED,
    Fault.PATCH_PENDING: Code.HSM_PATCH_PENDING,
    Fault.PATCH_OVERDUE: Code.HSM_PATCH_OVERDUE,
    Fault.REVIEW_OVERDUE: Code.HSM_REVIEW_OVERDUE,
}


@pytest.mark.parametrize(
    ("edit", "token", "expected"), [r[1:] for r in JUDGED if r[3]], ids=[r[0] for r in JUDGED if r[3]]
)
def test_each_fault_has_its_ruling_and_its_code(edit: Edit, token: LiveToken, expected: list[Fault]) -> None:
    for found in judge_token(with_module(edit), token, NOW):
        assert (Ruling.BLOCK if found.fault in BLOCKING else Ruling.ALARM) is found.ruling
        assert CODES[found.fault] is found.refusal.code
        assert found.refusal.expected
        assert found.refusal.got
    other = replace(with_module(edit), rules=build_rules(frozenset(expected)))
    assert {Ruling.BLOCK} == {found.ruling for found in judge_token(other, token, NOW)}


def rejected(on: datetime) -> Diligence:
    return Diligence(decision=Decision.REJECTED, document=sha256(b"no"), on=on, people=(PartyId("person:a.officer"),))


def vendor(**fields: Any) -> Callable[[HsmRegister], HsmRegister]:
    return lambda register: replace(register, vendors=(replace(register.vendors[0], **fields),))


def test_no_module_is_active_before_its_vendor_was_accepted() -> None:
    accepted = REGISTER.vendors[0].diligence
    for diligence in ((), (*accepted, rejected(NOW))):
        refuse(Code.HSM_VENDOR_NOT_ACCEPTED, lambda d=diligence: vendor(diligence=d)(REGISTER))
        waiting = with_module(lambda m: replace(m, state=ModuleState.REGISTERED))
        assert [Fault.NOT_ACTIVE] == faults(vendor(diligence=diligence)(waiting), TOKEN)
    assert [] == faults(vendor(diligence=(rejected(NOW - 999 * DAY), *accepted))(REGISTER), TOKEN)


IMPOSSIBLE: tuple[tuple[str, Callable[[], object]], ...] = (
    ("a fault without a rule", lambda: replace(REGISTER, rules=REGISTER.rules[1:])),
    ("rules in another order", lambda: replace(REGISTER, rules=REGISTER.rules[::-1])),
    ("a vendor that is not there", lambda: with_module(lambda m: replace(m, vendor="other"))),
    ("one serial in two modules", lambda: replace(REGISTER, modules=(MODULE, replace(MODULE, id="hsm-warm")))),
    ("version 1 after another", lambda: replace(REGISTER, previous=sha256(b"x"))),
    ("version 2 after none", lambda: replace(REGISTER, version=2)),
    ("decided by nobody", lambda: replace(rejected(NOW), people=())),
    ("reassessed in another order", lambda: vendor(diligence=(rejected(NOW), rejected(NOW - DAY)))(REGISTER)),
    ("a patch with nobody's risk", lambda: replace(PATCH, accepted_by=())),
    ("a deadline before the patch", lambda: replace(PATCH, deadline=PATCH.applied - DAY)),
    ("certified before it was patched", lambda: replace(PATCH, certified=PATCH.applied - DAY)),
    ("two patches pending", lambda: replace(MODULE, firmware="2.7", patches=(PATCH, PATCH))),
    ("a pending patch of other firmware", lambda: replace(MODULE, patches=(PATCH,))),
    (
        "applied before it was available",
        lambda: Advisory(applied=NOW, available=None, id="ADV-2", published=NOW - DAY),
    ),
    (
        "available before it was published",
        lambda: Advisory(applied=None, available=NOW - DAY, id="ADV-2", published=NOW),
    ),
)


@pytest.mark.parametrize("build", [r[1] for r in IMPOSSIBLE], ids=[r[0] for r in IMPOSSIBLE])
def test_what_no_register_may_say(build: Callable[[], object]) -> None:
    refuse(Code.FIELD_INVALID, build)


def test_a_register_is_the_same_after_it_was_written_and_read() -> None:
    register = with_module(patched())
    raw = encode_canonical(encode_record(register))
    assert register == parse_record(HsmRegister, parse_canonical(raw), "body")
    assert b'"certified":"none"' in raw
    body = encode_record(register)
    del body["check_days"]
    with pytest.raises(StrongroomError) as caught:
        parse_record(HsmRegister, body, "body")
    assert {Code.FIELD_MISSING} == caught.value.codes


def test_patch_latency_is_measured_against_the_promise() -> None:
    (times,) = measure_vendor(build_vendor(NOW), NOW)
    assert (20, 5, 25) == (times.vendor_days, times.our_days, times.exposed_days)
    assert (False, False) == (times.is_open, times.is_late)
    waiting = Advisory(applied=None, available=None, id="ADV-2", published=NOW - 31 * DAY)
    late = measure_advisory(waiting, 30, NOW)
    assert (31, 0, 31, True, True) == (
        late.vendor_days,
        late.our_days,
        late.exposed_days,
        late.is_open,
        late.is_late,
    )
    assert not measure_advisory(waiting, 31, NOW).is_late


def test_the_window_without_a_certificate_is_measured() -> None:
    (open_,) = measure_patches(patched()(MODULE), NOW)
    assert (10, True, False) == (open_.uncertified_days, open_.is_open, open_.is_late)
    (closed,) = measure_patches(patched(certified=NOW - 2 * DAY)(MODULE), NOW)
    assert (8, False, False) == (closed.uncertified_days, closed.is_open, closed.is_late)
    (late,) = measure_patches(patched(deadline=NOW - DAY)(MODULE), NOW)
    assert late.is_late


def say(world: World, body: HsmRegister) -> str:
    return world.hsms(body).id


def in_force(trust: Trust) -> str:
    found = find_hsms(trust.notices, trust.root, trust.context)
    return found.id if found else "none"


def test_a_register_is_taken_kept_and_replaced_by_the_next_version_only() -> None:
    world = World()
    trust = device_of(world)
    assert "none" == in_force(trust)
    first = say(world, REGISTER)
    trust = take(world, trust)
    assert first == in_force(trust)
    say(world, replace(REGISTER, version=3, previous=first))
    say(world, replace(REGISTER, version=2, previous=sha256(b"another")))
    trust = take(world, trust)
    assert first == in_force(trust)
    second = say(world, replace(REGISTER, version=2, previous=first))
    assert second == in_force(take(world, trust))
    assert second == in_force(device_of(world))


def test_a_register_without_its_quorum_is_refused_and_the_honest_one_taken() -> None:
    world = World()
    trust = device_of(world)
    world.hsms(REGISTER, signers=1)
    refuse(Code.THRESHOLD_NOT_MET, lambda: take(world, trust))
    other = World()
    first = say(other, REGISTER)
    assert first == in_force(apply_update(enroll(other.roots, other.fingerprint), other.update_body(), other.now))


def test_a_register_of_delegates_whom_the_root_dropped_passes_no_token() -> None:
    world = World()
    first = say(world, REGISTER)
    assert first == in_force(device_of(world))
    change_keys_delegates(world)
    refuse(Code.HSM_UNKNOWN, lambda: in_force(device_of(world)))
    people = DELEGATES["whitelist"]
    anew = world.notice(replace(REGISTER, version=2, previous=first), people[0], people)
    assert anew.id == in_force(device_of(world))
