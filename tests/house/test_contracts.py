"""Each import contract reports a planted import, and none reports the house as it stands.

A contract that names a wrong module is kept for ever without a word, so every one of them is shown to break.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

import pytest

from .tree import ROOT, run_tool

pytestmark = pytest.mark.xdist_group("contracts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A line planted in a room, and the contract that must report it."""

    contract: str
    room: str
    line: str

    def __str__(self) -> str:
        return f"{self.contract}: {self.room} says {self.line}"


CORE = "core/src/strongroom/core"
CHAINS = "core/src/strongroom/chains"
DEVICES = "devices/src/strongroom/devices"
VAULT = "vault/src/strongroom/vault"
CHECKER = "checker/src/strongroom/checker"
READING = "checker/src/strongroom/checker/reading"
APPROVER = "approver/src/strongroom/approver"
ONLINE = "online/src/strongroom/online"

# fmt: off
TABLE = (
    ("core-imports-nobody",        CORE,     "import strongroom.vault"),
    ("core-imports-nobody",        CORE,     "import strongroom.checker"),
    ("core-imports-nobody",        CHAINS,   "import strongroom.approver"),
    ("core-imports-nobody",        CHAINS,   "import strongroom.online"),
    ("core-imports-nobody",        CORE,     "import strongroom.devices"),
    ("core-is-pure",               CORE,     "import asyncio"),
    ("core-is-pure",               CORE,     "import http.client"),
    ("core-is-pure",               CORE,     "import httpx"),
    ("core-is-pure",               CORE,     "import pkcs11"),
    ("core-is-pure",               CORE,     "import psycopg"),
    ("core-is-pure",               CORE,     "import random"),
    ("core-is-pure",               CHAINS,   "import socket"),
    ("core-is-pure",               CHAINS,   "import sqlite3"),
    ("core-is-pure",               CHAINS,   "import subprocess"),
    ("core-is-pure",               CHAINS,   "from time import time"),
    ("core-is-pure",               CHAINS,   "import urllib.request"),
    ("devices-import-names-only",  DEVICES,  "from strongroom.core.canonical import parse_canonical"),
    ("devices-import-names-only",  DEVICES,  "from strongroom.chains.bitcoin import psbt"),
    ("devices-import-names-only",  DEVICES,  "import strongroom.vault"),
    ("devices-import-names-only",  DEVICES,  "import strongroom.checker"),
    ("devices-import-names-only",  DEVICES,  "import strongroom.approver"),
    ("devices-import-names-only",  DEVICES,  "import strongroom.online"),
    ("devices-have-no-network",    DEVICES,  "import socket"),
    ("devices-have-no-network",    DEVICES,  "import httpx"),
    ("vault-imports-core-only",    VAULT,    "import strongroom.checker"),
    ("vault-imports-core-only",    VAULT,    "import strongroom.approver"),
    ("vault-imports-core-only",    VAULT,    "import strongroom.online"),
    ("vault-has-no-network",       VAULT,    "import httpx"),
    ("vault-has-no-network",       VAULT,    "import psycopg"),
    ("vault-has-no-network",       VAULT,    "from urllib.request import urlopen"),
    ("approver-imports-core-only", APPROVER, "import strongroom.vault"),
    ("approver-imports-core-only", APPROVER, "import strongroom.checker"),
    ("approver-imports-core-only", APPROVER, "import strongroom.online"),
    ("approver-has-one-line",      APPROVER, "import http.client"),
    ("approver-has-one-line",      APPROVER, "import socket"),
    ("checker-stands-alone",       CHECKER,  "import strongroom.vault"),
    ("checker-stands-alone",       CHECKER,  "import strongroom.approver"),
    ("checker-stands-alone",       CHECKER,  "import strongroom.online"),
    ("checker-reads-by-itself",    CHECKER,  "from strongroom.core.canonical import parse_canonical"),
    ("checker-reads-by-itself",    READING,  "from strongroom.core import statements"),
    ("checker-reads-by-itself",    READING,  "from strongroom.chains.bitcoin import psbt"),
    ("online-imports-core-only",   ONLINE,   "import strongroom.devices"),
    ("online-imports-core-only",   ONLINE,   "import strongroom.vault"),
    ("online-imports-core-only",   ONLINE,   "import strongroom.checker"),
    ("online-imports-core-only",   ONLINE,   "import strongroom.approver"),
)
# fmt: on
PLANTED = tuple(Planted(contract=contract, room=room, line=line) for contract, room, line in TABLE)


def _contracts() -> set[str]:
    settings = configparser.ConfigParser()
    settings.read(ROOT / ".importlinter")
    return {name.rpartition(":")[2] for name in settings.sections() if name.startswith("importlinter:contract:")}


def test_every_contract_has_a_planted_import() -> None:
    assert _contracts() == {planted.contract for planted in PLANTED}


def test_the_house_as_it_stands_keeps_all_contracts(house: Path) -> None:
    outcome = run_tool(house, "lint-imports", "--no-cache")

    assert outcome.status == 0, outcome.text
    assert f"Contracts: {len(_contracts())} kept, 0 broken." in outcome.text


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_import_breaks_its_contract(house: Path, planted: Planted) -> None:
    file = house / planted.room / "planted.py"
    file.write_text(f"{planted.line}\n", encoding="utf-8")
    try:
        outcome = run_tool(house, "lint-imports", "--no-cache", "--contract", planted.contract)
    finally:
        file.unlink()

    assert outcome.status == 1, outcome.text
    assert "Contracts: 0 kept, 1 broken." in outcome.text
    assert ".planted -> " in outcome.text
