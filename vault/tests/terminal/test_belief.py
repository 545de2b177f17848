"""Enrolment, updates, and the belief on the disk: nothing older, nothing else, and two people for every change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import world
from strongroom.core import assemble
from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from strongroom.core.packages import PackageKind, encode_package, parse_package
from strongroom.core.registers import RegisterHead
from strongroom.vault.terminal.config import save_config
from strongroom.vault.terminal.enroll import parse_fingerprint, parse_root_file
from strongroom.vault.terminal.journal.entry import EntryKind

OTHER = "sha256:" + "ab" * 32


def fails(code: Code, call: Any, *arguments: Any) -> None:
    with pytest.raises(StrongroomError) as caught:
        call(*arguments)
    assert code in caught.value.codes


def test_two_people_type_the_fingerprint(firm: Any) -> None:
    right = firm.world.fingerprint
    for typed in ((OTHER, right), (right, OTHER), (OTHER, OTHER)):
        fails(Code.ROOT_MISMATCH, firm.stand().enroll, *typed)
        assert not firm.stand().home.journal.exists()
    fails(Code.OPERATOR_REFUSED, firm.stand().enroll, right)
    fails(Code.FIELD_INVALID, firm.stand().enroll, right, "sha256:12")
    digits = right.removeprefix("sha256:")
    grouped = " ".join(digits[i : i + 4] for i in range(0, 64, 4)).upper()
    assert right == firm.stand().enroll(right, grouped).fingerprint == parse_fingerprint(grouped)
    fails(Code.ALREADY_EXISTS, firm.stand().enroll, right, right)


def test_the_tokens_must_be_there(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = firm.stand()
    config = replace(stand.config, token="nobody")
    monkeypatch.setattr(type(stand), "config", config)
    fails(Code.TOKEN_UNAVAILABLE, stand.enroll, firm.world.fingerprint, firm.world.fingerprint)
    monkeypatch.undo()
    assert stand.enroll(firm.world.fingerprint, firm.world.fingerprint)


def test_a_root_file_is_an_array_of_envelopes(firm: Any) -> None:
    assert 1 == len(parse_root_file(firm.world.root_file))
    for raw in (b"{}", b"[]", b"[1]"):
        fails(Code.FIELD_INVALID, parse_root_file, raw)


def test_one_token_for_two_roles_is_refused(stand: Any) -> None:
    both = tuple(replace(o, token=stand.config.token) for o in stand.config.operators)
    fails(Code.SEPARATION, lambda: replace(stand.config, operators=both))
    assert stand.config == replace(stand.config)


def test_the_difference_is_shown_and_two_people_accept(firm: Any, stand: Any) -> None:
    added = replace(firm.world.registers["whitelist"].find("entry:peak-eth", "whitelist"), id="entry:peak-eth-2")
    seen = stand.last_seen()
    firm.world.change_register("whitelist", added=[added], removed=["entry:lantau-ltc"])
    body = firm.world.register_update("whitelist", [added], ["entry:lantau-ltc"], seen)
    raw = stand.update(body)
    for typed in (("accept", "no"), ("yes", "accept"), ("accept",)):
        fails(Code.OPERATOR_REFUSED, stand.take, raw, *typed)
        assert seen == stand.last_seen()
    (change,) = stand.take(raw)
    assert ("whitelist", ("entry:peak-eth-2",), (), ("entry:lantau-ltc",)) == (
        change.name,
        change.added,
        change.changed,
        change.removed,
    )
    shown = stand.screen.getvalue()
    for words in ("whitelist: 1 added, 0 changed, 1 removed", "added entry:peak-eth-2", "removed entry:lantau-ltc"):
        assert words in shown


def test_a_changed_policy_names_its_rules(firm: Any, stand: Any) -> None:
    seen = stand.last_seen()

    def three(policy: Any) -> Any:
        quorum = Quorum(role="approver", people=3, groups=2)
        return replace(policy, rules=(replace(policy.rules[0], quorums=(quorum,)), *policy.rules[1:]))

    firm.world.change_policy(three)
    size = firm.world.log.last_checkpoint().size
    body = replace(
        firm.world.update_body(seen, whole=False),
        registers=(),
        policies=(assemble.build_placed(firm.world.log, firm.world.policy, size),),
    )
    (change,) = stand.take(stand.update(body))
    assert ("policy", ("rule:eth",)) == (change.name, change.changed)


def test_an_older_whitelist_is_refused_and_changes_nothing(firm: Any, stand: Any) -> None:
    older, body = firm.world.heads["whitelist"], firm.world.registers["whitelist"]
    first = stand.last_seen()
    firm.world.change_register("whitelist", removed=["entry:harbour-eth"])
    stand.take(stand.update(firm.world.register_update("whitelist", [], ["entry:harbour-eth"], first)))
    newer, entries = firm.world.heads["whitelist"], firm.world.registers["whitelist"]
    # The platform signs nothing itself: it feeds the list of before, as its officers once signed it.
    firm.world.heads["whitelist"], firm.world.registers["whitelist"] = older, body
    returned = body.find("entry:harbour-eth", "whitelist")
    attack = stand.update(firm.world.register_update("whitelist", [returned], [], stand.last_seen()))
    fails(Code.HEAD_ROLLBACK, stand.take, attack)
    firm.world.heads["whitelist"], firm.world.registers["whitelist"] = newer, entries
    with stand.open() as terminal:
        assert "entry:harbour-eth" not in terminal.trust.entries.whitelist
        (refused,) = terminal.journal.entries_of_kind(EntryKind.REFUSED)
        assert b"HEAD_ROLLBACK" in refused.fields
    assert 1 == len(list(stand.home.kept.iterdir()))
    seen = stand.last_seen()
    firm.world.change_register("whitelist", added=[returned])
    assert stand.take(stand.update(firm.world.register_update("whitelist", [returned], [], seen)))


def test_two_lists_of_one_version_are_two_worlds(firm: Any, stand: Any) -> None:
    seen = stand.last_seen()
    firm.world.change_register("whitelist", removed=["entry:harbour-eth"])
    stand.take(stand.update(firm.world.register_update("whitelist", [], ["entry:harbour-eth"], seen)))
    register = firm.world.registers["whitelist"].changed([], ["entry:peak-eth"])
    known = firm.world.register_body("whitelist")
    second = RegisterHead(
        previous=known.previous, register="whitelist", root=register.root(), size=len(register.entries), version=2
    )
    firm.world.heads["whitelist"] = firm.world._govern("whitelist", second)
    firm.world.log.witness(firm.world.tick())
    attack = firm.world.register_update("whitelist", [], ["entry:peak-eth"], stand.last_seen())
    fails(Code.HEAD_UNEQUAL, stand.take, stand.update(attack))


def test_packages_come_once_in_order_for_us_from_the_platform_and_of_the_right_kind(firm: Any, stand: Any) -> None:
    seen, docket = stand.last_seen(), firm.trip().docket_body()
    firm.world.change_register("whitelist", removed=["entry:harbour-eth"])
    body = firm.world.register_update("whitelist", [], ["entry:harbour-eth"], seen)
    raw = stand.update(body)
    package = parse_package(raw)
    for code, changed in (
        (Code.PACKAGE_NOT_FOR_US, replace(package, to=PartyId("device:terminal-2"))),
        (Code.PACKAGE_NOT_FOR_US, replace(package, sender=PartyId("service:builder"))),
        (Code.PACKAGE_SEQUENCE, replace(package, sequence=1)),
    ):
        fails(code, stand.take, encode_package(changed))
    fails(Code.TYPE_MISMATCH, stand.take, firm.world.package(stand.name, PackageKind.VERIFICATION, docket))
    assert stand.take(raw)
    fails(Code.PACKAGE_SEQUENCE, stand.take, raw)


def test_an_update_from_the_future_is_refused_before_anybody_is_asked(firm: Any, stand: Any) -> None:
    seen, now = stand.last_seen(), firm.world.now
    firm.world.tick(3600)
    firm.world.change_register("whitelist", removed=["entry:harbour-eth"])
    raw = stand.update(firm.world.register_update("whitelist", [], ["entry:harbour-eth"], seen))
    later, firm.world.now = firm.world.now, now
    fails(Code.CLOCK_BEHIND, stand.take, raw)
    firm.world.now = later
    assert stand.take(raw)


def test_the_belief_on_the_disk_is_the_one_that_the_journal_names(firm: Any, stand: Any) -> None:
    (older,) = stand.home.trust.iterdir()
    kept = older.read_bytes()
    seen = stand.last_seen()
    firm.world.change_register("whitelist", removed=["entry:harbour-eth"])
    stand.take(stand.update(firm.world.register_update("whitelist", [], ["entry:harbour-eth"], seen)))
    (path,) = stand.home.trust.iterdir()
    right = path.read_bytes()
    for wrong in (kept, right[:-1], b""):
        path.write_bytes(wrong)
        fails(Code.JOURNAL_BROKEN, stand.last_seen)
    path.unlink()
    older.write_bytes(kept)
    fails(Code.JOURNAL_BROKEN, stand.last_seen)
    path.write_bytes(right)
    assert stand.last_seen() > seen


def test_a_configuration_of_another_terminal_is_refused(firm: Any, stand: Any) -> None:
    save_config(stand.home, replace(stand.config, terminal=PartyId("device:terminal-2")))
    fails(Code.JOURNAL_BROKEN, stand.last_seen)
    save_config(stand.home, stand.config)
    assert stand.last_seen()


def test_what_is_not_enrolled_is_not_available(firm: Any) -> None:
    fails(Code.FILE_UNAVAILABLE, firm.stand().last_seen)
    assert firm.stand().ready().last_seen()


def test_before_the_first_update_nothing_can_be_signed(firm: Any) -> None:
    stand = firm.stand()
    stand.enroll(firm.world.fingerprint, firm.world.fingerprint)
    fails(Code.STAGE_MISSING, stand.run, None)
    stand.lease()
    stand.take(stand.update(firm.world.update_body()))
    stand.keep_codes()
    assert set() == stand.refusals(firm.turn(trips=[world.eth_trip(firm.world).to(Stage.VERIFY)]), "sign")
