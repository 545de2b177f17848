"""One contract for every FIDO2 key: the software one of our tests, and a real browser's, whose answers are kept."""

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
from strongroom.core.assertions import build_client_data
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


def of_software() -> Answer:
    software = SoftwareAuthenticator(name="m.chan", rp_id=CHROMIUM["rp_id"])
    data, client = software.authenticator_data(), software.client_data(MESSAGE)
    return Answer(software.key, data, client, software.sign_raw(data + hashlib.sha256(client).digest()))


ANSWERS = [of_software(), *map(of_chromium, CHROMIUM["assertions"])]
GREASED = [of_chromium(found) for found in CHROMIUM["greased"]]


def check_both(answer: Answer, message: bytes) -> None:
    signature = record(answer.authenticator_data, answer.client_data, answer.signature)
    first.check_signature(answer.key, message, signature, "sig")
    node = Node({"alg": answer.key.alg.value, "public": answer.key.public.hex()}, "key")
    second.check_signature(second.parse_key(node), message, signature, "sig")


@pytest.mark.parametrize("answer", ANSWERS, ids=["software", *(f"chromium {n}" for n in range(len(ANSWERS) - 1))])
def test_a_key_s_answer_keeps_the_contract(answer: Answer) -> None:
    check_both(answer, MESSAGE)
    assert (37, 0x05) == (len(answer.authenticator_data), answer.authenticator_data[32])
    assert build_client_data(answer.key.rp_id, MESSAGE) == answer.client_data
    with pytest.raises(RefusedError) as caught:
        check_both(answer, MESSAGE + b".")
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


def test_a_real_key_counts_and_gives_either_s() -> None:
    """So a signer has to make s low, and a reader cannot ask for one counter."""
    counters = [answer.authenticator_data[33:] for answer in ANSWERS[1:]]
    assert len(set(counters)) == len(counters) > 1
    values = [decode_dss_signature(base64.b64decode(each["der_signature"]))[1] for each in CHROMIUM["assertions"]]
    assert any(s > P256_ORDER // 2 for s in values)


@pytest.mark.parametrize("answer", GREASED)
def test_a_field_that_a_browser_adds_is_refused(answer: Answer) -> None:
    """Our signers speak to keys without a browser; what a page asked for is not what our programs ask for."""
    assert b"other_keys" in answer.client_data
    with pytest.raises(RefusedError) as caught:
        check_both(answer, MESSAGE)
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


def test_the_record_holds_answers_of_both_kinds() -> None:
    assert len(CHROMIUM["assertions"]) == 4
    assert "Chromium" in CHROMIUM["source"]
