"""Field types, keys and envelopes: the one spelling is read, every other is refused with its path."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from strongroom.checker.reading.bodies import parse_quorum
from strongroom.checker.reading.canonical import Json
from strongroom.checker.reading.envelopes import (
    Context,
    Environment,
    Type,
    check_context,
    check_exact,
    check_signatures,
    check_type,
    parse_header,
)
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.keys import P256_ORDER, Algorithm, Key, check_signature, parse_key
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from world import p256_signer, signer_of

from ..raw import codes_of, envelope_of, pae, read, signed

MACHINE, PERSON = "service:platform", "person:m.chan"
BODY: dict[str, Json] = {"evidence": "tx", "reason": "outflow", "scope": "vault"}


def key_of(party: str) -> Key:
    found = signer_of(party).key
    return Key(alg=Algorithm(found.alg.value), public=bytes(found.public))


def test_members_tell_every_unknown_and_absent_field() -> None:
    assert {"a", "b"} == set(Node({"a": 1, "b": 2}, "x").members("a", "b"))
    with pytest.raises(MalformedError) as caught:
        Node({"a": 1, "c": 2, "d": 3}, "x").members("a", "b")
    assert [
        (Code.FIELD_UNKNOWN, "x.c"),
        (Code.FIELD_UNKNOWN, "x.d"),
        (Code.FIELD_MISSING, "x.b"),
    ] == [(r.code, r.field) for r in caught.value.refusals]


TYPES: list[tuple[str, Json, list[Json]]] = [
    ("object", {}, ["{}", [], 1]),
    ("items", [], ["", {}, 1]),
    ("text", "Gr\u00fc\u00dfe", ["u\u0308", "x" * 1025, 1, True, []]),
    ("note", "a\nb", ["x" * 16_385, 7]),
    ("integer", 2**53 - 1, [-1, 2**53, True, "1"]),
    ("units", "0", ["00", "+1", " 1", "1_0", 1, "-1", str(2**256), ""]),
    (
        "time",
        "2027-02-28T23:59:59Z",
        ["2027-02-29T00:00:00Z", "2027-02-28T24:00:00Z", "2027-02-28 00:00:00Z", 1, "\u0662027"],
    ),
    ("digest", "sha256:" + "0" * 64, ["sha256:" + "A" * 64, "0" * 64, "sha256:" + "0" * 63]),
    ("digest_or_none", "none", ["None", ""]),
    ("hex", "00ff", ["0", "0F", "0x00", " 00", 0]),
    ("hex_or_none", "none", ["NONE", "f"]),
    ("base64", "QQ==", ["QR==", "QQ=", "QQ", " QQ==", "QQ==\n", "Q*==", 1, "\u00e9QQ="]),
    ("party", "device:gate-1", ["wallet:x", "device:", "device:A", "device:x:y:z", "service"]),
    ("chain", "eip155:1", ["eip155", "EIP155:1", "eip155:" + "1" * 33]),
    ("asset", "eip155:1/slip44:60", ["eip155:1", "eip155:1/", "eip155:1/slip44:60/"]),
]


@pytest.mark.parametrize(("name", "good", "bad"), TYPES, ids=[t[0] for t in TYPES])
def test_each_field_type_has_one_spelling(name: str, good: Json, bad: list[Json]) -> None:
    getattr(Node(good, "x"), name)()
    for value in bad:
        node = Node(value, "x.y")
        wanted = {Code.BASE64_INVALID, Code.FIELD_INVALID} if name == "base64" else {Code.FIELD_INVALID}
        assert codes_of(getattr(node, name)) <= wanted, value
        assert codes_of(getattr(node, name)), value


def test_base64_that_decodes_alike_is_told_apart() -> None:
    assert b"A" == Node("QQ==", "x").base64()
    assert {Code.BASE64_INVALID} == codes_of(Node("QR==", "x").base64)


def test_sizes_kinds_and_words_are_checked() -> None:
    assert b"\x01\x02" == Node("0102", "x").hex(size=2)
    assert {Code.FIELD_INVALID} == codes_of(lambda: Node("0102", "x").hex(size=3))
    assert "wallet:a" == Node("wallet:a", "x").own_id("wallet")
    assert {Code.FIELD_INVALID} == codes_of(lambda: Node("wallet:a", "x").own_id("account"))
    assert "vault" == Node("vault", "x").word("vault")
    assert {Code.FIELD_INVALID} == codes_of(lambda: Node("house", "x").word("vault"))
    assert 1 == Node(1, "x").integer(least=1)
    assert {Code.FIELD_INVALID} == codes_of(lambda: Node(0, "x").integer(least=1))


@pytest.mark.parametrize("quorum", [(0, 1), (1, 0), (3, 2)])
def test_a_quorum_that_nobody_has_to_meet_is_refused(quorum: tuple[int, int]) -> None:
    def read_quorum(groups: int, people: int) -> object:
        return parse_quorum(Node({"groups": groups, "people": people, "role": "approver"}, "q"))

    read_quorum(2, 2)
    assert {Code.FIELD_INVALID} == codes_of(lambda: read_quorum(*quorum))


@pytest.mark.parametrize("party", [MACHINE, PERSON])
def test_a_signature_holds_for_its_key_and_message_only(party: str) -> None:
    key, signature = key_of(party), signer_of(party).sign(b"message")
    check_signature(key, b"message", signature, "sig")
    others = [
        (key_of("person:r.singh"), b"message", signature),
        (key_of("service:builder"), b"message", signature),
        (key, b"massage", signature),
        (key, b"message", bytes(64)),
        (key, b"message", signature[:63]),
        (key, b"message", signature[:-1] + bytes([signature[-1] ^ 1])),
    ]
    for other in others:
        found = codes_of(lambda other=other: check_signature(*other, "sig"))  # type: ignore[misc]
        assert found <= {Code.SIGNATURE_INVALID, Code.SIGNATURE_HIGH_S}
        assert found


def test_the_second_signature_of_p256_is_refused() -> None:
    raw = p256_signer(PERSON).sign(b"message")
    r, s = raw[:32], int.from_bytes(raw[32:], "big")
    check_signature(key_of(PERSON), b"message", raw, "sig")
    high = r + (P256_ORDER - s).to_bytes(32, "big")
    assert {Code.SIGNATURE_HIGH_S} == codes_of(lambda: check_signature(key_of(PERSON), b"message", high, "sig"))


@pytest.mark.parametrize(
    "key",
    [
        {"alg": "rsa", "public": "00"},
        {"alg": "ed25519", "public": "00" * 31},
        {"alg": "p256", "public": "04" + "00" * 64},
        {"alg": "p256", "public": "02" + "11" * 64},
        {"alg": "p256", "public": "04" + "11" * 32},
    ],
)
def test_what_is_no_key_is_refused(key: Json) -> None:
    honest = signer_of(PERSON).key
    parse_key(Node({"alg": "p256", "public": honest.public.hex()}, "k"))
    assert {Code.FIELD_INVALID} == codes_of(lambda: parse_key(Node(key, "k")))


def test_a_key_id_is_the_hash_of_algorithm_and_public_bytes() -> None:
    for party in (MACHINE, PERSON):
        assert signer_of(party).key.key_id == key_of(party).id


def test_an_envelope_is_signed_by_exactly_whom_it_should() -> None:
    one, both = envelope_of("freeze", BODY, MACHINE, [MACHINE]), envelope_of("freeze", BODY, MACHINE, [MACHINE, PERSON])
    check_exact(read(one), [key_of(MACHINE)])
    check_exact(read(both), [key_of(MACHINE), key_of(PERSON)])
    assert {Code.SIGNER_UNKNOWN} == codes_of(lambda: check_exact(read(both), [key_of(MACHINE)]))
    assert {Code.SIGNATURES_MISSING} == codes_of(lambda: check_exact(read(one), [key_of(MACHINE), key_of(PERSON)]))


def test_every_wrong_signature_is_told_with_its_place() -> None:
    value = envelope_of("freeze", BODY, MACHINE, [MACHINE, PERSON])
    for each in value["signatures"]:
        raw = bytearray(b64decode(each["sig"]))
        raw[40] ^= 1
        each["sig"] = b64encode(raw).decode()
    with pytest.raises(RefusedError) as caught:
        check_signatures(read(value, "statements[3].envelope"), [key_of(MACHINE), key_of(PERSON)])
    fields = [refusal.field for refusal in caught.value.refusals]
    assert [f"statements[3].envelope.signatures[{i}].sig" for i in range(2)] == fields


def change(**members: Any) -> dict[str, Any]:
    return {**envelope_of("freeze", BODY, MACHINE, [MACHINE]), **members}


SIGNATURE = envelope_of("freeze", BODY, MACHINE, [MACHINE])["signatures"][0]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (change(payload="e30"), Code.BASE64_INVALID),
        (change(signatures=[]), Code.FIELD_INVALID),
        (change(signatures=[SIGNATURE, SIGNATURE]), Code.FIELD_INVALID),
        (change(signatures=[{**SIGNATURE, "sig": "AAAA"}]), Code.SIGNATURE_INVALID),
        (change(signatures=[{**SIGNATURE, "alg": "ed25519"}]), Code.FIELD_UNKNOWN),
        (change(comment="x"), Code.FIELD_UNKNOWN),
        (change(payload=b64encode(bytes(1024 * 1024 + 1)).decode()), Code.TOO_LARGE),
    ],
)
def test_an_envelope_of_another_shape_is_refused(value: dict[str, Any], code: Code) -> None:
    read(envelope_of("freeze", BODY, MACHINE, [MACHINE]))
    assert {code} == codes_of(lambda: read(value))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (envelope_of("freeze", BODY, MACHINE, [MACHINE], version=2), Code.TYPE_MISMATCH),
        (envelope_of("wish", BODY, MACHINE, [MACHINE]), Code.TYPE_MISMATCH),
        (change(payloadType="application/vnd.strongroom.halt.v1+json"), Code.TYPE_MISMATCH),
        (envelope_of("freeze", BODY, MACHINE, [MACHINE], environment="staging"), Code.FIELD_INVALID),
        (envelope_of("freeze", BODY, "wallet:x", [MACHINE]), Code.FIELD_INVALID),
        (envelope_of("freeze", BODY, MACHINE, [MACHINE], note="x"), Code.FIELD_UNKNOWN),
        (signed("application/vnd.strongroom.freeze.v1+json", b'{"a": 1}', [MACHINE]), Code.JSON_NOT_CANONICAL),
    ],
)
def test_a_payload_says_what_its_envelope_says(value: dict[str, Any], code: Code) -> None:
    parse_header(read(envelope_of("freeze", BODY, MACHINE, [MACHINE])))
    assert {code} == codes_of(lambda: parse_header(read(value)))


def test_another_deployment_and_another_type_are_refused() -> None:
    context = Context(organization="test-custody", environment=Environment.DEVELOPMENT)
    statement, _ = parse_header(read(envelope_of("freeze", BODY, MACHINE, [MACHINE])))
    check_context(statement, context)
    check_type(statement, Type.FREEZE)
    elsewhere, _ = parse_header(read(envelope_of("freeze", BODY, MACHINE, [MACHINE], organization="other")))
    live, _ = parse_header(read(envelope_of("freeze", BODY, MACHINE, [MACHINE], environment="production")))
    assert {Code.WRONG_ORGANIZATION} == codes_of(lambda: check_context(elsewhere, context))
    assert {Code.ENVIRONMENT_MISMATCH} == codes_of(lambda: check_context(live, context))
    assert {Code.TYPE_MISMATCH} == codes_of(lambda: check_type(statement, Type.HALT, Type.RELEASE))


def test_the_statement_id_is_the_hash_of_what_is_signed() -> None:
    value = envelope_of("freeze", BODY, MACHINE, [MACHINE])
    assert pae(value["payloadType"], b64decode(value["payload"])) == read(value).pae
