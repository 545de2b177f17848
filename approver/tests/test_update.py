"""An update of lists and rules: its difference is read, and what nobody accepted is not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hands import Hands
from strongroom.core.codes import Code
from strongroom.core.packages import PackageKind
from strongroom.core.words import group
from strongroom.devices.screens.views import Choosing

from .conftest import Desk, MakeDesk
from .test_bad_input import news


def with_new_policy(desk: Desk) -> Path:
    desk.world.change_policy(lambda policy: replace(policy, rules=policy.rules[:-1]))
    body = replace(desk.world.update_body(desk.seen), registers=(), rosters=())
    return desk.put(PackageKind.UPDATE, body)


def version(desk: Desk) -> int:
    policy = desk.trust.policy
    assert policy is not None
    return policy.body.version


@pytest.mark.parametrize("answer", ["reject", "unsure"])
def test_what_nobody_accepted_is_not_believed_and_can_be_taken_later(make_desk: MakeDesk, answer: str) -> None:
    desk = make_desk()
    package, before = with_new_policy(desk), desk.trust
    assert 3 == desk.type("import", str(package), lines=(answer,))
    assert {Code.OPERATOR_REFUSED} == desk.codes
    assert before == desk.trust
    assert 0 == desk.type("import", str(package), lines=("accept",))
    assert 2 == version(desk)


def test_silence_is_no_consent(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert 3 == desk.type("import", str(with_new_policy(desk)))
    assert {Code.OPERATOR_REFUSED} == desk.codes
    assert 1 == version(desk)


def test_only_the_log_has_grown_and_nobody_is_asked(make_desk: MakeDesk) -> None:
    desk = make_desk()
    size = desk.seen
    desk.world.tick(60)
    assert 0 == desk.type("import", str(desk.put(PackageKind.UPDATE, news(desk))))
    assert "accept" not in desk.told
    assert size <= desk.seen


def test_the_difference_is_read_before_it_is_accepted(make_desk: MakeDesk) -> None:
    desk = make_desk()
    gone = desk.trust.policy_in_force.rules[-1].id
    package = with_new_policy(desk)

    async def do(hands: Hands) -> None:
        asked = await hands.find(Choosing)
        await hands.press("a")
        assert hands.screen.shell.view is asked
        shown = await hands.choose("a")
        assert "What this update changes" in shown
        assert f"removed {gone}" in shown
        # A policy that changes is read whole, rule by rule, and not only by its name.
        assert "The policy in force, in sentences" in shown
        assert "A rest is 15 min without any." in shown

    assert 0 == desk.sit(do, "import", str(package))
    assert 2 == version(desk)


def test_the_policy_is_told_in_sentences_with_its_digest(make_desk: MakeDesk) -> None:
    desk = make_desk()
    head = desk.trust.build_heads().policy

    async def do(hands: Hands) -> None:
        shown = " ".join((await hands.see_stop()).split())
        assert group(head.digest) in shown
        for rule in desk.trust.policy_in_force.rules:
            assert f"RULE {rule.id}" in shown

    assert 0 == desk.sit(do, "policy")
    assert 0 == desk.type("policy")
    assert {"digest": head.digest, "version": 1} == json.loads(desk.says)


def test_before_the_first_import_there_is_no_policy_to_tell(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    assert 0 == desk.enroll()
    assert (3, {Code.STAGE_MISSING}) == (desk.type("policy"), desk.codes)
