"""A transcript is true or is refused by name; beside each refusal stands the honest transcript that passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import coincurve
import pytest

from strongroom.core.attested import build_challenge_text
from strongroom.core.canonical import sha256
from strongroom.core.ceremonies import (
    STEPS,
    Ceremony,
    CeremonyKind,
    CeremonyOutcome,
    CeremonyRole,
    CeremonyStep,
    Drill,
    DrillKey,
    Fact,
    KeyList,
    KeyShare,
    KeyShares,
    Participant,
    TokenIdentity,
    Tool,
)
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.checks.ceremony import check_ceremony, check_ceremony_follows
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.records import DigestOrNone, HexBytes, HexOrNone
from strongroom.core.roster import Party, Roster
from strongroom.core.statements import (
    Context,
    Environment,
    Statement,
    build_payload,
    parse_envelope_bytes,
    parse_statement,
    sign_payload,
)
from world import ETH, chain_key, signer_of, sorted_by_id

NOW = datetime(2027, 3, 14, 9, 0, tzinfo=UTC)
OFFICER, WITNESS = "person:k.officer", "person:w.witness"
CUSTODIANS = ("person:c.ann", "person:c.bob", "person:c.cyd")
ROLES = {OFFICER: "key-officer", WITNESS: "key-witness", **dict.fromkeys(CUSTODIANS, "custodian")}
FIRST, SECOND = "5e0001", "5e0002"


def party(name: str, role: str, staff: str = "") -> Party:
    return Party(
        group="keys",
        id=PartyId(name),
        key=signer_of(name).key,
        name=name,
        roles=(role,),
        staff=staff or f"staff {name}",
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + timedelta(days=1),
    )


def roster(**staff: str) -> Roster:
    return Roster(
        expires=NOW + timedelta(days=90),
        overseers=(),
        parties=sorted_by_id([party(name, role, staff.get(name.split(".")[1], "")) for name, role in ROLES.items()]),
        previous=DigestOrNone("none"),
        root_version=1,
        version=1,
    )


def share(number: int, person: str, site: str) -> KeyShare:
    return KeyShare(
        commitment=sha256(person.encode()),
        custodian=PartyId(person),
        number=number,
        salt=HexBytes(bytes(32)),
        seal=f"BAG-{number}",
        site=site,
    )


def token(serial: str, check_value: str = "aabbcc") -> TokenIdentity:
    return TokenIdentity(
        check_value=HexOrNone(check_value), firmware="2.6", label="v", manufacturer="m", model="t", serial=serial
    )


def steps(kind: CeremonyKind, actor: str = OFFICER) -> tuple[CeremonyStep, ...]:
    return tuple(
        CeremonyStep(
            actor=PartyId(actor), at=NOW + timedelta(minutes=n), facts=(Fact(name="n", value=str(n)),), name=name
        )
        for n, name in enumerate(STEPS[kind])
    )


def people(*names: str) -> tuple[Participant, ...]:
    return tuple(Participant(person=PartyId(each), role=CeremonyRole(ROLES[each])) for each in sorted(names))


def birth() -> Ceremony:
    kind = CeremonyKind.GENERATE
    shares = tuple(share(n, person, f"Site {n}") for n, person in enumerate(CUSTODIANS, start=1))
    return Ceremony(
        check_value=HexOrNone("aabbcc"),
        drills=(),
        ended=NOW + timedelta(hours=1),
        former_check_value=HexOrNone("none"),
        id=HexBytes(bytes(16)),
        interruptions=(),
        key_lists=(KeyList(blobs=sha256(b"b"), count=1, digest=sha256(b"l"), wallet=WalletId("wallet:eth")),),
        kind=kind,
        outcome=CeremonyOutcome.COMPLETED,
        participants=people(*ROLES),
        previous=DigestOrNone("none"),
        shares=(KeyShares(identifier=1, shares=shares, threshold=2),),
        started=NOW,
        steps=steps(kind),
        tokens=(token(FIRST),),
        tool=Tool(digest=sha256(b"t"), memory="", version="1"),
    )


def drill() -> Drill:
    key, challenge = chain_key("drill"), bytes(range(32))
    public = key.public_key.format()
    address = derive_attested_address(ETH, 1, [public], "key")
    recoverable = key.sign_recoverable(build_challenge_text(ETH, address, challenge), hasher=None)
    assert coincurve.PublicKey(public)
    drilled = DrillKey(
        address=address, chain=ETH, id=EntryId("key:e1"), proof=HexBytes(recoverable[:64]), public=HexBytes(public)
    )
    return Drill(challenge=HexBytes(challenge), first_token=FIRST, keys=(drilled,), second_token=SECOND)


def restored() -> Ceremony:
    kind = CeremonyKind.RESTORE
    return replace(
        birth(),
        kind=kind,
        steps=steps(kind),
        previous=DigestOrNone("sha256:" + "1" * 64),
        drills=(drill(),),
        participants=people(OFFICER, WITNESS, *CUSTODIANS[:2]),
        tokens=(token(FIRST), token(SECOND)),
    )


def rotated() -> Ceremony:
    kind = CeremonyKind.ROTATE
    previous = DigestOrNone("sha256:" + "1" * 64)
    values = {"check_value": HexOrNone("ddeeff"), "former_check_value": HexOrNone("aabbcc")}
    return replace(birth(), kind=kind, steps=steps(kind), previous=previous, **values)


def signed(body: Ceremony, signers: Iterable[str] | None = None, issuer: str = OFFICER) -> Statement[Ceremony]:
    context = Context(organization="test", environment=Environment.DEVELOPMENT)
    kind, payload = build_payload(body, context=context, issuer=PartyId(issuer), issued_at=body.ended)
    names = [each.person for each in body.participants] if signers is None else list(signers)
    envelope = sign_payload(kind, payload, [(signer_of(n).key, signer_of(n).sign) for n in names])
    return parse_statement(parse_envelope_bytes(envelope.encode()))


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
    assert Code.CEREMONY_RESULT in codes(lambda: check_ceremony(signed(replace(body, drills=())), roster(), NOW))


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
