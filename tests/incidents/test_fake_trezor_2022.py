"""`fake-trezor-2022`: a re-sold wallet's chip had been replaced; its firmware gave one of twenty keys made beforehand.

Stopped by: (1) the HSM register stops a foreign token before anybody types a PIN: HSM_NOT_CERTIFIED, which is the alert
of the row here, and HSM_UNKNOWN for a serial that nobody registered; (2) with that out of the way, in other places:
what is drawn is mixed with this machine's own generator, and a key that a token only shows is found out when it has to
sign a challenge; and one bad member of an m-of-n wallet does not reach its threshold at the gate.

Software cannot stop: firmware that lies about its version, holds one of its maker's keys and signs with it well is
found by nothing here; then the threshold alone protects the coins, and on Ethereum, where a wallet is one key, the
value ceiling.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import coincurve
import pkcs11
import pytest

import softhsm
from hsm_registers import build_module, build_register
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_signed import combine_signatures
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError
from strongroom.core.hsm_judge import LiveToken, judge_token
from strongroom.core.hsms import Ruling
from strongroom.core.ids import EntryId
from strongroom.vault.ceremony import key_batch
from strongroom.vault.ceremony.workers import Bench
from strongroom.vault.entropy.mixing import SOURCE_BYTES, Mixer, mix_entropy
from strongroom.vault.entropy.sources import MonitoredSource, os_source
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import (
    WrappedKey,
    create_wrapping_key,
    find_wrapping_key,
    generate_wrapped_key,
)

NOW = datetime(2027, 3, 14, tzinfo=UTC)
OFFICER, USER = "officer-7731", "user-4482"
CERTIFIED = LiveToken(
    manufacturer="SoftHSM project", model="SoftHSM v2", serial="5e9e2a11", hardware="2.6", firmware="2.6"
)
PREMADE = tuple(hashlib.shake_256(b"premade %d" % n).digest(4096) for n in range(20))
"""The twenty seeds that the maker knows; each passes every statistic."""
COINS = json.loads((Path(__file__).parents[2] / "vectors/bitcoin/psbt_litecoin_2of3.json").read_text(encoding="utf-8"))
MEMBERS = [coincurve.PrivateKey(hashlib.sha256(b"strongroom test key %d" % n).digest()) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("foreign", "code"),
    [
        (replace(CERTIFIED, firmware="2.4"), Code.HSM_NOT_CERTIFIED),
        (replace(CERTIFIED, hardware="1.9"), Code.HSM_NOT_CERTIFIED),
        (replace(CERTIFIED, serial="aaaa0001"), Code.HSM_UNKNOWN),
    ],
    ids=["firmware", "replaced chip", "re-sold"],
)
def test_control_1_the_register_stops_a_foreign_token(foreign: LiveToken, code: Code) -> None:
    register = build_register(NOW, build_module(NOW, CERTIFIED.serial))
    assert () == judge_token(register, CERTIFIED, NOW)
    findings = judge_token(register, foreign, NOW)
    assert (code, Ruling.BLOCK) in {(finding.refusal.code, finding.ruling) for finding in findings}


@pytest.mark.parametrize("number", [0, 19])
def test_control_2_what_is_drawn_is_none_of_the_twenty(number: int) -> None:
    """The maker replays all twenty streams, and whatever this machine gave they do not know."""
    stream = memoryview(PREMADE[number])
    place = 0

    def premade(count: int) -> bytes:
        nonlocal place
        place += count
        return bytes(stream[place - count : place])

    key = Mixer([os_source(), MonitoredSource("token", "token serial aaaa0001", premade)]).draw_key()
    known = [bytes(seed[start : start + SOURCE_BYTES]) for seed in PREMADE for start in range(0, 2048, SOURCE_BYTES)]
    guesses = {bytes(mix_entropy(parts)) for part in known for parts in ([part], [bytes(SOURCE_BYTES), part])}
    assert bytes(key) not in guesses


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    softhsm.make_store(tmp_path / "softhsm").init_token("vault", OFFICER, USER)
    module = open_module(softhsm.MODULE_PATH)
    create_wrapping_key(module, "vault", Secret(OFFICER), bytearray(os.urandom(32)))
    with open_session(find_token(module, "vault"), Secret(USER)) as session:
        yield Bench(session=session, wrapping_key=find_wrapping_key(session))


def test_control_2_a_key_that_is_only_shown_does_not_sign_the_challenge(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = coincurve.PrivateKey(PREMADE[3][:32]).public_key.format()

    def plausible(session: pkcs11.Session, key: WrappingKey, key_id: EntryId | None = None) -> WrappedKey:
        return replace(generate_wrapped_key(session, key, key_id), public_key=shown)

    job = key_batch._MakeJob(names=(EntryId("key:btc-1"),), proving=key_batch.Proving.TRIAL)
    monkeypatch.setattr(key_batch, "generate_wrapped_key", plausible)
    with pytest.raises(InvariantError) as caught:
        key_batch._make(bench, job)
    assert {Code.SIGNATURE_INVALID} == caught.value.codes
    monkeypatch.undo()
    assert 1 == len(key_batch._make(bench, job))


def signatures_of(*members: coincurve.PrivateKey) -> dict[int, dict[bytes, bytes]]:
    digests = [bytes.fromhex(digest) for digest in COINS["signature_hashes"]]
    return {
        index: {member.public_key.format(): member.sign(digest, hasher=None) for member in members}
        for index, digest in enumerate(digests)
    }


@pytest.mark.parametrize("bad", MEMBERS)
def test_control_3_one_bad_member_does_not_reach_the_threshold(bad: coincurve.PrivateKey) -> None:
    """The maker knows this member's key and signs whatever they like with it."""
    unsigned = read_psbt(bytes.fromhex(COINS["psbt"]))
    with pytest.raises(RefusedError) as caught:
        combine_signatures(unsigned, signatures_of(bad))
    assert Code.SIGNATURES_MISSING in caught.value.codes


def test_the_honest_twin_two_members_spend() -> None:
    unsigned = read_psbt(bytes.fromhex(COINS["psbt"]))
    signed = combine_signatures(unsigned, signatures_of(*MEMBERS[:2]))
    assert bytes.fromhex(COINS["unsigned"])[:4] == signed[:4]
