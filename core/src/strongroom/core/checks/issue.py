"""Whether an address may be handed to a client now: attested, spendable, restorable, of a wallet that is in use.

Pure and complete, because it is asked twice: by the assigner before it says whose an address is, and by whoever holds
the package that the client got. A row of a table is no answer to any of it. Source: spec/wallets.md, "Issuing"; II.1;
incidents `primetrust-2021`, `multisig-receive-2019`, `quadriga-2019`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.attested import AddressAttestation, AttestedLine
from strongroom.core.ceremonies import Ceremony, CeremonyKind, CeremonyOutcome
from strongroom.core.checks.attest import check_line_proof
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import NONE
from strongroom.core.registers import AddressEntry, AddressPurpose, KeyEntry, KeyState

_ENDING = frozenset({CeremonyKind.COMPROMISE, CeremonyKind.DESTROY})


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDrill:
    """A restore of a terminal's wrapping key that succeeded, while that key is the one in force.

    at: when it ended. check_value: of the wrapping key, in hex.
    """

    at: datetime
    ceremony: Digest
    check_value: str
    terminal: PartyId


def check_offered_line(body: AddressAttestation, text: str, index: int, proof: Sequence[bytes]) -> AttestedLine:
    """As `prove_line`, for an address that somebody else is to pay to."""
    line = prove_line(body, text, index, proof)
    if line.purpose is not AddressPurpose.DEPOSIT:
        raise refused(Code.ADDRESS_NOT_ATTESTED, line.id, "an address for deposits", line.purpose.value)
    return line


def prove_line(body: AddressAttestation, text: str, index: int, proof: Sequence[bytes]) -> AttestedLine:
    """The line, when the vault signed it, it derives, and all its keys signed the challenge.

    Raises ADDRESS_NOT_ATTESTED when it is not under the signed root: somebody put an address of theirs in its place.
    """
    try:
        return check_line_proof(body, text, index, proof)
    except (MalformedError, RefusedError) as error:
        if Code.PROOF_INVALID not in error.codes:
            raise
        field = f"{body.batch}.lines[{index}]"
        raise refused(Code.ADDRESS_NOT_ATTESTED, field, "the line that the vault signed", text[:200]) from error


def check_registered(
    body: AddressAttestation, line: AttestedLine, entry: AddressEntry | None, keys: Mapping[str, KeyEntry]
) -> None:
    """Raise unless the signed registers say of the address and its keys what the batch says.

    NOT_IN_REGISTER for an address that nobody watches, ADDRESS_NOT_ATTESTED for another one under its name or another
    point under a key's, ADDRESS_WITHOUT_SPEND_PROOF for a key that signs no more: its old proof proves nothing.
    """
    if entry is None:
        raise refused(Code.NOT_IN_REGISTER, line.id, "an entry of the address register", "none")
    mine = line.entry(body)
    if (entry.address, entry.chain, entry.keys, entry.threshold, entry.wallet, entry.purpose) != (
        mine.address,
        mine.chain,
        mine.keys,
        mine.threshold,
        mine.wallet,
        mine.purpose,
    ):
        raise refused(Code.ADDRESS_NOT_ATTESTED, line.id, mine.address, f"{entry.address} in the address register")
    for key in line.keys:
        found = keys.get(key.id)
        if found is None or (found.public, found.terminal, found.wallet) != (key.public, key.terminal, body.wallet):
            got = "no such key" if found is None else f"{found.public.hex()} at {found.terminal}"
            raise refused(Code.ADDRESS_NOT_ATTESTED, key.id, f"{key.public.hex()} at {key.terminal}", got)
        if found.state is not KeyState.ACTIVE:
            raise refused(Code.ADDRESS_WITHOUT_SPEND_PROOF, key.id, "a key that can sign", found.state.value)


def check_restorable(
    line: AttestedLine, drills: Mapping[PartyId, RestoreDrill], max_age_s: int, moment: datetime
) -> None:
    """Raise ADDRESS_WITHOUT_SPEND_PROOF unless every terminal of the address was restored from its shares lately.

    drills: the newest of each terminal. A key that signs today in one token is one dead token away from being gone.
    """
    for terminal in sorted({key.terminal for key in line.keys}):
        drill = drills.get(terminal)
        expected = f"a restore drill of {terminal} within {max_age_s} s"
        if drill is None:
            raise refused(Code.ADDRESS_WITHOUT_SPEND_PROOF, line.id, expected, NONE)
        if not timedelta() <= moment - drill.at <= timedelta(seconds=max_age_s):
            raise refused(Code.ADDRESS_WITHOUT_SPEND_PROOF, line.id, expected, f"the last ended at {drill.at}")


def fold_drills(
    said: Iterable[tuple[Digest, Ceremony]], keys: Mapping[str, KeyEntry]
) -> Mapping[PartyId, RestoreDrill]:
    """The newest drill of each terminal that still counts, after these ceremonies in the log's order.

    A drill counts for the terminal that the key register names for a key that signed in it. It ends when its wrapping
    key is replaced, destroyed or compromised, and when a later drill of the same key fails: the shares have changed or
    do not work, and nobody has shown otherwise yet.
    """
    drills: dict[PartyId, RestoreDrill] = {}
    for statement, body in said:
        ended = {str(body.former_check_value)}
        if body.kind in _ENDING or body.outcome is CeremonyOutcome.FAILED:
            ended.add(str(body.check_value))
        drills = {t: d for t, d in drills.items() if d.check_value not in ended}
        if body.kind is not CeremonyKind.RESTORE or body.outcome is not CeremonyOutcome.COMPLETED:
            continue
        for drilled in (key for drill in body.drills for key in drill.keys):
            entry = keys.get(drilled.id)
            if entry is not None and entry.public == drilled.public:
                drills[entry.terminal] = RestoreDrill(
                    at=body.ended, ceremony=statement, check_value=str(body.check_value), terminal=entry.terminal
                )
    return drills
