"""Who is who in the tests' firm: chains, people, machines, and a software key for each name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import coincurve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.core.ids import AssetId, ChainId, PartyId, WalletId
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey, Sign
from strongroom.core.records import HexBytes

START = datetime(2027, 3, 14, 2, 0, 0, tzinfo=UTC)
ETH = ChainId("eip155:31337")
ETH_ASSET = AssetId("eip155:31337/slip44:60")
HOODI = ChainId("eip155:560048")
HOODI_ASSET = AssetId("eip155:560048/slip44:60")
USD_CONTRACT = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
USD_ASSET = AssetId(f"{ETH}/erc20:{USD_CONTRACT}")
LTC = LITECOIN_REGTEST.chain
LTC_ASSET = LITECOIN_REGTEST.asset
ORIGIN = "strongroom.example/test-log"
GWEI = 10**9


def seed(name: str) -> bytes:
    """32 bytes that belong to a name; the same in every run."""
    return hashlib.sha256(b"strongroom test key " + name.encode()).digest()


@dataclass(frozen=True)
class Signer:
    """A software key: what it is known by, and its signing function."""

    key: PublicKey
    sign: Sign


def ed25519_signer(name: str) -> Signer:
    """An Ed25519 key made from a name."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed(name))
    public = HexBytes(private.public_key().public_bytes_raw())
    return Signer(key=PublicKey(alg=Algorithm.ED25519, public=public), sign=private.sign)


def p256_signer(name: str) -> Signer:
    """A P-256 key made from a name; signs with low s."""
    private = ec.derive_private_key(int.from_bytes(seed(name), "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    public = HexBytes(b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")

    return Signer(key=PublicKey(alg=Algorithm.P256, public=public), sign=sign)


def chain_key(name: str) -> coincurve.PrivateKey:
    """A secp256k1 key made from a name."""
    return coincurve.PrivateKey(seed(name))


PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "person:m.chan": ("staff-01", "operations", ("approver",)),
    "person:r.singh": ("staff-02", "treasury", ("approver",)),
    "person:a.wong": ("staff-03", "risk", ("approver",)),
    "person:c.lam": ("staff-04", "vault", ("operator",)),
    "person:p.wu": ("staff-05", "vault", ("operator",)),
    "person:r.ho": ("staff-06", "management", ("officer", "overseer")),
    "person:s.lee": ("staff-07", "management", ("officer", "overseer")),
}
MACHINES: Mapping[str, tuple[str, ...]] = {
    "device:approver-1": ("approval-device",),
    "device:approver-2": ("approval-device",),
    "device:approver-3": ("approval-device",),
    "device:gate-1": ("gate",),
    "device:station-1": ("station",),
    "device:terminal-1": ("terminal",),
    "device:terminal-2": ("terminal",),
    "device:terminal-3": ("terminal",),
    "service:builder": ("builder",),
    "service:platform": ("platform",),
    "service:reconciler": ("reconciler",),
    "service:watcher": ("watcher", "witness"),
}
HELD_BY: Mapping[str, str] = {
    "device:approver-1": "person:m.chan",
    "device:approver-2": "person:r.singh",
    "device:approver-3": "person:a.wong",
}
"""Whose an approval device is."""
HOLDERS = ("person:h.one", "person:h.two", "person:h.three")
DELEGATES = {
    "addresses": ("person:k.one", "person:k.two"),
    "assets": ("person:k.one", "person:k.two"),
    "clients": ("person:c.one", "person:c.two"),
    "keys": ("person:k.one", "person:k.two"),
    "policy": ("person:p.one", "person:p.two"),
    "prices": ("person:f.one", "person:f.two"),
    "roster": ("person:o.one", "person:o.two"),
    "whitelist": ("person:w.one", "person:w.two"),
}
CLIENTS = ("client:harbour", "client:lantau", "client:peak")
ETH_WALLET, LTC_WALLET = WalletId("wallet:eth-cold-1"), WalletId("wallet:ltc-cold-1")
HOODI_WALLET = WalletId("wallet:hoodi-cold-1")
TERMINALS = ("device:terminal-1", "device:terminal-2", "device:terminal-3")


def signer_of(party: str) -> Signer:
    """The software key of a person, device, service or client: P-256 for people and terminals, Ed25519 for the rest."""
    return p256_signer(party) if party.startswith("person:") or "terminal" in party else ed25519_signer(party)


def device_of(person: str) -> PartyId:
    """The approval device that a person holds; of one who holds none, a name that no roster knows."""
    return PartyId(next((d for d, who in HELD_BY.items() if who == person), f"device:of-{person.split(':')[1]}"))


def sorted_by_id(items: Iterable[Any]) -> tuple[Any, ...]:
    """Items in the order of their ids."""
    return tuple(sorted(items, key=lambda item: item.id))
