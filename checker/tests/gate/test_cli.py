"""The gate's program: keys before the root, enrolment, updates, status, and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from strongroom.checker.gate.cli import main
from strongroom.core.codes import Code
from world import World, eth_trip, seed

from .gatehouse import GATE, Gatehouse, RpcNode, open_gatehouse, serving, walked


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return Gatehouse(world=World(), folder=tmp_path, capsys=capsys)


def _enroll(gate: Gatehouse, typed: str) -> tuple[int, set[str]]:
    root = gate.folder / "root.json"
    root.write_bytes(gate.world.root_file)
    code, said = gate.run(
        "enroll", "--home", str(gate.home), "--root", str(root), "--device", GATE, "--soc-key", "11" * 32, typed=typed
    )
    return code, {each["code"] for each in said.get("refusals", ())}


def test_keys_are_made_once_and_are_for_their_owner_only(bare: Gatehouse) -> None:
    code, first = bare.run("keys", "--home", str(bare.home))
    _, again = bare.run("keys", "--home", str(bare.home))
    secret = X25519PrivateKey.from_private_bytes(bytes.fromhex((bare.home / "seal.key").read_text().strip()))
    assert (0, first) == (code, again)
    assert ("ed25519", secret.public_key().public_bytes_raw().hex()) == (first["key"]["alg"], first["seal_public"])
    assert {0o600} == {(bare.home / name).stat().st_mode & 0o777 for name in ("device.key", "seal.key")}


def test_enrolment_keeps_the_keys_that_the_root_names(bare: Gatehouse) -> None:
    bare.take_keys()
    assert (0, set()) == _enroll(bare, f"{bare.world.fingerprint}\n" * 2)
    assert seed(GATE).hex() == (bare.home / "device.key").read_text().strip()


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_enrolment_needs_two_people_who_type_the_fingerprint(bare: Gatehouse, lines: int) -> None:
    typed = [f"{bare.world.fingerprint}\n"] * lines if lines < 2 else [f"{bare.world.fingerprint}\n", "sha256:00\n"]
    wanted = Code.ROOT_MISMATCH if lines == 2 else Code.OPERATOR_REFUSED
    assert (3, {wanted}) == _enroll(bare, "".join(typed))
    assert (0, set()) == _enroll(bare, f"{bare.world.fingerprint}\n" * 2)


def test_a_home_is_enrolled_once(bare: Gatehouse) -> None:
    typed = f"{bare.world.fingerprint}\n" * 2
    assert (0, set()) == _enroll(bare, typed)
    assert (3, {Code.ALREADY_EXISTS}) == _enroll(bare, typed)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = open_gatehouse(World(), tmp_path, capsys)
    raw = gate.pack(walked(eth_trip(gate.world)))
    for mode, expected in ((0o644, 2), (0o600, 0)):
        (gate.home / "seal.key").chmod(mode)
        with serving(RpcNode()) as node:
            assert expected == gate.release(raw, node).code


def test_status_before_and_after(bare: Gatehouse) -> None:
    bare.take_keys()
    bare.enroll()
    _, first = bare.run("status", "--home", str(bare.home))
    assert ({"root": "none", "size": 0}, ["root"]) == (first["log"], list(first["heads"]))
    bare.update(bare.world.update_body())
    with serving(RpcNode()) as gone:
        url = gone.url
    raw = bare.pack(walked(eth_trip(bare.world)))
    assert 4 == bare.release(raw, urls=(url,)).code
    tree = bare.world.log.tree
    code, status = bare.run("status", "--home", str(bare.home))
    expected = {"root": f"sha256:{tree.root(tree.size).hex()}", "size": tree.size}
    assert (0, GATE, expected, [], 1, 1) == (
        code,
        status["device"],
        status["log"],
        status["freezes"],
        status["released"],
        status["waiting"],
    )
    assert 1 == status["heads"]["whitelist"]["version"]
    with serving(RpcNode()) as node:
        assert 0 == bare.release(raw, node).code
    assert 0 == bare.run("status", "--home", str(bare.home))[1]["waiting"]


def test_status_in_words(bare: Gatehouse) -> None:
    bare.take_keys()
    bare.enroll()
    bare.capsys.readouterr()
    assert 0 == main(["status", "--home", str(bare.home)])
    assert "import the first update package" in bare.capsys.readouterr().out


def test_packages_for_others_and_old_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = open_gatehouse(World(), tmp_path, capsys)
    trip = walked(eth_trip(gate.world))
    early, late = gate.pack(trip), gate.pack(walked(eth_trip(gate.world, nonce=8, sequence=8)))
    other = early.replace(b'"to":"device:gate-1"', b'"to":"device:gate-2"')
    with serving(RpcNode()) as node:
        assert (3, {Code.PACKAGE_NOT_FOR_US}) == ((a := gate.release(other, node)).code, a.codes)
        assert 0 == gate.release(late, node).code
        assert (3, {Code.PACKAGE_SEQUENCE}) == ((a := gate.release(early, node)).code, a.codes)
    assert 1 == len(node.sent)


def test_a_node_needs_a_name_and_a_url_and_its_password_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = open_gatehouse(World(), tmp_path, capsys)
    arguments = ("release", "--home", str(gate.home), "package.json", "--out", str(gate.out), "--node")
    code, said = gate.run(*arguments, "node=ftp://user:secret-word@host")
    assert (3, Code.FIELD_INVALID) == (code, said["refusals"][0]["code"])
    assert "secret-word" not in str(said)


def test_wrong_usage_and_help() -> None:
    command = [sys.executable, "-m", "strongroom.checker.gate.cli"]
    usage = subprocess.run([*command, "release"], capture_output=True, text=True, check=False)
    taught = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert (2, 0) == (usage.returncode, taught.returncode)
    assert all(word in taught.stdout for word in ("keys", "enroll", "import", "status", "release", "exit codes"))
