"""Steps with a token: it is initialized by two people, and gets the wrapping key."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from strongroom.core.ceremonies import CeremonyKind, CeremonyRole, TokenIdentity
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.records import NONE, HexOrNone
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.record import find_fact
from strongroom.vault.ceremony.run.sets import share_set
from strongroom.vault.ceremony.run.step import Answers, AskSecret, Confirm, Facts, Question, Step, facts
from strongroom.vault.ceremony.secrets_in import check_separate_pins
from strongroom.vault.ceremony.shares import BroughtShare, combine_shares
from strongroom.vault.ceremony.token_setup import init_token, report_token
from strongroom.vault.hsm.module import find_token, open_officer_session, serial_of, token_errors
from strongroom.vault.hsm.wrapped_keys import create_wrapping_key, replace_wrapping_key

OFFICER_PIN = AskSecret(name="officer", words="Key officer: the token's security-officer PIN")
USER_PIN = AskSecret(name="user", words="Key witness: the token's user PIN")
CHECK_VALUE_BYTES = 3


def compute_check_value(key: bytes) -> bytes:
    """What a token says of an AES key: the first three bytes of a block of zeros under it. PKCS#11 v2.40, 2.8.4."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  # One block, by the standard.
    return (encryptor.update(bytes(16)) + encryptor.finalize())[:CHECK_VALUE_BYTES]


def read_identity(desk: Desk) -> TokenIdentity:
    """What the ceremony's token says of itself now."""
    token = find_token(desk.module, desk.options.token)
    report = report_token(desk.module, desk.options.token)
    with token_errors("token"):
        firmware = ".".join(str(part) for part in token.firmware_version)
    return TokenIdentity(
        check_value=HexOrNone(report.wrapping_check.hex() if report.wrapping_check else NONE),
        firmware=firmware,
        label=report.label,
        manufacturer=report.manufacturer,
        model=report.model,
        serial=report.serial,
    )


def is_plugged(desk: Desk) -> bool:
    """Whether a token with the ceremony's label is there."""
    with token_errors("tokens"):
        return any(token.label == desk.options.token for token in desk.module.library.get_tokens())


def check_same_token(desk: Desk) -> TokenIdentity:
    """The token that this ceremony made or that the last transcript names, and no other of its label.

    Raises CEREMONY_RECORD.
    """
    identity = read_identity(desk)
    made = [entry for name in ("token", "second-token") for entry in desk.entries(name)]
    known = [find_fact(entry.facts, "serial", entry.name) for entry in made]
    if not made:
        known = [token.serial for token in desk.previous().body.tokens]
    if identity.serial not in known:
        raise refused(Code.CEREMONY_RECORD, "token", f"serial {' or '.join(known)}", identity.serial)
    return identity


def _identity_facts(identity: TokenIdentity) -> Facts:
    return facts(
        label=identity.label,
        manufacturer=identity.manufacturer,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        pins="the officer's is known to the key officer, the user's to the key witness",
    )


def _pin_questions(_desk: Desk) -> Sequence[Question]:
    return (
        AskSecret(name="officer", words="Key officer alone at the keyboard: new security-officer PIN", is_new=True),
        AskSecret(name="user", words="Key witness alone at the keyboard: new user PIN", is_new=True),
    )


def _make_token(desk: Desk, answers: Answers) -> Facts:
    officer, user = answers.secret["officer"], answers.secret["user"]
    _check_is_ours(desk)
    if is_plugged(desk):
        # Initialized before an interruption, but without the user's PIN: the officer's PIN must be the one of then.
        check_separate_pins(officer, user)
        with open_officer_session(find_token(desk.module, desk.options.token), officer) as session:
            session.init_pin(user.reveal())
    else:
        init_token(desk.module, desk.options.token, officer, user)
    return _identity_facts(read_identity(desk))


def _find_token_made(desk: Desk) -> Facts | None:
    _check_is_ours(desk)
    if not is_plugged(desk) or not report_token(desk.module, desk.options.token).has_user_pin:
        return None
    return _identity_facts(read_identity(desk))


def _check_is_ours(desk: Desk) -> None:
    """A token that was there before the ceremony is somebody else's and is not touched. Raises ALREADY_EXISTS."""
    if is_plugged(desk):
        serial = serial_of(find_token(desk.module, desk.options.token))
        if serial in desk.fact("tool", "tokens").split(", "):
            got = f"{desk.options.token!r}, serial {serial}, from before this ceremony"
            raise refused(Code.ALREADY_EXISTS, "token", "a blank token", got)


def build_token_step(name: str, title: str) -> Step:
    """The step that makes a blank token ours."""
    return Step(
        name=name,
        title=title,
        who=CeremonyRole.KEY_OFFICER,
        words=(
            "Plug in exactly one blank token, from its sealed bag. The key officer chooses the security officer's "
            "PIN, the key witness the user's. Neither sees the other's: with both, keys could be taken out."
        ),
        records=("label", "manufacturer", "model", "serial", "firmware", "pins"),
        questions=_pin_questions,
        confirm=Confirm.BEFORE,
        do=_make_token,
        find_done=_find_token_made,
    )


TOKEN = build_token_step("token", "The token")
SECOND_TOKEN = build_token_step("second-token", "The second token")


def rebuild_key(desk: Desk) -> bytearray:
    """The wrapping key of before, out of the shares that custodians typed. Raises SHARE_*; CEREMONY_RESULT.

    The check value says that it is the key of the last transcript, whatever words were typed.
    """
    brought = [BroughtShare(person=person, words=words) for person, words in sorted(desk.memory.shares.items())]
    key = combine_shares(brought, share_set(desk.old_shares()))
    wanted = str(desk.previous().body.check_value)
    if not hmac.compare_digest(compute_check_value(bytes(key)).hex(), wanted):
        raise refused(Code.CEREMONY_RESULT, "check value", wanted, "another key")
    return key


def _store_key(desk: Desk, answers: Answers) -> Facts:
    check_same_token(desk)
    label, pin = desk.options.token, answers.secret["officer"]
    match desk.options.kind:
        case CeremonyKind.GENERATE:
            found = create_wrapping_key(desk.module, label, pin, bytearray(desk.memory.key or b""))
        case CeremonyKind.RESTORE:
            found = create_wrapping_key(desk.module, label, pin, rebuild_key(desk))
        case _:
            # Before the old key goes, the shares in the room are shown to rebuild it: blobs still wait under it.
            _wipe(rebuild_key(desk))
            found = replace_wrapping_key(desk.module, label, pin, bytearray(desk.memory.key or b""))
    stored = _stored_facts(desk, found.hex())
    desk.memory.wipe_key()
    return stored


def _wipe(key: bytearray) -> None:
    key[:] = bytes(len(key))


def wanted_check_value(desk: Desk) -> str:
    """The check value of the key that this ceremony puts into the token."""
    if desk.options.kind is CeremonyKind.RESTORE:
        return str(desk.previous().body.check_value)
    return desk.fact("entropy", "check value")


def _find_stored(desk: Desk) -> Facts | None:
    found = check_same_token(desk).check_value
    return _stored_facts(desk, found) if found == wanted_check_value(desk) else None


def _stored_facts(desk: Desk, check_value: str) -> Facts:
    if check_value != wanted_check_value(desk):
        raise refused(Code.CEREMONY_RESULT, "check value", wanted_check_value(desk), check_value)
    return facts(
        check_value=check_value,
        serial=read_identity(desk).serial,
        in_memory=(
            "the whole key was in this machine's memory until this step; it is overwritten there, copies that Python "
            "made are freed; the machine is switched off at the end"
        ),
    )


def build_wrapping_step(words: str, *, is_new: bool, needs_shares: bool) -> Step:
    """The step that puts the wrapping key into the token."""
    return Step(
        name="wrapping-key",
        title="The wrapping key goes into the token",
        who=CeremonyRole.KEY_OFFICER,
        words=words,
        records=("check value", "serial", "in memory"),
        questions=lambda _desk: (OFFICER_PIN,),
        confirm=Confirm.BEFORE,
        do=_store_key,
        find_done=_find_stored,
        needs_new_key=is_new,
        needs_old_shares=needs_shares,
    )
