"""The approval device's arithmetic against published answers, at every start; a wrong one refuses by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.approver import release, self_tests
from strongroom.chains.ethereum import hashing
from strongroom.core import keys
from strongroom.core.codes import Code
from strongroom.devices.measure.self_test import KnownAnswer, find_wrong

from .conftest import PIN, Desk, MakeDesk, proposed


def starts(desk: Desk) -> list[str]:
    return (desk.home.path / "starts").read_text().splitlines()


def test_every_answer_is_the_published_one() -> None:
    assert () == find_wrong(self_tests.KNOWN_ANSWERS)


@pytest.mark.parametrize("answer", self_tests.KNOWN_ANSWERS, ids=lambda answer: answer.name)
def test_each_planted_wrong_answer_is_named(answer: KnownAnswer) -> None:
    planted = replace(answer, compute=lambda: answer.compute()[:-1])
    assert [answer.name] == [refusal.field for refusal in find_wrong((planted,))]


def test_a_wrong_answer_refuses_before_a_pin_is_asked(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    path, first = desk.request(proposed(desk)), self_tests.KNOWN_ANSWERS[0]
    with monkeypatch.context() as patch:
        patch.setattr(release, "KNOWN_ANSWERS", (replace(first, compute=bytes), *self_tests.KNOWN_ANSWERS[1:]))
        assert (3, {Code.SELF_TEST_FAILED}) == (desk.decide(path), desk.codes)
    assert starts(desk)[-1].endswith(f"SELF_TEST_FAILED:{first.name}")
    assert not desk.answers()
    # The honest twin: the same request, once the machine computes as it should.
    assert 0 == desk.decide(path, PIN, "approve")
    count = len(self_tests.KNOWN_ANSWERS)
    assert f"Self-tests: {count} of {count} published answers are right." in desk.told
    assert starts(desk)[-1].endswith("accepted")


@pytest.mark.parametrize(
    ("module", "name", "wrong", "field"),
    [
        (keys, "check_signature", lambda *_: None, "P-256 verify"),
        (hashing, "keccak256", lambda _: bytes(32), "Keccak-256"),
    ],
    ids=["a verifier that says yes", "a hash of zeros"],
)
def test_a_library_that_answers_wrongly_is_found(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, wrong: object, field: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, name, wrong)
        assert field in {refusal.field for refusal in find_wrong(self_tests.KNOWN_ANSWERS)}
