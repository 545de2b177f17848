"""What one person alone with the token or with the home medium could lay there between two starts of a ceremony."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import softhsm
from ceremony_room import (
    TOKEN_OFFICER,
    TOKEN_USER,
    Play,
    Room,
    generate,
    make_room,
    people,
    people_but,
    play,
    rotation,
    sites,
    start,
)
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId, WalletId
from strongroom.core.statements import build_payload
from strongroom.vault.ceremony.run.batches import load_batch
from strongroom.vault.ceremony.run.command import load_trust
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import find_wrapping_key, replace_wrapping_key, sign_digest_with

ALL = sites("ann", "bob", "cyd")
WALLETS = (WalletId("wallet:ltc-cold"), WalletId("wallet:eth-cold"))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A birth lies behind."""
    made = make_room(tmp_path)
    run = play(made, generate(made), people(ALL))
    assert 0 == run.code, run.shown[-2000:]
    return made


def kill_when(room: Room, command: list[str], title: str) -> Play:
    """Lead a ceremony until a title is on the screen, and kill it there."""
    run = start(room, command, people(ALL))
    while (question := run.step()) is not None:
        if title in run.since:
            run.kill()
            return run
        run.answer(question)
    raise AssertionError(run.shown[-2000:])


def play_until(room: Room, command: list[str], code: Code) -> Play:
    """Play on until a refusal stands on the screen; nobody goes on after it."""
    run = start(room, command, people_but({}, ALL))
    while (question := run.step()) is not None:
        if f"! {code.value}" in run.since:
            run.kill()
            return run
        run.answer(question)
    return run


def swap_key(room: Room) -> None:
    """The key officer alone, with their PIN: a key that they know goes into the token."""
    room.store.activate()
    replace_wrapping_key(open_module(softhsm.MODULE_PATH), "vault-1", Secret(TOKEN_OFFICER), bytearray(os.urandom(32)))


@pytest.mark.parametrize("kind", ["rotate", "generate"])
def test_a_key_of_the_officers_own_wraps_nothing(tmp_path: Path, kind: str) -> None:
    room = make_room(tmp_path)
    command, title = generate(room), "ASSET KEYS ARE MADE"
    if kind == "rotate":
        assert 0 == play(room, command, people(ALL)).code
        command, title = rotation(room, "rotate", "generate", "generate"), "EVERY BLOB IS WRAPPED"
    kill_when(room, command, title)
    swap_key(room)
    run = play_until(room, command, Code.KEY_NOT_IN_TOKEN)
    assert "key:ceremony-proof" in run.shown
    assert not list((tmp_path / kind).glob("transcript.json"))
    made = tmp_path / kind / "keys"
    assert [] == [path for path in made.rglob("*") if path.is_file()]


def test_old_blobs_in_the_place_of_new_ones_are_not_believed(room: Room) -> None:
    shutil.copytree(room.folder / "generate" / "keys", room.folder / "rotate" / "keys")
    command = rotation(room, "rotate", "generate", "generate")
    run = play_until(room, command, Code.KEY_NOT_IN_TOKEN)
    assert f"! {Code.KEY_NOT_IN_TOKEN.value}" in run.shown
    assert not (room.folder / "rotate" / "transcript.json").exists()
    # The honest twin: what does not belong there is taken away, and the same command goes on.
    shutil.rmtree(room.folder / "rotate" / "keys")
    run = play(room, command, people(ALL))
    assert 0 == run.code, run.shown[-2000:]
    room.store.activate()
    with open_session(find_token(open_module(softhsm.MODULE_PATH), "vault-1"), Secret(TOKEN_USER)) as session:
        key = find_wrapping_key(session)
        for wallet in WALLETS:
            for file in load_batch(room.folder / "rotate" / "keys", wallet):
                sign_digest_with(key, file.key, os.urandom(32))
    body = room.transcript("rotate").body
    assert ["re-wrap"] == [each.step for each in body.interruptions]


def test_batches_of_another_birth_are_not_believed(room: Room) -> None:
    shutil.copytree(room.folder / "generate" / "keys", room.folder / "second" / "keys")
    run = play_until(room, generate(room, home="second", token="vault-2"), Code.KEY_NOT_IN_TOKEN)
    assert f"! {Code.KEY_NOT_IN_TOKEN.value}" in run.shown
    assert not (room.folder / "second" / "transcript.json").exists()


def test_a_transcript_that_somebody_laid_there_is_signed_by_nobody(room: Room) -> None:
    command = rotation(room, "rotate", "generate", "generate")
    kill_when(room, command, "SIGNING THE TRANSCRIPT")
    payload = room.folder / "rotate" / "payload.json"
    honest = payload.read_bytes()
    body = json.loads(honest)["body"]
    _, context, _ = load_trust(room.folder / "root.json", room.folder / "roster.json")
    forged = room.transcript("generate").body
    issuer = PartyId("person:k.officer")
    for planted in (
        build_payload(forged, context=context, issuer=issuer, issued_at=forged.ended)[1],
        honest.replace(body["steps"][0]["facts"][0]["value"].encode(), b"Another room"),
    ):
        assert planted != honest
        payload.write_bytes(planted)
        run = play(room, command, people(ALL))
        assert 0 != run.code
        assert Code.CEREMONY_RECORD.value in run.shown
        assert not (room.folder / "rotate" / "envelope.json").exists()
    payload.write_bytes(honest)
    run = play(room, command, people(ALL))
    assert 0 == run.code, run.shown[-2000:]
    assert honest == room.transcript("rotate").envelope.payload
