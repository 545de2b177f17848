"""Steps of a rotation: every blob is wrapped anew inside the token, and the old papers are destroyed.

ADR 0025 says why the key must be rebuilt for it, and what that costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from strongroom.core.ceremonies import CeremonyRole
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import WalletId
from strongroom.vault.ceremony.key_batch import CHUNK
from strongroom.vault.ceremony.pool_writer import LIST_NAME, PoolWriter, load_head
from strongroom.vault.ceremony.run.batches import (
    batch_folder,
    load_batch,
    measure_batch,
    parse_key_lists,
    render_key_list,
)
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.key_proof import check_key_proof, check_opens
from strongroom.vault.ceremony.run.step import Answers, Ask, Confirm, Facts, Step, facts
from strongroom.vault.ceremony.run.tokens import USER_PIN, check_same_token, rebuild_key
from strongroom.vault.hsm.key_file import POOL_NAME, load_pool_lines, parse_key_file
from strongroom.vault.hsm.module import find_token
from strongroom.vault.hsm.rewrapping import Rewrapper, open_rewrapper


def new_keys(desk: Desk) -> Path:
    """Where the blobs under the new key go."""
    return desk.options.home / "keys"


def _rewrap(desk: Desk, answers: Answers) -> Facts:
    check_same_token(desk)
    missing = [wallet for wallet in _wallets(desk) if not _is_whole(desk, wallet)]
    old = rebuild_key(desk)
    try:
        token = find_token(desk.module, desk.options.token)
        with open_rewrapper(token, answers.secret["user"], old) as rewrapper:
            check_key_proof(desk, rewrapper.new)
            for wallet in missing:
                _rewrap_batch(desk, rewrapper, wallet)
            _check_rewrapped(desk, rewrapper)
    finally:
        old[:] = bytes(len(old))
        desk.memory.shares.clear()
    return _rewrapped_facts(desk)


def _rewrap_batch(desk: Desk, rewrapper: Rewrapper, wallet: WalletId) -> None:
    """Pool by pool, in the order of its lines; one that was interrupted goes on where its new file ends."""
    source, target = batch_folder(desk.options.keys, wallet), batch_folder(new_keys(desk), wallet)
    lines = [parse_key_file(line).key for _, line in load_pool_lines(source / POOL_NAME)]
    for key in lines[:1]:
        rewrapper.check_stays_closed(key)
    head = replace(load_head(source), check=desk.fact("wrapping-key", "check value"))
    desk.screen.say(f"Re-wrapping {len(lines)} keys of {wallet} ...")
    with PoolWriter(target, head) as writer:
        for start in range(writer.done, len(lines), CHUNK):
            writer.append([rewrapper.rewrap(key) for key in lines[start : start + CHUNK]])
        writer.finish()


def _wallets(desk: Desk) -> Sequence[WalletId]:
    for wanted in desk.previous().body.key_lists:
        if measure_batch(desk.options.keys, wanted.wallet) != wanted:
            raise refused(Code.CEREMONY_RESULT, f"keys {wanted.wallet}", wanted.blobs, "other files")
    return [wanted.wallet for wanted in desk.previous().body.key_lists]


def _is_whole(desk: Desk, wallet: WalletId) -> bool:
    return (batch_folder(new_keys(desk), wallet) / LIST_NAME).exists()


def _check_rewrapped(desk: Desk, rewrapper: Rewrapper) -> None:
    """The same public keys as before, and each opens under the proven key: files alone are never believed.

    The old key is gone from the token and its papers are shredded next, so a batch of blobs that somebody laid into
    the home would lose every key. Raises CEREMONY_RESULT; KEY_NOT_IN_TOKEN; SIGNATURE_INVALID.
    """
    for wanted in desk.previous().body.key_lists:
        found = measure_batch(new_keys(desk), wanted.wallet)
        if (found.digest, found.count) != (wanted.digest, wanted.count):
            raise refused(Code.CEREMONY_RESULT, f"keys {wanted.wallet}", wanted.digest, found.digest)
        check_opens(rewrapper.new, [file.key for file in load_batch(new_keys(desk), wanted.wallet)])


def _destroy_papers(desk: Desk, answers: Answers) -> Facts:
    """Last look before there is no way back: the new files are still those that were opened in the token."""
    if parse_key_lists(desk.entries("re-wrap")[0].facts) != parse_key_lists(_rewrapped_facts(desk)):
        raise refused(Code.CEREMONY_RESULT, "keys", "the files that were re-wrapped", "other files")
    return facts(**{name.replace(" ", "_"): text for name, text in answers.shown.items()})


def _rewrapped_facts(desk: Desk) -> Facts:
    lists = [render_key_list(measure_batch(new_keys(desk), each.wallet)) for each in desk.previous().body.key_lists]
    how = "unwrapped under the old key as sensitive, wrapped under the new trusted key, inside the token; each tried"
    return (*lists, *facts(how=how, folder=str(new_keys(desk))))


REWRAP = Step(
    name="re-wrap",
    title="Every blob is wrapped under the new key",
    who=CeremonyRole.KEY_WITNESS,
    words=(
        "Inside the token each key is opened under the old wrapping key and wrapped under the new one. It is never "
        "readable: it opens as a sensitive key that only a trusted key may wrap. Each new blob is tried with a "
        "signature. The public keys stay the same."
    ),
    records=("keys of each wallet", "how", "folder"),
    questions=lambda _desk: (USER_PIN,),
    confirm=Confirm.BEFORE,
    do=_rewrap,
    needs_old_shares=True,
)

OLD_PAPERS = Step(
    name="old-papers",
    title="Old papers and old blobs are destroyed",
    who=CeremonyRole.KEY_WITNESS,
    words=(
        "A quorum of old papers still opens old blobs. So the papers that were brought are shredded now, before the "
        "witness; for each paper and each medium with old blobs at another site it is written who destroys it, and "
        "by when. Until then the old custodians count as custodians."
    ),
    records=("destroyed", "still out"),
    questions=lambda _desk: (
        Ask(name="destroyed", words="Numbers of the bags whose papers were shredded", check=check_said),
        Ask(name="still out", words="Papers and media still out: where, who destroys them, by when", check=check_said),
    ),
    do=_destroy_papers,
)
