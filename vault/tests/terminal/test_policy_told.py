"""The policy at the terminal: told in sentences, by its digest on every docket's pages, and in every signature."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hands import Hands
from strongroom.core.statements import parse_statement
from strongroom.core.words import group
from strongroom.vault.terminal import cli
from strongroom.vault.terminal.flow import Outcome

from .test_full_screen import see_the_end, sit


def test_the_policy_in_force_is_told_in_sentences(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with stand.open() as terminal:
        policy, head = terminal.trust.policy_in_force, terminal.trust.build_heads().policy
    words = ["policy", "--home", str(stand.home.path), "--json"]
    assert 0 == cli.run(cli.build_parser().parse_args(words), stand.outside())
    assert {"digest": head.digest, "version": 1} == json.loads(capsys.readouterr().out)
    shown = " ".join(stand.screen.getvalue().split())
    assert group(head.digest) in shown
    assert f"It is for {policy.parameters.clear_max_count} transactions at most." in shown
    for rule in policy.rules:
        assert f"RULE {rule.id}" in shown


def test_its_digest_is_on_the_pages_of_a_docket_and_in_the_signature_record(firm: Any, stand: Any) -> None:
    digest = firm.world.policy.id

    async def do(hands: Hands) -> None:
        shown = " ".join((await hands.choose("s")).split())
        assert f"POLICY version 1, {group(digest)}" in shown
        await hands.answer_from(stand.on_desk)
        await see_the_end(hands, "1 signed")

    outcome: Outcome = sit(stand, firm.turn(trips=[firm.trip()]), do)
    (result,) = outcome.results
    assert digest == parse_statement(result.record).body.heads.policy.digest
