"""`milksad-2023`: wallets were seeded by a Mersenne Twister with a 32-bit state, and anybody could search them all.

Stopped by: (1) the entropy code is measured and compared with the release before anything is drawn
(ENTROPY_NOT_ATTESTED); (2) what is drawn is mixed with the generator of another device, the token, so that one known
source tells nothing. A source that is broken outright never gets that far (ENTROPY_HEALTH_FAIL), and a key that is
known already is not written (KNOWN_WEAK_KEY).

Software cannot stop: a release that was itself made with a bad generator, and a token whose maker knows its seed; the
second is what the HSM register and the certificate are for.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import softhsm
import strongroom.vault
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId
from strongroom.vault.ceremony import key_batch
from strongroom.vault.ceremony.workers import Bench
from strongroom.vault.entropy.attest import measure_entropy_code
from strongroom.vault.entropy.mixing import SOURCE_BYTES, mix_entropy
from strongroom.vault.entropy.sources import MonitoredSource
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import WrappedKey, create_wrapping_key, find_wrapping_key, generate_wrapped_key
from weak_keys import make

OFFICER, USER = "officer-7731", "user-4482"
CEREMONY = "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"
SEED = 1_689_120_000
SOURCES = {
    "all zero": "lambda count: bytes(count)",
    "constant": "lambda count: bytes([90]) * count",
    "stuck bit": "lambda count: bytes(b & 0xFE for b in os.urandom(count))",
    "mt19937": f"__import__('random').Random({SEED}).randbytes",
    "32-bit space": "lambda count: __import__('hashlib').shake_256((7).to_bytes(4, 'big')).digest(count)",
}
BROKEN, PREDICTABLE = ("all zero", "constant", "stuck bit"), ("mt19937", "32-bit space")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A ceremony room: a real token, and the vault's programs in a folder where an attacker may have been."""

    store: softhsm.SoftHsmStore
    programs: Path

    def replace_source(self, text: str) -> None:
        """What the attacker does: this machine's generator becomes another one."""
        file = self.programs / "strongroom/vault/entropy/sources.py"
        honest = file.read_text(encoding="utf-8")
        forged = honest.replace("OS_ORIGIN, os.urandom)", f"OS_ORIGIN, {text})")
        assert forged != honest
        file.write_text(forged, encoding="utf-8")

    def run(self, *arguments: str, lines: tuple[str, ...]) -> tuple[int, dict[str, str]]:
        """The program's exit code and its answer, or its first refusal."""
        done = subprocess.run(
            [sys.executable, "-c", CEREMONY, *arguments, "--token", "vault", "--json"],
            env={**self.store.environment(), "PYTHONPATH": str(self.programs), "PYTHONDONTWRITEBYTECODE": "1"},
            input="".join(line + "\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, json.loads(done.stdout or done.stderr)

    def make_wrapping_key(self, *arguments: str) -> tuple[int, dict[str, str]]:
        return self.run("make-wrapping-key", *arguments, lines=(OFFICER,))

    def wrapping_check(self) -> str:
        return self.run("show-token", lines=())[1]["wrapping_check"]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    shutil.copytree(
        Path(strongroom.vault.__file__).parent,
        tmp_path / "programs/strongroom/vault",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    store = softhsm.make_store(tmp_path / "softhsm")
    store.init_token("vault", OFFICER, USER)
    return Room(store=store, programs=tmp_path / "programs")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_source_is_refused_before_anything_is_made(room: Room, name: str) -> None:
    room.replace_source(SOURCES[name])
    code, refusal = room.make_wrapping_key()
    assert (3, Code.ENTROPY_HEALTH_FAIL, "entropy source operating system") == (code, refusal["code"], refusal["field"])
    assert "none" == room.wrapping_check()


@pytest.mark.parametrize("name", [*BROKEN, *PREDICTABLE])
def test_control_1_the_entropy_code_is_not_the_released_one(room: Room, name: str) -> None:
    released = measure_entropy_code()
    room.replace_source(SOURCES[name])
    code, refusal = room.make_wrapping_key("--entropy-release", released)
    assert (3, Code.ENTROPY_NOT_ATTESTED) == (code, refusal["code"])
    assert "none" == room.wrapping_check()


def test_statistics_alone_would_not_have_stopped_it() -> None:
    MonitoredSource("mt19937", "seeded", random.Random(SEED).randbytes).start()


def test_control_2_without_the_comparison_the_token_s_share_keeps_the_key_unknown(room: Room) -> None:
    room.replace_source(SOURCES["mt19937"])
    code, made = room.make_wrapping_key()
    assert 0 == code
    replayed = random.Random(SEED)
    replayed.randbytes(1024)
    known = replayed.randbytes(SOURCE_BYTES)
    guesses = (mix_entropy([known]), mix_entropy([known, bytes(SOURCE_BYTES)]), mix_entropy([known, known]))
    assert made["check_value"] not in {check_value(bytes(guess)) for guess in guesses}
    assert room.wrapping_check() == made["check_value"]


def test_the_honest_twin_makes_its_key(room: Room) -> None:
    code, made = room.make_wrapping_key("--entropy-release", measure_entropy_code())
    assert (0, made["check_value"]) == (code, room.wrapping_check())


@pytest.mark.parametrize("seed", [0, 41, make.TWISTER_SEEDS - 1])
def test_second_line_a_key_of_a_small_seed_is_never_written(
    room: Room, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The token's generator is the seeded one here, and gives the key that everybody can compute."""
    words = make.twister32(seed)
    weak = make.coincurve.PrivateKey(bytes(next(words) >> 24 for _ in range(32))).public_key.format()

    def seeded(session: pkcs11.Session, key: WrappingKey, key_id: EntryId | None = None) -> WrappedKey:
        made = generate_wrapped_key(session, key, key_id)
        return WrappedKey(key_id=made.key_id, public_key=weak, blob=made.blob)

    room.store.activate()
    module = open_module(softhsm.MODULE_PATH)
    create_wrapping_key(module, "vault", Secret(OFFICER), bytearray(os.urandom(32)))
    job = key_batch._MakeJob(names=(EntryId("key:btc-1"), EntryId("key:btc-2")), proving=key_batch.Proving.TRIAL)
    with open_session(find_token(module, "vault"), Secret(USER)) as session:
        bench = Bench(session=session, wrapping_key=find_wrapping_key(session))
        monkeypatch.setattr(key_batch, "generate_wrapped_key", seeded)
        with pytest.raises(RefusedError) as caught:
            key_batch._make(bench, job)
        assert {(Code.KNOWN_WEAK_KEY, "key:btc-1")} == {(r.code, r.field) for r in caught.value.refusals}
        monkeypatch.undo()
        assert 2 == len(key_batch._make(bench, job))


def check_value(key: bytes) -> str:
    """Three bytes by which two tokens with one wrapping key are known. Source: PKCS#11 v2.40, 4.9."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  # One block of zeros, by the standard.
    return cipher.update(bytes(16))[:3].hex()
