"""From a nonce to a sealed result and a docket that proves it: the honest way, whole, with real tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.bitcoin.signing import build_key_witness, build_witness, encode_der_signature
from strongroom.chains.bitcoin.transactions import encode_transaction
from strongroom.chains.ethereum.transactions import encode_signed, parse_unsigned, signing_digest
from strongroom.core.bodies import ClearToSign
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import prove_docket
from strongroom.core.docket import Stage, docket_order
from strongroom.core.ids import PartyId
from strongroom.core.packages import build_seal_info, parse_result
from strongroom.core.statements import parse_statement
from strongroom.vault.hsm.wrapped_keys import recovery_id


def unseal(firm: Any, result: Any, terminal: str) -> Any:
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    info = build_seal_info(result.proposal, PartyId(terminal))
    return parse_result(suite.decrypt(result.sealed, firm.world.seal_key, info=info))


def keep(firm: Any, trip: Any, turn: Any, result: Any) -> None:
    """Log the record and put clear and record into the docket, as the platform does."""
    record = firm.world.record(result.record)
    trip.statements += [*turn.clears, record]
    trip.statements.sort(key=docket_order)


@pytest.mark.parametrize("asset", ["eth", "usd"])
def test_a_payment_on_ethereum_is_signed_sealed_and_proved(firm: Any, stand: Any, asset: str) -> None:
    trip = firm.trip(asset)
    turn = firm.turn(trips=[trip])
    outcome = stand.run(turn, "sign")
    assert ([], 1) == (outcome.refused, len(outcome.results))
    (result,) = stand.result().results
    plain = unseal(firm, result, stand.name)
    (signature,) = plain.signatures
    r, s = (int.from_bytes(part, "big") for part in (signature.signature[:32], signature.signature[32:]))
    parity = recovery_id(signing_digest(trip.unsigned), r, s, firm.tokens.keys["key:eth-1"].public_key)
    record = parse_statement(result.record).body
    assert sha256(result.sealed) == record.sealed_digest
    assert turn.clears[0].id == record.clear
    keep(firm, trip, turn, result)
    signed = encode_signed(parse_unsigned(trip.unsigned), parity, r, s)
    trip.edits = {"signed": lambda _: signed}
    trip.to(Stage.RELEASE)
    proved = prove_docket(trip.docket(), firm.world.roots)
    assert Stage.RELEASE == proved.journey.furthest


@pytest.mark.parametrize("kind", ["ltc", "one_key", "mixed"])
def test_terminals_sign_one_litecoin_payment_from_the_same_proposal(firm: Any, kind: str) -> None:
    """Two of 2-of-3, one of coins of one key; of both kinds together the second signs only what it has a key for."""
    trip = firm.trip(kind)
    by_key: dict[str, dict[int, bytes]] = {}
    unlogged = []
    for name in trip.terminals:
        stand = firm.stand(name).ready()
        turn = firm.turn(trips=[trip])
        outcome = stand.run(turn, "sign")
        assert [] == outcome.refused
        (result,) = stand.result().results
        unlogged.append((turn, result))
        for each in unseal(firm, result, name).signatures:
            der = encode_der_signature(*(int.from_bytes(p, "big") for p in (each.signature[:32], each.signature[32:])))
            by_key.setdefault(each.key, {})[each.input] = der
    for turn, result in unlogged:
        keep(firm, trip, turn, result)
    psbt = parse_psbt(trip.unsigned)
    witnesses = []
    for index, detail in enumerate(psbt.inputs):
        signed = {firm.tokens.point(k): found[index] for k, found in by_key.items() if index in found}
        if detail.witness_script is None:
            [(public_key, der)] = signed.items()
            witnesses.append(build_key_witness(der, public_key))
        else:
            witnesses.append(build_witness([signed[p] for p in sorted(signed)], detail.witness_script))
    trip.edits = {"signed": lambda _: encode_transaction(replace(psbt.unsigned, witnesses=tuple(witnesses)))}
    trip.to(Stage.RELEASE)
    proved = prove_docket(trip.docket(), firm.world.roots)
    assert Stage.RELEASE == proved.journey.furthest
    assert len(trip.terminals) == len(proved.journey.all(ClearToSign))


@pytest.mark.parametrize("chain", ["eth", "usd", "ltc", "one_key", "mixed"])
def test_everything_is_shown_before_anything_is_asked(firm: Any, stand: Any, chain: str) -> None:
    trip = firm.trip(chain)
    stand.run(firm.turn(trips=[trip]), "sign")
    shown = stand.screen.getvalue().split("Type sign")[0]
    facts = trip.facts()
    joined = "".join(shown.split())
    for output in facts.outputs:
        assert output.address in joined
        assert str(output.units) in shown
    for source in facts.inputs:
        assert source.address in joined
    for digest in (facts.unsigned_digest, facts.digest, trip.proposal.id):
        assert digest in joined
    for who in (*trip.approvers, "device:station-1", "person:c.lam", "person:p.wu"):
        assert who in shown


def test_no_signature_and_no_pin_is_on_the_disk(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    stand.run(firm.turn(trips=[trip]), "sign")
    (result,) = stand.result().results
    (signature,) = unseal(firm, result, stand.name).signatures
    secrets = [
        signature.signature,
        signature.signature.hex().encode(),
        signature.signature[32:],
        signature.signature[32:].hex().encode(),
        b"user-4482",
    ]
    for path in stand.folder.rglob("*"):
        raw = path.read_bytes() if path.is_file() else b""
        assert not any(secret in raw for secret in secrets), path
    assert "user-4482" not in stand.screen.getvalue()
