"""Providers that lie about one block, for `start_liar`: a deposit that never was, in an honest node's chain.

The forged Ethereum payment is of the oldest type, whose id the platform does not compute again, with a receipt and a
balance that go with it: one node alone would be believed. The forged Litecoin payment raises an output in a block's
bytes, which then no longer hash to what its header says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodes import Lie

FORGED = "0x" + "f0" * 32
"""The id of the payment that never was."""


def forge_ethereum_deposit(number: int, address: str, units: int) -> Mapping[str, Lie]:
    """A payment to an address in the block at a height. The proxy must be asked for that block before its balances."""
    seen: dict[str, str] = {}

    def block(reply: dict[str, Any]) -> dict[str, Any]:
        found = reply["result"]
        if found is None or int(found["number"], 16) != number or (found["transactions"][:1] and _is_text(found)):
            return reply
        seen["hash"] = found["hash"]
        payment = {
            "hash": FORGED,
            "from": "0x" + "71" * 20,
            "to": address,
            "value": hex(units),
            "nonce": "0x0",
            "type": "0x0",
            "input": "0x",
        }
        return {**reply, "result": {**found, "transactions": [*found["transactions"], payment]}}

    def receipts(reply: dict[str, Any]) -> dict[str, Any]:
        known = seen.get("hash")
        if known is None or any(each["blockHash"] != known for each in reply["result"]):
            return reply
        receipt = {
            "transactionHash": FORGED,
            "blockHash": known,
            "blockNumber": hex(number),
            "status": "0x1",
            "gasUsed": "0x5208",
            "effectiveGasPrice": "0x1",
            "logs": [],
        }
        return {**reply, "result": [*reply["result"], receipt]}

    return {"eth_getBlockByNumber": block, "eth_getBlockReceipts": receipts}


def forge_litecoin_output(script: bytes, units: int) -> Mapping[str, Lie]:
    """Every output of that script pays so much more than it does."""

    def block(reply: dict[str, Any]) -> dict[str, Any]:
        raw = bytes.fromhex(reply["result"])
        place = raw.find(bytes([len(script)]) + script)
        if place < 0:
            return reply
        honest = int.from_bytes(raw[place - 8 : place], "little")
        forged = raw[: place - 8] + (honest + units).to_bytes(8, "little") + raw[place:]
        return {**reply, "result": forged.hex()}

    return {"getblock": block}


def _is_text(block: dict[str, Any]) -> bool:
    """Whether the block names its transactions only."""
    return isinstance(block["transactions"][0], str)
