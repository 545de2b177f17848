"""FIDO2 keys in both readings: one assertion is accepted, and every other is refused by both for the same reason."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authenticator import UP, UV, SoftwareAuthenticator, record
from strongroom.checker.reading import keys as second
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.registers import _parse_client
from strongroom.checker.reading.rosters import _parse_party
from strongroom.core import keys as first
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.records import HexBytes, parse_record
from strongroom.core.registers import ClientEntry
from strongroom.core.roster import Party
from world_keys import ed25519_signer

MESSAGE = b"DSSEv1 a statement"
HONEST = SoftwareAuthenticator(name="m.chan")
Change = Callable[[], bytes]


def second_key(key: PublicKey) -> second.Key:
    return second.parse_key(Node({"alg": key.alg.value, "public": key.public.hex()}, "key"))


def refused_by_both(key: PublicKey, message: bytes, signature: bytes) -> set[Code]:
    """What both readings say; they say it for the same reason."""
    with pytest.raises(RefusedError) as one:
        first.check_signature(key, message, signature, "sig")
    with pytest.raises(RefusedError) as other:
        second.check_signature(second_key(key), message, signature, "sig")
    assert one.value.codes == other.value.codes
    return set(one.value.codes)


def accepted_by_both(key: PublicKey, message: bytes, signature: bytes) -> None:
    first.check_signature(key, message, signature, "sig")
    second.check_signature(second_key(key), message, signature, "sig")


def test_an_honest_assertion_is_accepted_by_both() -> None:
    accepted_by_both(HONEST.key, MESSAGE, HONEST.sign(MESSAGE))
    accepted_by_both(HONEST.key, MESSAGE, replace(HONEST, counter=0).sign(MESSAGE))


def test_both_name_the_key_alike_and_unlike_every_other_algorithm() -> None:
    public = HONEST.key.public
    assert second_key(HONEST.key).id == HONEST.key.key_id
    assert "sha256:" + hashlib.sha256(b"webauthn-p256\0" + public).hexdigest() == HONEST.key.key_id
    plain = PublicKey(alg=Algorithm.P256, public=HexBytes(public[:65]))
    elsewhere = replace(HONEST, rp_id="other.example").key
    assert 3 == len({plain.key_id, HONEST.key.key_id, elsewhere.key_id})


WRONG: tuple[tuple[str, SoftwareAuthenticator], ...] = (
    ("nobody present", replace(HONEST, flags=UV)),
    ("nobody verified", replace(HONEST, flags=UP)),
    ("a synchronised passkey", replace(HONEST, flags=UP | UV | 0x08)),
    ("backed up", replace(HONEST, flags=UP | UV | 0x18)),
    ("a reserved flag", replace(HONEST, flags=UP | UV | 0x02)),
    ("extensions", replace(HONEST, flags=UP | UV | 0x80, attached=b"\xa0")),
    ("bytes attached", replace(HONEST, attached=b"\xa0")),
    ("another relying party", replace(HONEST, hashed_rp_id="evil.example")),
    ("another origin", replace(HONEST, origin="strongroom:evil.example")),
    ("a login in a browser", replace(HONEST, origin=f"https://{HONEST.rp_id}")),
    ("a page without https", replace(HONEST, origin=f"http://{HONEST.rp_id}")),
    ("an app of a phone", replace(HONEST, origin=f"android:apk-key-hash:{HONEST.rp_id}")),
    ("two slashes", replace(HONEST, origin=f"strongroom://{HONEST.rp_id}")),
    ("no scheme", replace(HONEST, origin=HONEST.rp_id)),
    ("another scheme", replace(HONEST, origin=f"Strongroom:{HONEST.rp_id}")),
    ("a port", replace(HONEST, origin=f"strongroom:{HONEST.rp_id}:8443")),
    ("a subdomain", replace(HONEST, origin=f"strongroom:a.{HONEST.rp_id}")),
    ("a field less", replace(HONEST, extra={})),
    ("a registration", replace(HONEST, kind="webauthn.create")),
    ("a payment", replace(HONEST, kind="payment.get")),
    ("another challenge", replace(HONEST, challenge=base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="))),
    ("no challenge", replace(HONEST, challenge="")),
    ("in a frame", replace(HONEST, extra={"crossOrigin": True})),
    ("crossOrigin as a number", replace(HONEST, extra={"crossOrigin": 0})),
    ("one field more", replace(HONEST, extra={"crossOrigin": False, "topOrigin": "https://x.example"})),
    ("another field", replace(HONEST, extra={"tokenBinding": {"status": "supported"}})),
)


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=[name for name, _ in WRONG])
def test_an_assertion_that_says_something_else_is_refused_though_it_is_signed(
    name: str, wrong: SoftwareAuthenticator
) -> None:
    assert HONEST.key == wrong.key
    assert {Code.SIGNATURE_INVALID} == refused_by_both(HONEST.key, MESSAGE, wrong.sign(MESSAGE))


def padded_challenge(client: bytes) -> bytes:
    return client.replace(b'","origin"', b'=","origin"')


def loose_challenge(client: bytes) -> bytes:
    """The last character of the challenge carries two bits of nothing; another one decodes alike."""
    fields = json.loads(client)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(fields["challenge"][-1]) + 1]
    return client.replace((fields["challenge"] + '"').encode(), (fields["challenge"][:-1] + last + '"').encode())


def in_order(client: bytes) -> bytes:
    return json.dumps(dict(sorted(json.loads(client).items())), separators=(",", ":")).encode()


RESPELLED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("a blank", lambda client: client.replace(b",", b", ")),
    ("a line end", lambda client: client + b"\n"),
    ("a byte order mark", lambda client: b"\xef\xbb\xbf" + client),
    ("an escaped colon", lambda client: client.replace(b"strongroom:", b"strongroom\\u003a")),
    ("an escaped letter", lambda client: client.replace(b"webauthn", b"\\u0077ebauthn")),
    ("a field twice", lambda client: client.replace(b"{", b'{"type":"webauthn.get",')),
    (
        "another order",
        lambda client: json.dumps(dict(sorted(json.loads(client).items())), separators=(",", ":")).encode(),
    ),
    ("padding", padded_challenge),
    ("loose bits", loose_challenge),
    ("nothing", lambda _client: b""),
    ("a list", lambda _client: b"[]"),
    ("a number", lambda _client: b"1"),
    ("no JSON", lambda client: client[:-1]),
    ("depth", lambda _client: b"[" * 1200),
    ("not ASCII", lambda client: client.replace(b"approvals", "approváls".encode())),
)


@pytest.mark.parametrize(("name", "respell"), RESPELLED, ids=[name for name, _ in RESPELLED])
def test_client_data_has_one_spelling(name: str, respell: Callable[[bytes], bytes]) -> None:
    client = HONEST.client_data(MESSAGE)
    data = HONEST.authenticator_data()
    accepted_by_both(HONEST.key, MESSAGE, HONEST.assemble(data, client))
    assert respell(client) != client
    assert {Code.SIGNATURE_INVALID} == refused_by_both(HONEST.key, MESSAGE, HONEST.assemble(data, respell(client)))


def test_a_record_has_one_spelling_and_a_size() -> None:
    honest = HONEST.sign(MESSAGE)
    parts = json.loads(honest)
    for wrong in (
        b"",
        honest + b"\n",
        honest.replace(b'":"', b'": "'),
        json.dumps({**parts, "more": ""}, separators=(",", ":")).encode(),
        json.dumps({k: v for k, v in parts.items() if k != "client_data"}, separators=(",", ":")).encode(),
        json.dumps({**parts, "signature": parts["signature"][:-4]}, separators=(",", ":")).encode(),
        json.dumps({**parts, "client_data": "QR=="}, separators=(",", ":")).encode(),
        json.dumps({**parts, "client_data": 1}, separators=(",", ":")).encode(),
        record(HONEST.authenticator_data(), HONEST.client_data(MESSAGE) + b" " * 2048, bytes(64)),
        bytes(64),
    ):
        assert {Code.SIGNATURE_INVALID} == refused_by_both(HONEST.key, MESSAGE, wrong)


def test_a_signature_of_another_key_another_message_or_a_high_s_is_refused() -> None:
    other = SoftwareAuthenticator(name="a.wong")
    signature = HONEST.sign(MESSAGE)
    assert {Code.SIGNATURE_INVALID} == refused_by_both(other.key, MESSAGE, signature)
    assert {Code.SIGNATURE_INVALID} == refused_by_both(HONEST.key, MESSAGE + b".", signature)
    data, client = HONEST.authenticator_data(), HONEST.client_data(MESSAGE)
    raw = HONEST.sign_raw(data + hashlib.sha256(client).digest())
    high = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert {Code.SIGNATURE_HIGH_S} == refused_by_both(HONEST.key, MESSAGE, record(data, client, high))
    accepted_by_both(HONEST.key, MESSAGE, record(data, client, raw))


def test_no_algorithm_takes_another_s_signature() -> None:
    plain = PublicKey(alg=Algorithm.P256, public=HexBytes(HONEST.key.public[:65]))
    accepted_by_both(plain, MESSAGE, HONEST.sign_raw(MESSAGE))
    assert {Code.SIGNATURE_INVALID} == refused_by_both(HONEST.key, MESSAGE, HONEST.sign_raw(MESSAGE))
    assert {Code.SIGNATURE_INVALID} == refused_by_both(plain, MESSAGE, HONEST.sign(MESSAGE))


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_an_assertion_is_free_but_the_counter(at: int, bit: int) -> None:
    """The counter is signed too, so a flipped one breaks the signature."""
    signature = bytearray(HONEST.sign(MESSAGE))
    signature[at % len(signature)] ^= 1 << bit
    assert refused_by_both(HONEST.key, MESSAGE, bytes(signature)) <= {Code.SIGNATURE_INVALID, Code.SIGNATURE_HIGH_S}


@pytest.mark.parametrize(
    "host",
    ["", "Example.com", "exa mple", "a..b", "-a.example", "a-.example", ".a", "a.", "a/b", "a:1", "é", "a" * 254],
)
def test_a_relying_party_is_a_host_name(host: str) -> None:
    public = HONEST.key.public[:65] + host.encode()
    with pytest.raises(MalformedError) as one:
        PublicKey(alg=Algorithm.WEBAUTHN_P256, public=HexBytes(public))
    with pytest.raises(MalformedError) as other:
        second.parse_key(Node({"alg": "webauthn-p256", "public": public.hex()}, "key"))
    assert {Code.FIELD_INVALID} == one.value.codes == other.value.codes


@pytest.mark.parametrize("host", ["localhost", "a", "a-b.c--d.example", "1.2.3.4", "a" * 253])
def test_every_host_name_is_taken_by_both(host: str) -> None:
    assert second_key(replace(HONEST, rp_id=host).key).id == replace(HONEST, rp_id=host).key.key_id


@pytest.mark.parametrize("public", [b"", HONEST.key.public[1:], b"\x02" + HONEST.key.public[1:], bytes(80)])
def test_a_key_without_its_point_is_refused_by_both(public: bytes) -> None:
    with pytest.raises(MalformedError):
        PublicKey(alg=Algorithm.WEBAUTHN_P256, public=HexBytes(public))
    with pytest.raises(MalformedError):
        second.parse_key(Node({"alg": "webauthn-p256", "public": public.hex()}, "key"))


def key_json(key: PublicKey) -> dict[str, str]:
    return {"alg": key.alg.value, "public": key.public.hex()}


def party_json(name: str, roles: list[str], staff: str, key: PublicKey) -> dict[str, object]:
    return {
        "group": "vault",
        "id": name,
        "key": key_json(key),
        "name": "A name",
        "roles": roles,
        "staff": staff,
        "valid_from": "2027-01-01T00:00:00Z",
        "valid_until": "2028-01-01T00:00:00Z",
    }


def test_a_person_may_have_a_fido2_key_and_a_machine_may_not() -> None:
    """A machine has nobody who touches it, so its assertions would say that somebody was there."""
    person = party_json("person:m.chan", ["approver"], "staff-01", HONEST.key)
    assert parse_record(Party, person, "party").key.key_id == _parse_party(Node(person, "party")).key.id
    machine = party_json("device:terminal-1", ["terminal"], "none", HONEST.key)
    for read in (lambda: parse_record(Party, machine, "party"), lambda: _parse_party(Node(machine, "party"))):
        with pytest.raises(MalformedError) as caught:
            read()
        assert {Code.FIELD_INVALID} == caught.value.codes


def test_a_client_instructs_with_a_key_that_shows_what_it_signs() -> None:
    client = {"accounts": [], "id": "client:harbour", "keys": [key_json(ed25519_signer("a").key)], "name": "Harbour"}
    assert 1 == len(parse_record(ClientEntry, client, "client").keys) == len(_parse_client(Node(client, "client")).keys)
    passkey = {**client, "keys": [key_json(HONEST.key)]}
    for read in (lambda: parse_record(ClientEntry, passkey, "client"), lambda: _parse_client(Node(passkey, "client"))):
        with pytest.raises(MalformedError) as caught:
            read()
        assert {Code.FIELD_INVALID} == caught.value.codes
