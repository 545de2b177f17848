"""Attacks 8 and 9: the builder is the attacker's, and signs proposals over bytes that do more than was asked for."""

from __future__ import annotations

from dataclasses import replace

from demo.attacks import THIEF, corrupt_builder, stopped_at_approval
from demo.ended import Ended
from demo.journey import Journal, Tell
from demo.scene import Scene
from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script
from strongroom.chains.ethereum.rlp import encode_integer, encode_rlp
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.bodies import ChangeOutput
from strongroom.core.canonical import sha256
from strongroom.online.transfers.withdrawal.build import Built

APPROVE = bytes.fromhex("095ea7b3")
"""The first four bytes of Keccak-256 over `approve(address,uint256)`."""
STOLEN_SAT = 10**7
BURNT_WEI_PER_GAS = 4 * 10**12
"""For 21,000 gas this is 0.084 ETH of fee, on a payment of 0.1."""


def grant_allowance(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """8a: in place of a payment the bytes let a stranger take all tokens later."""
    token = bytes.fromhex(scene.firm.token.contract[2:])

    def spoil(built: Built) -> Built:
        honest = parse_unsigned(built.unsigned)
        call = APPROVE + bytes(12) + bytes.fromhex(THIEF[2:]) + b"\xff" * 32
        fees = (honest.max_priority_fee_per_gas_wei, honest.max_fee_per_gas_wei)
        numbers = [encode_integer(n) for n in (honest.chain_id, honest.nonce, *fees, 100_000)]
        unsigned = b"\x02" + encode_rlp((*numbers, token, b"", call, ()))
        return replace(built, unsigned=unsigned, unsigned_digest=sha256(unsigned))

    corrupt_builder(scene, journal, [("harbour", "eth", 10**17)], spoil, "allowance")
    tell("service:builder", f"proposal over approve({THIEF}, everything) on the token's contract")
    return stopped_at_approval(scene, "TX_CONTRACT_CALL", "8a approve() from the builder", tell)


def add_output(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """8b: a second output, cut out of the change, pays a stranger."""

    def spoil(built: Built) -> Built:
        psbt = parse_psbt(built.unsigned)
        spends = [
            Spend(previous=detail.previous, index=tx_in.outpoint.index, witness_script=detail.witness_script)
            for tx_in, detail in zip(psbt.unsigned.inputs, psbt.inputs, strict=True)
        ]
        (change,) = built.change
        payments = []
        for index, (paid, detail) in enumerate(zip(psbt.unsigned.outputs, psbt.outputs, strict=True)):
            value = paid.value_sat - STOLEN_SAT if index == change.index else paid.value_sat
            payments.append(Payment(script=paid.script, value_sat=value, witness_script=detail.witness_script))
        stranger = build_script(ScriptKind.P2WPKH, bytes.fromhex("ee" * 20))
        payments.append(Payment(script=stranger, value_sat=STOLEN_SAT))
        changed = build_psbt(spends=spends, payments=payments)
        return replace(
            built,
            unsigned=encode_psbt(changed),
            unsigned_digest=sha256(changed.unsigned_bytes),
            change=(ChangeOutput(address=change.address, index=change.index),),
        )

    corrupt_builder(scene, journal, [("lantau", "ltc", 10**8)], spoil, "second output")
    tell("service:builder", "proposal with one output more than was instructed")
    return stopped_at_approval(scene, "OUTPUT_UNEXPLAINED", "8b second output from the builder", tell)


def burn_fee(scene: Scene, journal: Journal, tell: Tell) -> Ended:
    """9: destination and amount are right, and nearly as much again goes to whoever builds the block."""

    def spoil(built: Built) -> Built:
        unsigned = encode_unsigned(replace(parse_unsigned(built.unsigned), max_fee_per_gas_wei=BURNT_WEI_PER_GAS))
        return replace(built, unsigned=unsigned, unsigned_digest=sha256(unsigned))

    corrupt_builder(scene, journal, [("harbour", "eth", 10**17)], spoil, "burnt")
    tell("service:builder", "proposal whose fee may be 0.084 ETH on a payment of 0.1, and says that it is small")
    return stopped_at_approval(scene, "FEE_CEILING", "9 the fee eats the amount", tell)
