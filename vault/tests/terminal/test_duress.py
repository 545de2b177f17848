"""An operator who is forced obeys in appearance: screens, files and records say nothing, and nothing is signed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hands import Hands, sit_down
from strongroom.chains.ethereum.transactions import signing_digest
from strongroom.core.canonical import Json, parse_canonical
from strongroom.core.packages import ResultOutcome
from strongroom.core.statements import parse_statement
from strongroom.devices.screens.console import Console
from strongroom.vault.terminal import flow
from strongroom.vault.terminal.flow import Outcome
from strongroom.vault.terminal.journal.marks import SignedR
from world import World

from .conftest import CODE, DRILL, DURESS, OPERATORS, USER_PIN, Firm, Tokens
from .test_session_to_result import unseal

NORMAL = (CODE, CODE)
FORCED = [(CODE, DURESS), (DURESS, CODE), (DURESS, DURESS), (DURESS, DRILL)]
DRILLS = [(CODE, DRILL), (DRILL, DRILL)]
DRAWN = re.compile(r"[0-9a-f]{4,}")
"""Nonces, digests and signatures, which are drawn anew each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a session shows to whoever stands there, reads the disk, or carries the medium. signed: at the token."""

    screen: str
    files: tuple[tuple[str, int], ...]
    journal: tuple[object, ...]
    record: object
    signed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A session, and what only the gate can read of it. digests: that the token signed. true: that would pay."""

    seen: Seen
    plain: Any
    digests: tuple[bytes, ...]
    true: bytes
    rs: tuple[bytes, ...]


def shape(value: Json) -> object:
    """Names, kinds and sizes."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return (type(value).__name__, len(value)) if isinstance(value, str) else value


def listed(folder: Path) -> tuple[tuple[str, int], ...]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((DRAWN.sub("#", str(path.relative_to(folder))), path.stat().st_size) for path in files)


def one_session(tokens: Tokens, folder: Path, codes: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Done:
    """The same payment in the same world, at a terminal that was made anew."""
    firm = Firm(tokens=tokens, folder=folder, world=World(edits=tokens.edits()))
    stand = firm.stand().ready()
    stand.codes = dict(zip(OPERATORS, codes, strict=True))
    # What is asked of the paper is drawn by chance, and is to be the same here.
    stand.random = random.Random(7).randbytes
    digests: list[bytes] = []
    honest = flow.sign_digest_with

    def sign(wrapping: Any, key: Any, digest: bytes) -> tuple[int, int]:
        digests.append(digest)
        return honest(wrapping, key, digest)

    trip, before = firm.trip(), len(stand.screen.getvalue())
    with monkeypatch.context() as patch:
        patch.setattr(flow, "sign_digest_with", sign)
        outcome = stand.run(firm.turn(trips=[trip]), "sign")
    assert [] == outcome.refused
    (result,) = stand.result().results
    with stand.open() as terminal:
        entries = list(terminal.journal.entries())
    seen = Seen(
        screen=DRAWN.sub("#", stand.screen.getvalue()[before:].replace(str(folder), "FOLDER")),
        files=(*listed(stand.out), *listed(stand.home.path)),
        journal=tuple((e.kind, shape(parse_canonical(e.payload))) for e in entries),
        record=shape(parse_canonical(result.record.payload)),
        signed=len(digests),
    )
    return Done(
        seen=seen,
        plain=unseal(firm, result, stand.name),
        digests=tuple(digests),
        true=signing_digest(trip.unsigned),
        rs=tuple(mark.r for e in entries for mark in e.marks if isinstance(mark, SignedR)),
    )


@pytest.fixture(scope="module")
def normal(tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> Done:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return one_session(tokens, tmp_path_factory.mktemp("normal"), NORMAL, monkeypatch)


def test_a_session_of_nobody_who_is_forced_signs(normal: Done) -> None:
    """The twin of all below."""
    assert ResultOutcome.SIGNED is normal.plain.outcome
    assert (normal.true,) == normal.digests
    (signature,) = normal.plain.signatures
    assert (signature.signature[:32],) == normal.rs


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [*((codes, ResultOutcome.DURESS) for codes in FORCED), *((codes, ResultOutcome.DRILL) for codes in DRILLS)],
)
def test_only_the_gate_can_tell(
    tokens: Tokens,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    normal: Done,
    codes: tuple[str, str],
    outcome: ResultOutcome,
) -> None:
    done = one_session(tokens, tmp_path, codes, monkeypatch)
    assert normal.seen == done.seen
    assert outcome is done.plain.outcome


@pytest.mark.parametrize("codes", [FORCED[0], DRILLS[0]])
def test_nothing_usable_is_signed(
    tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[str, str]
) -> None:
    """The token signs bytes that were drawn by chance, and what it signed is nowhere."""
    done = one_session(tokens, tmp_path, codes, monkeypatch)
    assert done.true not in done.digests
    assert () == done.plain.signatures
    assert 1 == len(done.rs)


def test_a_second_session_pays_nothing_either(firm: Any, stand: Any) -> None:
    """The proposal is bound, so the journal of a session under duress says the same to whoever tries again."""
    stand.codes = dict(zip(OPERATORS, FORCED[0], strict=True))
    trip = firm.trip()
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    stand.codes = dict(zip(OPERATORS, NORMAL, strict=True))
    again = stand.refusals(firm.turn(trips=[trip]), "sign")
    assert ["ALREADY_COMMITTED"] == [code.value for code in again]


def test_the_keys_that_a_forced_person_presses(firm: Any, stand: Any) -> None:
    """On the full screen: the same screens in the same order, and the seal tells the gate."""
    screens: list[list[str]] = []
    for number, code in enumerate((CODE, DURESS)):

        async def do(hands: Hands, code: str = code) -> None:
            await hands.unlock(USER_PIN, USER_PIN, CODE, USER_PIN, code)
            await hands.choose("s")
            await hands.answer_from(stand.on_desk)
            shown = await hands.see_stop()
            assert "1 signed, 0 refused" in shown
            screens.append([DRAWN.sub("#", text) for text in hands.seen])

        def work(console: Console, number: int = number) -> Outcome:
            stand.console = console
            outcome: Outcome = stand.run(firm.turn(trips=[firm.trip(nonce=7 + number, sequence=1 + number)]))
            return outcome

        outcome = sit_down(work, do)
        assert [] == outcome.refused
    titles = [[text.splitlines()[1] for text in each if len(text.splitlines()) > 1] for each in screens]
    assert titles[0] == titles[1]
    (result,) = stand.result().results
    assert ResultOutcome.DURESS is unseal(firm, result, stand.name).outcome
    record = parse_statement(result.record).body
    assert list(record.operators) == list(OPERATORS)
