"""Addresses of a pool attested by the terminals that hold its keys: on real tokens, as people run it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import softhsm
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.core.attested import AddressAttestation, split_batch
from strongroom.core.checks.attest import CheckedBatch, check_batch
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes
from strongroom.core.statements import check_exact_signers, expect, parse_envelope_bytes, parse_statement
from strongroom.vault.ceremony.address_order import load_list, load_order

USER = "user-4482"
LTC = LITECOIN_REGTEST.chain
ETH = "eip155:31337"
CHALLENGE = "5a" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Tokens with device keys and pools. folder: `t1`, `t2`, `t3`, each a pool."""

    ceremony: Any
    folder: Path
    keys: tuple[PublicKey, ...]

    def lists(self, *numbers: int) -> list[str]:
        return [w for n in numbers for w in ("--list", f"device:terminal-{n}={self.folder / f't{n}' / 'keys.json'}")]

    def order(self, out: Path, chain: str, threshold: int, numbers: tuple[int, ...], *more: str) -> Any:
        words = ["order-addresses", "--json", "--batch", "entry:b-1", "--chain", chain, "--wallet", "wallet:cold"]
        words += ["--threshold", str(threshold), "--count", "4", "--challenge", CHALLENGE, "--out", str(out / "order")]
        words += ["--organization", "test-custody", "--environment", "development", *self.lists(*numbers)]
        return self.ceremony.run(*words, *more)

    def prove(self, out: Path, number: int, numbers: tuple[int, ...], pool: Path | None = None) -> Any:
        words = ["prove-addresses", *self.common(out, number, numbers), "--out", str(out / f"proofs-{number}")]
        return self.ceremony.run(*words, "--keys", str(pool or self.folder / f"t{number}"), lines=(USER,))

    def attest(self, out: Path, number: int, numbers: tuple[int, ...], word: str = "sign") -> Any:
        proofs = [w for n in numbers for w in ("--proofs", str(out / f"proofs-{n}"))]
        words = ["attest", *self.common(out, number, numbers), *proofs, "--batch", str(out / f"batch-{number}")]
        return self.ceremony.run(*words, "--envelope", str(out / "envelope"), lines=(USER,), consent=(word,))

    def common(self, out: Path, number: int, numbers: tuple[int, ...]) -> list[str]:
        me = ["--me", f"device:terminal-{number}", "--token", f"vault-{number}", "--workers", "2"]
        return ["--json", "--order", str(out / "order"), *me, *self.lists(*numbers)]

    def checked(self, out: Path, number: int) -> CheckedBatch:
        envelope = parse_envelope_bytes((out / "envelope").read_bytes())
        body = expect(parse_statement(envelope), AddressAttestation, "attestation").body
        return check_batch(body, (out / f"batch-{number}").read_bytes())


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """Three tokens of one wallet, each with a device key and a pool of ten keys that its attestation is to prove."""
    from .conftest import Ceremony  # noqa: PLC0415 -- beside this file; `conftest` alone would name another folder's.

    folder = tmp_path_factory.mktemp("attest")
    ceremony = Ceremony(store=softhsm.make_store(folder / "softhsm"))
    keys = []
    for number in (1, 2, 3):
        token = ("--token", f"vault-{number}", "--json")
        ceremony.vault_token(f"vault-{number}")
        made = ceremony.run("make-person-key", *token, lines=(USER,)).result["key"]
        keys.append(PublicKey(alg=Algorithm(made["alg"]), public=HexBytes(bytes.fromhex(made["public"]))))
        order = ("--count", "10", "--wallet", "wallet:cold", "--names", f"t{number}", "--prove", "attestation")
        pool = ceremony.run("make-keys", *token, *order, "--out", str(folder / f"t{number}"), lines=(USER,))
        assert (0, 10) == (pool.code, pool.result["made"])
    return Vault(ceremony=ceremony, folder=folder, keys=tuple(keys))


def refusals(outcome: Any) -> list[str]:
    """Codes told; what the person is shown stands in the same output, and is no JSON."""
    return [json.loads(line)["code"] for line in outcome.errors.splitlines() if '"code"' in line]


@pytest.mark.parametrize(("chain", "kind"), [(ETH, "0x"), (LTC, "rltc1q")])
def test_one_terminal_attests_addresses_of_one_key(vault: Vault, tmp_path: Path, chain: str, kind: str) -> None:
    assert 0 == vault.order(tmp_path, chain, 1, (1,), "--changes", "1", "--names", "w").code
    proved = vault.prove(tmp_path, 1, (1,))
    assert (0, 4) == (proved.code, proved.result["proofs"])
    signed = vault.attest(tmp_path, 1, (1,))
    assert (0, 1) == (signed.code, signed.result["signatures"])
    assert f"challenge: {CHALLENGE}" in signed.errors
    assert "addresses: 4, 1 of them for change" in signed.errors
    batch = vault.checked(tmp_path, 1)
    assert ["address:w-1", "address:w-2", "address:w-3", "address:w-4"] == [line.id for line in batch.lines]
    assert ["change", "deposit", "deposit", "deposit"] == [line.purpose.value for line in batch.lines]
    assert all(line.address.startswith(kind) for line in batch.lines)
    check_exact_signers(parse_envelope_bytes((tmp_path / "envelope").read_bytes()), vault.keys[:1], "envelope")
    shown = vault.ceremony.run(
        "show-pool", "--json", "--keys", str(vault.folder / "t1"), "--batch", str(tmp_path / "batch-1")
    )
    assert (4, 6, "attestation") == tuple(shown.result[name] for name in ("attested", "unused", "proving"))


def test_three_terminals_attest_one_list(vault: Vault, tmp_path: Path) -> None:
    numbers = (1, 2, 3)
    assert 0 == vault.order(tmp_path, LTC, 2, numbers, "--first", "4").code
    for number in numbers:
        assert 4 == vault.prove(tmp_path, number, numbers).result["proofs"]
    outcomes = [vault.attest(tmp_path, number, numbers) for number in numbers]
    assert [(0, 1), (0, 2), (0, 3)] == [(each.code, each.result["signatures"]) for each in outcomes]
    assert 1 == len({each.result["statement"] for each in outcomes})
    assert 1 == len({(tmp_path / f"batch-{number}").read_bytes() for number in numbers})
    batch = vault.checked(tmp_path, 1)
    assert ("device:terminal-1", "device:terminal-2", "device:terminal-3") == batch.body.terminals
    assert {(3, 2)} == {(len(line.keys), line.threshold) for line in batch.lines}
    check_exact_signers(parse_envelope_bytes((tmp_path / "envelope").read_bytes()), vault.keys, "envelope")
    # The keys of earlier batches are left alone.
    used = load_list(vault.folder / "t2" / "keys.json", PartyId("device:terminal-2"))[1][4:8]
    assert {half.key for half in used} == {line.keys[1].id for line in batch.lines}


def test_two_blobs_that_changed_places_are_caught(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    pool = tmp_path / "pool"
    shutil.copytree(vault.folder / "t1", pool)
    lines = [json.loads(line) for line in (pool / "keys.pool").read_bytes().splitlines()]
    used = load_list(pool / "keys.json", PartyId("device:terminal-1"))[1][:2]
    first, second = [line for line in lines if line["key"] in {half.key for half in used}]
    first["blob"], second["blob"] = second["blob"], first["blob"]
    raw = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    assert len(raw) == (pool / "keys.pool").stat().st_size
    (pool / "keys.pool").write_bytes(raw)
    outcome = vault.prove(tmp_path, 1, (1,), pool)
    assert (5, ["SIGNATURE_INVALID"]) == (outcome.code, refusals(outcome))
    assert not (tmp_path / "proofs-1").exists()
    assert 0 == vault.prove(tmp_path, 1, (1,)).code


def test_a_blob_that_does_not_open_is_caught(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    pool = tmp_path / "pool"
    shutil.copytree(vault.folder / "t1", pool)
    name = load_list(pool / "keys.json", PartyId("device:terminal-1"))[1][0].key
    raw = (pool / "keys.pool").read_bytes()
    blob = next(json.loads(line)["blob"] for line in raw.splitlines() if json.loads(line)["key"] == name)
    other = ("0" if blob[20] != "0" else "1").join([blob[:20], blob[21:]])
    (pool / "keys.pool").write_bytes(raw.replace(blob.encode(), other.encode()))
    outcome = vault.prove(tmp_path, 1, (1,), pool)
    assert (3, ["KEY_NOT_IN_TOKEN"]) == (outcome.code, refusals(outcome))
    assert 0 == vault.prove(tmp_path, 1, (1,)).code


def test_a_terminal_signs_nothing_that_another_one_proved_wrongly(vault: Vault, tmp_path: Path) -> None:
    numbers = (1, 2)
    assert 0 == vault.order(tmp_path, LTC, 2, numbers).code
    assert 0 == vault.prove(tmp_path, 1, numbers).code
    assert 0 == vault.prove(tmp_path, 2, numbers).code
    honest = (tmp_path / "proofs-2").read_bytes()
    lines = honest.splitlines(keepends=True)
    swapped = [json.loads(line) for line in lines[:2]]
    swapped[0]["proof"], swapped[1]["proof"] = swapped[1]["proof"], swapped[0]["proof"]
    bad = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in swapped) + b"".join(lines[2:])
    for raw, code in ((bad, 3), (b"".join(lines[:3]), 3), (honest + lines[0], 2)):
        (tmp_path / "proofs-2").write_bytes(raw)
        outcome = vault.attest(tmp_path, 1, numbers)
        expected = {3: "SPEND_PROOF_INVALID", 2: "FIELD_INVALID"}[code]
        assert (code, {expected}) == (outcome.code, set(refusals(outcome)))
        assert not (tmp_path / "envelope").exists()
    (tmp_path / "proofs-2").write_bytes(honest)
    assert 0 == vault.attest(tmp_path, 1, numbers).code


def test_nothing_is_signed_without_the_word_or_over_another_statement(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    assert 0 == vault.prove(tmp_path, 1, (1,)).code
    unsure = vault.attest(tmp_path, 1, (1,), word="yes")
    assert (3, ["OPERATOR_REFUSED"]) == (unsure.code, refusals(unsure))
    assert not (tmp_path / "envelope").exists()
    assert 0 == vault.attest(tmp_path, 1, (1,)).code
    before = (tmp_path / "envelope").read_bytes()
    assert 0 == vault.order(tmp_path, ETH, 1, (1,), "--issued-at", "2027-01-01T00:00:00Z").code
    other = vault.attest(tmp_path, 1, (1,))
    assert (3, ["DIGEST_MISMATCH"]) == (other.code, refusals(other))
    assert before == (tmp_path / "envelope").read_bytes()


def test_an_order_is_of_these_lists_or_of_none(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    other = tmp_path / "other.json"
    shutil.copy(vault.folder / "t2" / "keys.json", other)
    words = ["prove-addresses", "--json", "--order", str(tmp_path / "order"), "--token", "vault-1", "--out", "x"]
    words += ["--keys", str(vault.folder / "t1")]
    for more, codes in (
        (("--me", "device:terminal-1", "--list", f"device:terminal-1={other}"), ["DIGEST_MISMATCH"]),
        (("--me", "device:terminal-1", "--list", f"device:terminal-2={other}"), ["NOT_IN_REGISTER"]),
        (("--me", "device:terminal-9", *vault.lists(1)), ["SIGNER_UNKNOWN"]),
    ):
        outcome = vault.ceremony.run(*words, *more, lines=(USER,))
        assert (3, codes) == (outcome.code, refusals(outcome))
    assert 0 == vault.prove(tmp_path, 1, (1,)).code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (("--first", "7"), "NOT_IN_REGISTER"),
        (("--first", "-1"), "FIELD_INVALID"),
        (("--changes", "5"), "FIELD_INVALID"),
        (("--challenge", "5a"), "FIELD_INVALID"),
        (("--threshold", "2"), "FIELD_INVALID"),
        (("--wallet", "wallet:other"), "FIELD_INVALID"),
        (("--batch", "wallet:b"), "FIELD_INVALID"),
        (("--names", "A B"), "FIELD_INVALID"),
    ],
)
def test_an_order_that_cannot_hold_is_not_written(
    vault: Vault, tmp_path: Path, changed: tuple[str, ...], code: str
) -> None:
    outcome = vault.order(tmp_path, ETH, 1, (1,), *changed)
    assert [code] == refusals(outcome)
    assert not (tmp_path / "order").exists()
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    assert CHALLENGE == load_order(tmp_path / "order").challenge.hex()


def test_a_list_or_order_of_another_format_is_refused(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    for path, read in (
        (vault.folder / "t1" / "keys.json", lambda path: load_list(path, PartyId("device:terminal-1"))),
        (tmp_path / "order", load_order),
    ):
        changed = tmp_path / "changed"
        changed.write_bytes(path.read_bytes().replace(b'/1"', b'/9"'))
        with pytest.raises(MalformedError) as caught:
            read(changed)
        assert {Code.FIELD_INVALID} == caught.value.codes
        read(path)


def test_the_batch_of_a_pool_is_lines(vault: Vault, tmp_path: Path) -> None:
    assert 0 == vault.order(tmp_path, ETH, 1, (1,)).code
    assert 0 == vault.prove(tmp_path, 1, (1,)).code
    assert 0 == vault.attest(tmp_path, 1, (1,)).code
    assert 4 == len(split_batch((tmp_path / "batch-1").read_bytes()))
