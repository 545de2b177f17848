"""Make `vectors/docket/` again after a change of a format: `.venv/bin/python tools/docket_vectors.py`.

The firm is that of `tests/support/world.py`; strongroom.core makes the dockets, and the tests of both readings prove
them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE / "tests/support"))

from strongroom.core.canonical import encode_canonical  # noqa: E402 -- The path to the tests' firm comes first.
from strongroom.core.checks.prove import prove_docket  # noqa: E402
from strongroom.core.docket import Stage, Twin, parse_docket  # noqa: E402
from strongroom.core.records import encode_record  # noqa: E402
from world import (  # noqa: E402
    Trip,
    World,
    eth_sweep,
    eth_trip,
    ltc_trip,
    mixed_trip,
    one_key_trip,
    safe_world,
    usd_trip,
)

FOLDER = HERE / "vectors/docket"
STATEMENTS = HERE / "vectors/statement/statements.json"


def write_root_statement(world: World) -> None:
    """The accepted statement of `vectors/statement` that is a root; the others stay."""
    vectors, envelope = json.loads(STATEMENTS.read_text("utf-8")), world.roots[0]
    for vector in vectors["accepted"]:
        if vector["name"].startswith("root,"):
            vector |= {"payload": envelope.payload.decode(), "pae": envelope.pae.hex(), "id": envelope.id}
            vector["envelope"] = envelope.encode().decode()
    STATEMENTS.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    """Write the dockets, their root, and the index of both."""
    world = safe_world()
    write_root_statement(world)
    void = eth_trip(world, nonce=8, sequence=2).to(Stage.APPROVE)
    void.reject()
    void.twin = Twin.VOID
    trips = {
        "ethereum": eth_trip(world).to(Stage.SETTLE),
        "litecoin": ltc_trip(world, sequence=3).to(Stage.SETTLE),
        "void": void.to(Stage.SETTLE),
        "token": usd_trip(world, nonce=9, sequence=4).to(Stage.SETTLE),
        "one-key": one_key_trip(world, nonce=10, sequence=5).to(Stage.SETTLE),
        "mixed": mixed_trip(world, nonce=11, sequence=6).to(Stage.SETTLE),
        "sweep": eth_sweep(world, account_name="eth-2", keys=("key:eth-2",), nonce=12).to(Stage.SETTLE),
    }
    (FOLDER / "root.json").write_bytes(encode_canonical([encode_record(r) for r in world.roots]))
    index: dict[str, Any] = {
        "source": "made by tools/docket_vectors.py",
        "fingerprint": world.fingerprint,
        "accepted": [],
        "refused": [],
    }
    for name, trip in trips.items():
        raw = trip.docket_bytes()
        (FOLDER / f"{name}.docket.json").write_bytes(raw)
        index["accepted"].append(describe(name, trip, raw, world))
        index["refused"] += refused(f"{name}.docket.json", raw.decode())
    (FOLDER / "dockets.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", "utf-8")


def describe(name: str, trip: Trip, raw: bytes, world: World) -> dict[str, Any]:
    """What a reader must find in a docket."""
    proved = prove_docket(parse_docket(raw), world.roots)
    return {
        "file": f"{name}.docket.json",
        "furthest": proved.journey.furthest.name,
        "proposal": proved.proposal.id,
        "facts": proved.facts.digest,
        "txid": trip.txid,
        "statements": [p.id for p in proved.journey.statements],
    }


def _entry_change(text: str) -> tuple[str, str, str, str]:
    """An entry of a register that says something else: of the whitelist, or where nobody is paid, of our own keys."""
    if "Harbour Fund Ltd" in text:
        return "another owner of the destination", "Harbour Fund Ltd", "Harbour Fund Inc", "PROOF_INVALID"
    return "another state of a key", '"state":"active"', '"state":"destroyed"', "PROOF_INVALID"


def refused(file: str, text: str) -> list[dict[str, str]]:
    """Changes of the text, `old` replaced by `new` once, each with the code of both readings."""
    form = '"format":"strongroom-docket/1"'
    (chain,) = re.findall(r'"transaction":\{"chain":"[^"]*"', text)
    (unsigned,) = re.findall(r'"unsigned":"[0-9a-f]*"', text)
    (signed,) = re.findall(r'"signed":"[0-9a-f]*"', text)
    more = unsigned[:-1] + '00"'
    changes = [
        ("another format", form, form.replace("/1", "/2"), "FIELD_INVALID"),
        ("a space", '"format":', '"format": ', "JSON_NOT_CANONICAL"),
        ("a key twice", form, f"{form},{form}", "JSON_DUPLICATE_KEY"),
        ("a field too many", form, f'"extra":"x",{form}', "FIELD_UNKNOWN"),
        _entry_change(text),
        ("another chain beside the bytes", chain, '"transaction":{"chain":"eip155:1"', "TX_WRONG_CHAIN"),
        ("one byte more", unsigned, more, "PSBT_INVALID" if "bip122" in chain else "TX_TRAILING_BYTES"),
        ("no signed bytes", signed, '"signed":"none"', "STAGE_MISSING"),
    ]
    if "void" in file:
        changes.append(("signed as if it were the transfer", '"twin":"void"', '"twin":"transfer"', "REJECTED"))
    if "token" in file:
        changes += [
            ("approve instead of transfer", unsigned, unsigned.replace("a9059cbb", "095ea7b3"), "TX_CONTRACT_CALL"),
            ("another contract behind the name", '"contract":"0xA0b8', '"contract":"0xB0b8', "ADDRESS_INVALID"),
            ("another hash of the code", '"code_hash":"keccak256:', '"code_hash":"keccak512:', "FIELD_INVALID"),
        ]
    if "ethereum" in file:
        changes.append(("a void that nobody asked for", '"twin":"transfer"', '"twin":"void"', "VOID_NOT_DUE"))
    return [{"file": file, "name": name, "old": old, "new": new, "code": code} for name, old, new, code in changes]


if __name__ == "__main__":
    main()
