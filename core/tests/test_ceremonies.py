"""A transcript is true or is refused by name; beside each refusal stands the honest transcript that passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.core.attested import build_challenge_text
from strongroom.core.ceremonies import Ceremony, CeremonyOutcome
from strongroom.core.checks.ceremony import check_ceremony, check_ceremony_follows
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes, HexOrNone
from transcripts import (
    CUSTODIANS,
    FIRST,
    NOW,
    OFFICER,
    ROLES,
    WITNESS,
    birth,
    people,
    restored,
    roster,
    rotated,
    signed,
)
from world import ETH, chain_key


def codes(call: Callable[[], None]) -> frozenset[Code]:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.codes


@pytest.mark.parametrize("body", [birth(), restored(), rotated()])
def test_honest_transcripts_pass(body: Ceremony) -> None:
    check_ceremony(signed(body), roster(), NOW)


def test_a_step_left_out_moved_or_repeated_is_refused() -> None:
    body = birth()
    check_ceremony(signed(body), roster(), NOW)
    first, second, *rest = body.steps
    for wrong in ((first, *rest), (second, first, *rest), (first, first, second, *rest)):
        assert {Code.CEREMONY_STEPS} == codes(
            lambda wrong=wrong: check_ceremony(signed(replace(body, steps=wrong)), roster(), NOW)
        )  # type: ignore[misc]


def test_one_share_for_each_custodian_is_one_step_repeated() -> None:
    body = birth()
    at = next(i for i, step in enumerate(body.steps) if step.name == "hand-out")
    more = (*body.steps[:at], body.steps[at], *body.steps[at:])
    check_ceremony(signed(replace(body, steps=more)), roster(), NOW)


@pytest.mark.parametrize("gone", [OFFICER, WITNESS, CUSTODIANS[0]])
def test_officer_witness_and_everybody_who_takes_a_share_must_be_there(gone: str) -> None:
    body = replace(birth(), participants=people(*(set(ROLES) - {gone})))
    assert Code.CEREMONY_PEOPLE in codes(lambda: check_ceremony(signed(body), roster(), NOW))


def test_one_human_under_two_names_is_refused() -> None:
    check_ceremony(signed(birth()), roster(), NOW)
    assert Code.CEREMONY_PEOPLE in codes(
        lambda: check_ceremony(signed(birth()), roster(officer="one", witness="one"), NOW)
    )


def test_two_shares_with_one_human_or_at_one_site_are_refused() -> None:
    body = birth()
    one, two, three = body.shares[0].shares
    same_site = replace(body.shares[0], shares=(one, replace(two, site=" site  1"), three))
    assert Code.SEPARATION in codes(lambda: check_ceremony(signed(replace(body, shares=(same_site,))), roster(), NOW))
    assert Code.SEPARATION in codes(lambda: check_ceremony(signed(body), roster(ann="one", bob="one"), NOW))


def test_who_leads_holds_no_share() -> None:
    body = birth()
    one, *others = body.shares[0].shares
    mine = replace(body.shares[0], shares=(replace(one, custodian=PartyId(OFFICER)), *others))
    assert Code.SEPARATION in codes(lambda: check_ceremony(signed(replace(body, shares=(mine,))), roster(), NOW))


def test_a_threshold_of_one_is_no_split() -> None:
    body = birth()
    alone = replace(body.shares[0], threshold=1)
    assert Code.CEREMONY_RESULT in codes(lambda: check_ceremony(signed(replace(body, shares=(alone,))), roster(), NOW))


def test_exactly_those_who_were_there_sign() -> None:
    body = restored()
    names = [each.person for each in body.participants]
    assert {Code.SIGNATURES_MISSING} == codes(lambda: check_ceremony(signed(body, names[1:]), roster(), NOW))
    assert {Code.SIGNER_UNKNOWN} == codes(lambda: check_ceremony(signed(body, [*names, CUSTODIANS[2]]), roster(), NOW))
    assert {Code.CEREMONY_PEOPLE} == codes(lambda: check_ceremony(signed(body, issuer=WITNESS), roster(), NOW))


def test_a_drill_proves_its_keys_and_addresses_in_another_token() -> None:
    body = restored()
    (good,) = body.drills
    key = good.keys[0]
    wrong = {
        Code.SPEND_PROOF_INVALID: replace(good, challenge=HexBytes(bytes(32))),
        Code.ADDRESS_NOT_DERIVED: replace(good, keys=(replace(key, address="0x" + "0" * 40),)),
        Code.CEREMONY_RESULT: replace(good, second_token=FIRST),
    }
    for code, changed in wrong.items():
        assert code in codes(lambda c=changed: check_ceremony(signed(replace(body, drills=(c,))), roster(), NOW))  # type: ignore[misc]
    absent = replace(body, drills=(replace(good, second_token="never there"),))
    assert {Code.CEREMONY_RESULT, Code.SPEND_PROOF_INVALID} == codes(
        lambda: check_ceremony(signed(absent), roster(), NOW)
    )
    check_ceremony(signed(body), roster(), NOW)
    assert Code.CEREMONY_RESULT in codes(lambda: check_ceremony(signed(replace(body, drills=())), roster(), NOW))


def test_a_public_spend_proof_is_no_drill() -> None:
    """Every line of a batch is public, with a proof over the platform's challenge: none of them stands for a drill."""
    body = restored()
    (good,) = body.drills
    spoken = build_challenge_text(ETH, good.keys[0].address, good.challenge)
    proof = chain_key("drill").sign_recoverable(spoken, hasher=None)[:64]
    forged = replace(good, keys=(replace(good.keys[0], proof=HexBytes(proof)),))
    assert {Code.SPEND_PROOF_INVALID} == codes(
        lambda: check_ceremony(signed(replace(body, drills=(forged,))), roster(), NOW)
    )
    check_ceremony(signed(body), roster(), NOW)


def test_a_failed_drill_is_a_result_too() -> None:
    body = restored()
    stopped = (*body.steps[:5], body.steps[-1])
    failed = replace(body, outcome=CeremonyOutcome.FAILED, drills=(), steps=stopped)
    check_ceremony(signed(failed), roster(), NOW)
    born = replace(birth(), outcome=CeremonyOutcome.FAILED, steps=(*birth().steps[:5], birth().steps[-1]))
    assert Code.CEREMONY_RESULT in codes(lambda: check_ceremony(signed(born), roster(), NOW))


def test_a_ceremony_carries_on_from_the_one_before() -> None:
    check_ceremony_follows(restored(), birth())
    check_ceremony_follows(rotated(), birth())
    other = replace(birth(), check_value=HexOrNone("010203"))
    assert {Code.CEREMONY_RESULT} == codes(lambda: check_ceremony_follows(restored(), other))
    fewer = replace(restored(), key_lists=())
    assert {Code.CEREMONY_RESULT} == codes(lambda: check_ceremony_follows(fewer, birth()))


def test_a_quorum_of_the_shares_in_force_must_have_been_there() -> None:
    lone = replace(restored(), participants=people(OFFICER, WITNESS, CUSTODIANS[0]))
    assert {Code.CEREMONY_PEOPLE} == codes(lambda: check_ceremony_follows(lone, birth()))
