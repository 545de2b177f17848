"""What signs is recognised in any spelling, on every path; what only looks like it is left alone."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from shamir_mnemonic import generate_mnemonics

from firm import Firm
from strongroom.chains.bitcoin.base58 import encode_base58check
from strongroom.core.codes import Code
from strongroom.online.watch.material import find_material
from strongroom.online.watch.material_scan import scan

KEY = ec.generate_private_key(ec.SECP256K1())
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
NUMBER = KEY.private_numbers().private_value.to_bytes(32, "big")
PEM = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SHARE = generate_mnemonics(1, [(2, 3)], secrets.token_bytes(32))[0][0]
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
"""Source: BIP-32, test vector 1."""
BLOB = {"blob": "9f" * 36, "curve": "secp256k1", "format": "strongroom-key/1", "key": "key:ltc-1"}

PLANTED = {
    "PEM": (PEM, "a private key in PEM"),
    "wrapped key": (json.dumps(BLOB).encode(), "a wrapped key of ours"),
    "xprv": (XPRV.encode(), "an extended private key"),
    "WIF": (encode_base58check(b"\x80" + NUMBER + b"\x01").encode(), "a private key in WIF"),
    "WIF of Litecoin": (encode_base58check(b"\xb0" + NUMBER + b"\x01").encode(), "a private key in WIF"),
    "WIF, uncompressed": (encode_base58check(b"\x80" + NUMBER).encode(), "a private key in WIF"),
    "share": (SHARE.encode(), "the words of a share"),
    "share, numbered lines": ("\n".join(SHARE.split()).encode(), "the words of a share"),
    "hexadecimal": (NUMBER.hex().encode(), "the private half of a registered key"),
    "hexadecimal with 0x": (b"0x" + NUMBER.hex().upper().encode(), "the private half of a registered key"),
    "base64": (base64.b64encode(NUMBER), "the private half of a registered key"),
}
HONEST = {
    "digests": b"sha256:" + b"ab" * 32 + b" 0x" + b"cd" * 32,
    "a public key": POINT.hex().encode(),
    "another number": secrets.token_hex(32).encode(),
    "words": b"the officer moved the coins to another wallet because the client asked for it in a letter of last week "
    b"and the desk agreed with that after a call to the number on file as the procedure says it must be done",
    "a public PEM": ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "a WIF with a slip": encode_base58check(b"\x80" + NUMBER + b"\x01").encode()[:-1] + b"z",
    "half a share": " ".join(SHARE.split()[:12]).encode(),
    "an address": b"LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9",
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("wrapped", [0, 1, 2])
def test_planted_material_is_found(name: str, wrapped: int) -> None:
    raw, kind = PLANTED[name]
    raw = b"before, " + raw + b" and after"
    for _ in range(wrapped):
        raw = b'{"payload":"' + base64.b64encode(raw) + b'"}'
    assert kind in {each.kind for each in find_material(raw, {POINT})}


@pytest.mark.parametrize("name", HONEST)
def test_honest_bytes_are_left_alone(name: str) -> None:
    assert list(find_material(HONEST[name], {POINT})) == []


def test_what_is_found_is_not_repeated() -> None:
    for raw, _ in PLANTED.values():
        assert raw[:24].decode() not in repr(list(find_material(raw, {POINT})))


def test_database_and_folders_are_searched(office_firm: Firm, tmp_path: Path) -> None:
    connection = office_firm.platform.connection
    keys = office_firm.rules.entries.keys.values()
    folder = tmp_path / "backup"
    (folder / "deep").mkdir(parents=True)
    (folder / "notes.txt").write_text("nothing here")
    honest = scan(connection, keys, [folder])
    assert (honest.findings, honest.skipped, honest.files) == ((), (), 1)
    assert honest.tables > 20
    assert honest.rows > 100

    (folder / "deep" / "old.pem").write_bytes(PEM)
    office_firm.query(
        "insert into watch.alerts (code, severity, subject, detail) values ('X', 'critical', 'note', %s)", SHARE
    )
    found = scan(connection, keys, [folder])
    assert {each.kind for each in found.findings} == {"a private key in PEM", "the words of a share"}
    codes = office_firm.query("select distinct code from watch.alerts where subject <> 'note'")
    assert codes == [(Code.KEY_MATERIAL_ONLINE.value,)]
