"""A FIDO2 key in software is held against a real browser's authenticator, whose answers are kept.

What the key itself makes (its data, its signature, either s) is the contract that both keep. What a browser writes
round it is the attack: the answers are those of a person who logs in at the relying party's page with a challenge that
the page took from a statement. Nothing but the origin tells them from an approval, and no reading takes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authenticator import SoftwareAuthenticator, record
from strongroom.checker.reading import keys as second
from strongroom.checker.reading.fields import Node
from strongroom.core import keys as first
from strongroom.core.assertions import build_client_data, read_assertion
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.records import HexBytes

CHROMIUM = json.loads((Path(__file__).parents[2] / "vectors/webauthn/chromium.json").read_text(encoding="utf-8"))
MESSAGE = str(CHROMIUM["message"]).encode()


@dataclass(frozen=True)
class Answer:
    """What a key answered. signature: `r || s`, made low by the signer, since keys give either s."""

    key: PublicKey
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


def low(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def of_chromium(found: dict[str, str]) -> Answer:
    raw = {name: base64.b64decode(text) for name, text in found.items()}
    public = bytes.fromhex(CHROMIUM["point"]) + str(CHROMIUM["rp_id"]).encode()
    key = PublicKey(alg=Algorithm.WEBAUTHN_P256, public=HexBytes(public))
    return Answer(key, raw["authenticator_data"], raw["client_data"], low(raw["der_signature"]))


def of_software(origin: str | None = None) -> Answer:
    software = SoftwareAuthenticator(name="m.chan", rp_id=CHROMIUM["rp_id"], origin=origin)
    data, client = software.authenticator_data(), software.client_data(MESSAGE)
    return Answer(software.key, data, client, software.sign_raw(data + hashlib.sha256(client).digest()))


PAGE = f"https://{CHROMIUM['rp_id']}"
LOGINS = [of_software(PAGE), *map(of_chromium, CHROMIUM["assertions"])]
IDS = ["software", *(f"chromium {n}" for n in range(len(LOGINS) - 1))]
GREASED = [of_chromium(found) for found in CHROMIUM["greased"]]


def check_both(answer: Answer, message: bytes) -> None:
    signature = record(answer.authenticator_data, answer.client_data, answer.signature)
    first.check_signature(answer.key, message, signature, "sig")
    node = Node({"alg": answer.key.alg.value, "public": answer.key.public.hex()}, "key")
    second.check_signature(second.parse_key(node), message, signature, "sig")


def is_signed(answer: Answer) -> bool:
    """Whether the key's own signature holds over what it says that it signed: asked as a plain P-256 key's."""
    plain = PublicKey(alg=Algorithm.P256, public=HexBytes(answer.key.public[:65]))
    signed = answer.authenticator_data + hashlib.sha256(answer.client_data).digest()
    first.check_signature(plain, signed, answer.signature, "sig")
    node = Node({"alg": plain.alg.value, "public": plain.public.hex()}, "key")
    second.check_signature(second.parse_key(node), signed, answer.signature, "sig")
    return True


def test_our_own_signer_s_answer_is_taken() -> None:
    answer = of_software()
    check_both(answer, MESSAGE)
    assert build_client_data(answer.key.rp_id, MESSAGE) == answer.client_data
    with pytest.raises(RefusedError) as caught:
        check_both(answer, MESSAGE + b".")
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


@pytest.mark.parametrize("login", LOGINS, ids=IDS)
def test_a_key_makes_the_same_bytes_in_a_browser_and_here(login: Answer) -> None:
    """So the software key answers as a real one: data but the counter, and a signature over exactly these bytes."""
    assert of_software().authenticator_data[:33] == login.authenticator_data[:33]
    assert (37, 0x05) == (len(login.authenticator_data), login.authenticator_data[32])
    assert of_software(PAGE).client_data == login.client_data
    assert is_signed(login)


@pytest.mark.parametrize("login", LOGINS, ids=IDS)
def test_a_login_with_a_statement_as_its_challenge_is_no_signature_of_it(login: Answer) -> None:
    """Nothing is wrong with it but where it was made: with our origin in its place, only the key's signature fails."""
    with pytest.raises(RefusedError) as caught:
        check_both(login, MESSAGE)
    assert [(Code.SIGNATURE_INVALID, "sig.client_data")] == [(r.code, r.field) for r in caught.value.refusals]
    ours = login.client_data.replace(PAGE.encode(), b"strongroom:" + login.key.rp_id.encode())
    assert build_client_data(login.key.rp_id, MESSAGE) == ours
    moved = Answer(login.key, login.authenticator_data, ours, login.signature)
    assert read_assertion(record(moved.authenticator_data, ours, moved.signature), login.key.rp_id, MESSAGE, "sig")
    with pytest.raises(RefusedError) as caught:
        check_both(moved, MESSAGE)
    assert [(Code.SIGNATURE_INVALID, "sig.signature")] == [(r.code, r.field) for r in caught.value.refusals]


def test_a_real_key_counts_and_gives_either_s() -> None:
    """So a signer has to make s low, and a reader cannot ask for one counter."""
    counters = [answer.authenticator_data[33:] for answer in LOGINS[1:]]
    assert len(set(counters)) == len(counters) > 1
    values = [decode_dss_signature(base64.b64decode(each["der_signature"]))[1] for each in CHROMIUM["assertions"]]
    assert any(s > P256_ORDER // 2 for s in values)


@pytest.mark.parametrize("answer", GREASED)
def test_a_field_that_a_browser_adds_is_refused(answer: Answer) -> None:
    """Our signers speak to keys without a browser; what a page asked for is not what our programs ask for."""
    assert b"other_keys" in answer.client_data
    assert is_signed(answer)
    with pytest.raises(RefusedError) as caught:
        check_both(answer, MESSAGE)
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


def test_the_record_holds_answers_of_both_kinds() -> None:
    assert len(CHROMIUM["assertions"]) == 4
    assert "Chromium" in CHROMIUM["source"]
