"""Steps with asset keys: made in the token, copied as blobs, and proved by a drill in a second token."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from strongroom.core.attested import CHALLENGE_BYTES, build_drill_text
from strongroom.core.ceremonies import CeremonyRole, DrillKey, Fact
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, EntryId, WalletId
from strongroom.core.records import HexBytes, parse_hex
from strongroom.vault.ceremony.key_batch import BatchOrder, make_keys
from strongroom.vault.ceremony.pool_writer import LIST_NAME
from strongroom.vault.ceremony.progress import Progress, manner_of
from strongroom.vault.ceremony.run.batches import (
    MAX_POOL_BYTES,
    batch_folder,
    load_batch,
    measure_batch,
    render_key_list,
)
from strongroom.vault.ceremony.run.begin import check_said
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.key_proof import check_key_proof, check_opens
from strongroom.vault.ceremony.run.local_bench import open_local_bench
from strongroom.vault.ceremony.run.step import Answers, Ask, Confirm, Facts, Step, facts
from strongroom.vault.ceremony.run.tokens import USER_PIN, check_same_token
from strongroom.vault.hsm.ecdsa import encode_signature
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.key_file import KeyFile
from strongroom.vault.hsm.module import find_token, open_session, serial_of
from strongroom.vault.hsm.wrapped_keys import check_unwraps_sealed, find_wrapping_key, sign_digest_with
from strongroom.vault.terminal.files import load_file, save_durably

DRILL_KEYS = 16
"""Keys of a wallet that sign in a drill, spread over the list from its first to its last."""


def _make_assets(desk: Desk, answers: Answers) -> Facts:
    check_same_token(desk)
    missing = [order for order in desk.options.orders if not (order.folder / LIST_NAME).exists()]
    token = find_token(desk.module, desk.options.token)
    with open_session(token, answers.secret["user"]) as session:
        wrapping_key = find_wrapping_key(session)
        check_key_proof(desk, wrapping_key)
        for order in missing:
            desk.screen.say(f"Making {order.count} keys of {order.wallet} ...")
            make_keys(open_local_bench(session, serial_of(token)), order, partial(_progress, desk, order))
        _check_assets(desk, wrapping_key)
    return _asset_facts(desk)


def _check_assets(desk: Desk, wrapping_key: WrappingKey) -> None:
    """Every batch is whole and each blob opens under the proven key, also one that was there before an interruption.

    Raises CEREMONY_RESULT; KEY_NOT_IN_TOKEN; SIGNATURE_INVALID.
    """
    check_key_proof(desk, wrapping_key)
    for order in desk.options.orders:
        files = load_batch(desk.options.keys, order.wallet)
        if len(files) != order.count:
            raise refused(Code.CEREMONY_RESULT, f"keys {order.wallet}", f"{order.count} keys", f"{len(files)} keys")
        check_opens(wrapping_key, [file.key for file in files])


def _progress(desk: Desk, order: BatchOrder, already: int) -> Progress:
    """A bar for this pool; an interrupted one goes on where its file ends."""
    out = desk.screen.screen
    return Progress("keys", total=order.count, already=already, out=out, manner=manner_of(out, events=False))


def _asset_facts(desk: Desk) -> Facts:
    lists = [render_key_list(measure_batch(desk.options.keys, order.wallet)) for order in desk.options.orders]
    return (*lists, *facts(folder=str(desk.options.keys), token=check_same_token(desk).serial))


ASSET_KEYS = Step(
    name="asset-keys",
    title="Asset keys are made in the token",
    who=CeremonyRole.KEY_WITNESS,
    words=(
        "Each key is born in the token, tried, and written as a blob that only a token with this wrapping key opens. "
        "The list of public keys is written last; the key register's signers start from it."
    ),
    records=("keys of each wallet", "folder", "token"),
    questions=lambda _desk: (USER_PIN,),
    confirm=Confirm.BEFORE,
    do=_make_assets,
)


def _copy(desk: Desk, answers: Answers) -> Facts:
    """Copy every batch to a medium and read it back from there."""
    target = desk.options.copies[len(desk.entries("copy"))]
    lists = []
    for wanted in desk.previous().body.key_lists:
        if measure_batch(desk.options.keys, wanted.wallet) != wanted:
            raise refused(Code.CEREMONY_RESULT, f"keys {wanted.wallet}", wanted.blobs, "other files")
        _copy_batch(batch_folder(desk.options.keys, wanted.wallet), batch_folder(target, wanted.wallet))
        found = measure_batch(target, wanted.wallet)
        if found != wanted:
            raise refused(Code.CEREMONY_RESULT, f"copy of {wanted.wallet}", wanted.blobs, found.blobs)
        lists.append(render_key_list(found))
    return (*facts(medium=answers.shown["medium"], site=answers.shown["site"], written_to=str(target)), *lists)


def _copy_batch(source: Path, target: Path) -> None:
    """Copy every file; done again after an interruption it gives the same."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        save_durably(target / path.name, load_file(path, MAX_POOL_BYTES))


COPY = Step(
    name="copy",
    title="Blobs go to a medium",
    who=CeremonyRole.KEY_OFFICER,
    words=(
        "Put in the next medium. Every blob and list is copied, read back from it and compared with the last "
        "transcript. Blobs are no secret without a quorum of shares; the medium is sealed all the same, and goes "
        "to a site that has no share, or whose custodian alone opens nothing."
    ),
    records=("medium", "site", "written to", "keys of each wallet"),
    questions=lambda _desk: (
        Ask(name="medium", words="Serial numbers of the medium and of its bag", check=check_said),
        Ask(name="site", words="Site where it will be kept", check=check_said),
    ),
    do=_copy,
    repeat=lambda desk: len(desk.options.copies),
)


def check_challenge(text: str) -> None:
    """Refuse what is no challenge. Raises FIELD_INVALID."""
    if len(parse_hex(text, "challenge")) != CHALLENGE_BYTES:
        raise malformed(Code.FIELD_INVALID, "challenge", f"{CHALLENGE_BYTES} bytes in hex", text[:80])


def _take_challenge(desk: Desk, answers: Answers) -> Facts:
    found = desk.options.challenge or answers.shown["challenge"]
    check_challenge(found)
    return facts(challenge=found)


CHALLENGE = Step(
    name="challenge",
    title="The platform's challenge",
    who=CeremonyRole.KEY_WITNESS,
    words="The platform chose 32 bytes today. A signature over them cannot be from an earlier day.",
    records=("challenge",),
    questions=lambda desk: (
        () if desk.options.challenge else (Ask(name="challenge", words="Challenge", check=check_challenge),)
    ),
    do=_take_challenge,
)


def _drill(desk: Desk, answers: Answers) -> Facts:
    """Sign the challenge in the second token with restored keys, and derive their addresses anew."""
    serial = check_same_token(desk).serial
    challenge = parse_hex(desk.fact("challenge", "challenge"), "challenge")
    signed: list[Fact] = []
    with open_session(find_token(desk.module, desk.options.token), answers.secret["user"]) as session:
        wrapping_key = find_wrapping_key(session)
        check_unwraps_sealed(session, wrapping_key)
        for wallet, chain in _wallets(desk):
            for file in _sample(load_batch(desk.options.keys, wallet)):
                public = file.key.public_key
                address = derive_attested_address(chain, 1, [public], file.key.key_id)
                digest = build_drill_text(chain, address, challenge, serial)
                proof = encode_signature(*sign_digest_with(wrapping_key, file.key, digest))
                value = f"{chain} {address} {public.hex()} {proof.hex()}"
                signed.append(Fact(name=f"signed by {file.key.key_id}", value=value))
    return (*facts(first_token=_first_token(desk), second_token=serial), *signed)


def _wallets(desk: Desk) -> Sequence[tuple[WalletId, ChainId]]:
    """Every wallet of the last transcript with its chain; its files must be those of the transcript."""
    chains = dict(desk.options.chains)
    for wanted in desk.previous().body.key_lists:
        if wanted.wallet not in chains:
            raise refused(Code.CEREMONY_RESULT, "--chain", f"the chain of {wanted.wallet}", "nothing")
        if measure_batch(desk.options.keys, wanted.wallet) != wanted:
            raise refused(Code.CEREMONY_RESULT, f"keys {wanted.wallet}", wanted.blobs, "other files")
    return [(wanted.wallet, chains[wanted.wallet]) for wanted in desk.previous().body.key_lists]


def _sample(files: list[KeyFile]) -> list[KeyFile]:
    if len(files) <= DRILL_KEYS:
        return files
    last = len(files) - 1
    return [files[last * place // (DRILL_KEYS - 1)] for place in range(DRILL_KEYS)]


def _first_token(desk: Desk) -> str:
    return desk.previous().body.tokens[0].serial


def parse_drill_keys(entry: Facts) -> tuple[DrillKey, ...]:
    """The keys that signed, out of what the drill recorded."""
    keys = []
    for fact in entry:
        if fact.name.startswith("signed by "):
            chain, address, public, proof = fact.value.split(" ")
            keys.append(
                DrillKey(
                    address=address,
                    chain=ChainId(chain),
                    id=EntryId(fact.name.removeprefix("signed by ")),
                    proof=HexBytes(bytes.fromhex(proof)),
                    public=HexBytes(bytes.fromhex(public)),
                )
            )
    return tuple(keys)


DRILL = Step(
    name="drill",
    title="Restored keys sign the challenge",
    who=CeremonyRole.KEY_WITNESS,
    words=(
        "Blobs from the backup are opened in the second token. Keys from the first to the last of every wallet sign "
        "the challenge there, and each address is derived anew from its key."
    ),
    records=("first token", "second token", "signed by ..."),
    questions=lambda _desk: (USER_PIN,),
    do=_drill,
)
