"""A FIDO2 key over its own protocol: made, unlocked, touched; and everything that it or its owner may do wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from authenticator import UP, SoftwareAuthenticator
from ctap_device import CtapKey
from strongroom.approver.fido2_key import make_fido2_key, open_fido2
from strongroom.approver.store import Credential
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError, UnavailableError
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, check_signature

PERSON = PartyId("person:m.chan")
PIN = "2468-fido"
RP_ID = "approvals.strongroom.example"
MESSAGE = b"DSSEv1 a statement"


def plug_in(software: SoftwareAuthenticator | None = None) -> CtapKey:
    return CtapKey(software or SoftwareAuthenticator(name="m.chan", rp_id=RP_ID), PIN)


def made_in(key: CtapKey) -> Credential:
    return make_fido2_key(PERSON, RP_ID, PIN, lambda: [key])


def test_a_key_is_made_and_signs_what_every_reader_accepts() -> None:
    key = plug_in()
    credential = made_in(key)
    assert key.software.key.public == credential.public
    with open_fido2(credential, PIN, lambda: [key]) as person:
        assert (Algorithm.WEBAUTHN_P256, RP_ID) == (person.key.alg, person.key.rp_id)
        for message in (MESSAGE, b"another", MESSAGE):
            check_signature(person.key, message, person.sign(message), "sig")
        assert PIN not in repr(person)


def test_both_values_of_s_come_out_low() -> None:
    """ECDSA gives either with the same chance; forty signatures of one kind would be one in 2**40."""
    key = plug_in()
    with open_fido2(made_in(key), PIN, lambda: [key]) as person:
        for number in range(40):
            check_signature(person.key, b"%d" % number, person.sign(b"%d" % number), "sig")


def test_a_wrong_pin_is_refused_before_anything_is_read_and_the_key_locks_itself() -> None:
    key = plug_in()
    credential = made_in(key)
    for _ in range(8):
        with pytest.raises(RefusedError) as caught, open_fido2(credential, "0000-wrong", lambda: [key]):
            pytest.fail("it opened")
        assert {Code.PIN_WRONG} == caught.value.codes
        assert "0000-wrong" not in str(caught.value)
    with pytest.raises(RefusedError) as caught, open_fido2(credential, PIN, lambda: [key]):
        pytest.fail("a blocked key opened")
    assert "PIN_BLOCKED" == caught.value.refusals[0].got
    key.tries = 1
    with open_fido2(credential, PIN, lambda: [key]) as person:
        assert person.sign(MESSAGE)


def test_nobody_touches_it() -> None:
    key = plug_in()
    credential = made_in(key)
    key.is_touched = False
    with open_fido2(credential, PIN, lambda: [key]) as person, pytest.raises(UnavailableError) as caught:
        person.sign(MESSAGE)
    assert {Code.TOKEN_UNAVAILABLE} == caught.value.codes
    key.is_touched = True
    with open_fido2(credential, PIN, lambda: [key]) as person:
        assert person.sign(MESSAGE)


def test_another_person_s_key_is_not_this_one() -> None:
    mine, other = plug_in(), plug_in(SoftwareAuthenticator(name="a.wong", rp_id=RP_ID))
    credential = made_in(mine)
    with open_fido2(credential, PIN, lambda: [other]) as person, pytest.raises(StrongroomError) as caught:
        person.sign(MESSAGE)
    assert {Code.SIGNATURE_INVALID} == caught.value.codes
    elsewhere = plug_in(SoftwareAuthenticator(name="m.chan", rp_id="other.example"))
    with open_fido2(credential, PIN, lambda: [elsewhere]) as person, pytest.raises(StrongroomError) as caught:
        person.sign(MESSAGE)
    assert {Code.KEY_NOT_IN_TOKEN} == caught.value.codes


@pytest.mark.parametrize(
    "wrong",
    [
        lambda honest: replace(honest, flags=UP),
        lambda honest: replace(honest, hashed_rp_id="evil.example"),
        lambda honest: replace(honest, attached=b"\xa0"),
    ],
    ids=["not verified", "another relying party", "attached bytes"],
)
def test_an_answer_that_no_reader_would_accept_is_not_handed_on(
    wrong: Callable[[SoftwareAuthenticator], SoftwareAuthenticator],
) -> None:
    key = plug_in()
    credential = made_in(key)
    key.software = wrong(key.software)
    with open_fido2(credential, PIN, lambda: [key]) as person, pytest.raises(StrongroomError):
        person.sign(MESSAGE)


@pytest.mark.parametrize("count", [0, 2])
def test_none_and_two_are_not_guessed_between(count: int) -> None:
    keys = [plug_in() for _ in range(count)]
    credential = made_in(plug_in())
    with pytest.raises(UnavailableError) as caught, open_fido2(credential, PIN, lambda: keys):
        pytest.fail("it opened")
    assert {Code.TOKEN_UNAVAILABLE} == caught.value.codes
    with pytest.raises(UnavailableError):
        make_fido2_key(PERSON, RP_ID, PIN, lambda: keys)


def test_ports_that_cannot_be_read_are_told() -> None:
    def unreadable() -> list[CtapKey]:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(UnavailableError) as caught:
        make_fido2_key(PERSON, RP_ID, PIN, unreadable)
    assert {Code.TOKEN_UNAVAILABLE} == caught.value.codes


def test_a_relying_party_is_a_host_name() -> None:
    with pytest.raises(StrongroomError) as caught:
        make_fido2_key(PERSON, "https://approvals.example", PIN, lambda: [plug_in()])
    assert {Code.FIELD_INVALID} == caught.value.codes
