"""The journal's place in the token: old disks, copies and old tokens are refused; a power cut at any moment is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pkcs11.exceptions import DeviceRemoved

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.vault.hsm.mirror import Mirrored, TokenMirror, open_mirror
from strongroom.vault.hsm.module import find_token, open_storing_session, token_errors
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.terminal.journal.entry import EntryKind

from .conftest import USER_PIN

Edit = Callable[[Mirrored], Mirrored]


def signs(firm: Any, stand: Any, number: int) -> set[Code]:
    """One session with one transfer; the codes that it was refused with."""
    codes: set[Code] = stand.refusals(firm.turn(trips=[firm.trip(nonce=6 + number, sequence=number)]), "sign")
    return codes


def refused_at_start(stand: Any) -> set[Code]:
    """The codes with which the terminal does not even open a session."""
    with pytest.raises(StrongroomError) as caught:
        stand.run(None)
    return set(caught.value.codes)


def change_token(stand: Any, edit: Edit) -> None:
    """Put another place into the token, as one that was restored would have."""
    token = find_token(stand.tokens.module, stand.config.token)
    with open_storing_session(token, Secret(USER_PIN)) as session, open_mirror(session) as mirror:
        known = mirror.load()
        assert known is not None
        mirror.save(edit(known))


def place_of(stand: Any) -> Mirrored:
    """What the token says."""
    token = find_token(stand.tokens.module, stand.config.token)
    with open_storing_session(token, Secret(USER_PIN)) as session, open_mirror(session) as mirror:
        known = mirror.load()
    assert known is not None
    return known


def test_the_token_knows_what_was_signed(firm: Any, stand: Any) -> None:
    assert set() == signs(firm, stand, 1)
    place = place_of(stand)
    with stand.open() as terminal:
        entry = terminal.journal.entry(place.number)
        assert (EntryKind.SIGNED, place.head) == (entry.kind, entry.hash)
        assert 0 == terminal.journal.count_steps_after(place.number)
    assert set() == signs(firm, stand, 2)


def test_an_older_disk_is_refused(firm: Any, stand: Any) -> None:
    """A backup of the disk is put back, on which the last transfer was never signed."""
    assert set() == signs(firm, stand, 1)
    backup = firm.folder / "backup"
    shutil.copytree(stand.home.path, backup)
    assert set() == signs(firm, stand, 2)
    good = firm.folder / "good"
    shutil.copytree(stand.home.path, good)
    shutil.rmtree(stand.home.path)
    shutil.copytree(backup, stand.home.path)
    assert {Code.JOURNAL_BEHIND} == refused_at_start(stand)
    shutil.rmtree(stand.home.path)
    shutil.copytree(good, stand.home.path)
    assert set() == signs(firm, stand, 3)


def test_a_cloned_disk_is_refused_after_the_other_went_on(firm: Any, stand: Any) -> None:
    """Two machines with one disk and one token that is carried between them."""
    assert set() == signs(firm, stand, 1)
    clone = replace(stand, folder=firm.folder / "clone")
    shutil.copytree(stand.home.path, clone.home.path)
    assert set() == signs(firm, stand, 2)
    assert {Code.JOURNAL_BEHIND} == refused_at_start(clone)
    assert set() == signs(firm, stand, 3)


TOKENS: tuple[tuple[str, Edit, Code], ...] = (
    ("of the same journal, some steps ago", lambda p: p, Code.TOKEN_BEHIND),
    ("with another entry under that number", lambda p: replace(p, head=sha256(b"x")), Code.JOURNAL_FORKED),
    ("of another journal", lambda p: replace(p, first=sha256(b"x")), Code.TOKEN_BEHIND),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in TOKENS], ids=[r[0].replace(" ", "_") for r in TOKENS])
def test_an_older_token_is_refused(firm: Any, stand: Any, edit: Edit, code: Code) -> None:
    assert set() == signs(firm, stand, 1)
    old = edit(place_of(stand))
    assert set() == signs(firm, stand, 2)
    now = place_of(stand)
    change_token(stand, lambda _: old)
    assert {code} == refused_at_start(stand)
    change_token(stand, lambda _: now)
    assert set() == signs(firm, stand, 3)


class PowerCutError(BaseException):
    """The lights go out: no handler runs."""


STEPS = ("session-opened", "clear-accepted", "signed")
CUTS = ("before the token is written", "after the new object, before the old one goes", "after the token is written")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("cut", CUTS)
def test_a_power_cut_at_any_step_is_made_good(
    firm: Any, stand: Any, monkeypatch: pytest.MonkeyPatch, step: str, cut: str
) -> None:
    """Whatever was written last, the terminal starts again and signs; nothing of the cut session had left."""
    honest, left = TokenMirror.save, [2 + STEPS.index(step)]

    def save(mirror: TokenMirror, place: Mirrored) -> None:
        # The first write of a session is that of its start.
        left[0] -= 1
        if left[0] != 0:
            honest(mirror, place)
            return
        if cut == CUTS[1]:
            before = mirror._objects()
            monkeypatch.setattr(TokenMirror, "_objects", lambda _: [])
            honest(mirror, place)
            monkeypatch.undo()
            assert len(before) < len(mirror._objects())
        elif cut == CUTS[2]:
            honest(mirror, place)
        raise PowerCutError

    monkeypatch.setattr(TokenMirror, "save", save)
    trip = firm.trip()
    with pytest.raises(PowerCutError):
        stand.run(firm.turn(trips=[trip]), "sign")
    monkeypatch.undo()
    assert [] == list(stand.out.glob("*-terminal-result*"))
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
    with stand.open() as terminal:
        assert 0 == terminal.journal.count_steps_after(place_of(stand).number)


def test_a_token_that_cannot_keep_the_place_signs_nothing(
    firm: Any, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulled out between journal and token: the result is not handed back, and comes with the next session."""
    honest, left = TokenMirror.save, [4]

    def save(mirror: TokenMirror, place: Mirrored) -> None:
        left[0] -= 1
        if left[0] <= 0:
            with token_errors("journal mirror"):
                raise DeviceRemoved
        honest(mirror, place)

    monkeypatch.setattr(TokenMirror, "save", save)
    trip = firm.trip()
    with pytest.raises(StrongroomError) as caught:
        stand.run(firm.turn(trips=[trip]), "sign")
    assert {Code.TOKEN_UNAVAILABLE} == set(caught.value.codes)
    assert [] == list(stand.out.glob("*-terminal-result*"))
    monkeypatch.undo()
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")
