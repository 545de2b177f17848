"""What makes the transcript of a key ceremony true, before anything that rests on it enters the log.

1. Its steps are the run book's, in order. 2. A key officer, a key witness and enough custodians were there, distinct
people with distinct keys, valid in the roster. 3. No two shares are with one person or at one site, and the leader
holds none. 4. The result follows from the kind; a drill's signatures verify and its addresses derive from the keys.
5. Exactly those who were there signed. Source: spec/ceremony.md; II.1, II.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from strongroom.core.attested import CHALLENGE_BYTES, AttestedKey, build_drill_text
from strongroom.core.ceremonies import (
    REPEATED,
    STEPS,
    Ceremony,
    CeremonyKind,
    CeremonyOutcome,
    CeremonyRole,
    Drill,
    KeyShares,
)
from strongroom.core.checks.attest import check_spend_proof, derive_attested_address
from strongroom.core.codes import Code
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import PartyId
from strongroom.core.records import NONE
from strongroom.core.roster import Party, Roster, check_distinct_keys, check_party
from strongroom.core.statements import Statement, check_exact_signers

MIN_THRESHOLD = 2
"""One share that rebuilds alone would be a key in one person's hands (10.8)."""
NEW_KEY = frozenset(
    {CeremonyKind.GENERATE, CeremonyKind.ROTATE, CeremonyKind.ADD_CUSTODIAN, CeremonyKind.REMOVE_CUSTODIAN}
)
"""Ceremonies that make a wrapping key and hand out its shares."""
_REBUILDING = frozenset({CeremonyKind.RESTORE, CeremonyKind.DESTROY, *NEW_KEY} - {CeremonyKind.GENERATE})
"""Ceremonies at which a quorum of the custodians stands, by the shares that were in force before."""


def check_ceremony(statement: Statement[Ceremony], roster: Roster, moment: datetime, path: str = "ceremony") -> None:
    """Raise every refusal of a transcript: CEREMONY_*, ROLE_MISSING, SIGNER_*, SEPARATION, KEY_SHARED, SIGNATURES_*.

    moment: when it is judged: the platform's clock at publishing, the checkpoint's time for a reader of the log.
    Whether `previous` is the newest ceremony of that wrapping key is not seen from here; who has the log checks it with
    `check_ceremony_follows`.
    """
    body = statement.body
    run_checks(
        [
            partial(check_transcript, body, roster, moment, path),
            partial(_check_issuer, statement, path),
            partial(_check_signatures, statement, roster, path),
        ]
    )


def check_transcript(body: Ceremony, roster: Roster, moment: datetime, path: str = "ceremony") -> None:
    """As `check_ceremony`, for a body that nobody has signed yet."""
    run_checks(
        [
            partial(_check_steps, body, path),
            partial(_check_people, body, roster, moment, path),
            partial(_check_shares, body, roster, path),
            partial(_check_result, body, path),
            *(partial(_check_drill, drill, path) for drill in body.drills),
            *(partial(_check_drill_token, body, drill, path) for drill in body.drills),
        ]
    )


def check_ceremony_follows(body: Ceremony, previous: Ceremony, path: str = "ceremony") -> None:
    """Raise CEREMONY_RESULT or CEREMONY_PEOPLE unless this ceremony carries on from the one that it names.

    The wrapping key is the same or openly the former one, nothing that stays was changed in passing, and a quorum of
    the custodians of the shares in force was there where shares are needed.
    """
    before = body.check_value if body.former_check_value == NONE else body.former_check_value
    if before != previous.check_value:
        raise _result(f"{path}.check_value", str(previous.check_value), str(before))
    if body.kind not in NEW_KEY | {CeremonyKind.DESTROY}:
        if body.shares != previous.shares:
            raise _result(f"{path}.shares", "the shares of the ceremony before", "other shares")
        if body.key_lists != previous.key_lists:
            raise _result(f"{path}.key_lists", "the key lists of the ceremony before", "other lists")
    if [(each.wallet, each.digest) for each in body.key_lists] != [
        (each.wallet, each.digest) for each in previous.key_lists
    ] and body.kind is not CeremonyKind.DESTROY:
        raise _result(f"{path}.key_lists", "the same public keys", "others")
    if body.kind in _REBUILDING and body.outcome is CeremonyOutcome.COMPLETED:
        _check_quorum_of(previous.shares, body, path)


def _check_steps(body: Ceremony, path: str) -> None:
    names = [step.name for step in body.steps]
    collapsed = [name for name, group in itertools.groupby(names) if name in REPEATED or len(list(group)) == 1]
    wanted = list(STEPS[body.kind])
    if body.outcome is CeremonyOutcome.FAILED:
        # A failed drill stops somewhere after the beginning and is closed like any other.
        wanted = [*wanted[: max(len(collapsed) - 1, 3)], "close"]
    if collapsed != wanted:
        raise refused(Code.CEREMONY_STEPS, f"{path}.steps", " ".join(wanted), " ".join(names))
    times = [body.started, *(step.at for step in body.steps), body.ended]
    if times != sorted(times):
        raise refused(Code.CEREMONY_STEPS, f"{path}.steps.at", "times that rise from start to end", "another order")
    known = {each.person for each in body.participants}
    for index, step in enumerate(body.steps):
        if step.actor not in known:
            raise refused(Code.CEREMONY_PEOPLE, f"{path}.steps[{index}].actor", "a participant", step.actor)


def _check_people(body: Ceremony, roster: Roster, moment: datetime, path: str) -> None:
    field = f"{path}.participants"
    parties = [check_party(roster, each.person, each.role.value, moment, field) for each in body.participants]
    check_distinct_keys([party.key for party in parties], field)
    if len({party.staff for party in parties}) != len(parties):
        raise refused(Code.CEREMONY_PEOPLE, field, "each human once", "one human under two names")
    found = {role: len(body.people(role)) for role in CeremonyRole}
    wanted = {CeremonyRole.KEY_OFFICER: 1, CeremonyRole.KEY_WITNESS: 1, CeremonyRole.CUSTODIAN: _custodians(body)}
    for role, number in wanted.items():
        if found[role] < number:
            raise refused(Code.CEREMONY_PEOPLE, field, f"{number} in the role {role.value}", str(found[role]))


def _custodians(body: Ceremony) -> int:
    """How many custodians a kind needs at the least; those who are named is for `_check_shares` and its like."""
    match body.kind:
        case CeremonyKind.SUSPEND | CeremonyKind.COMPROMISE:
            # Stopping is never held up by who is on leave.
            return 0
        case CeremonyKind.BACK_UP:
            return 1
        case _ if body.outcome is CeremonyOutcome.FAILED:
            return 0
        case _:
            return max([MIN_THRESHOLD, *(each.threshold for each in body.shares)])


def _check_shares(body: Ceremony, roster: Roster, path: str) -> None:
    if len(body.shares) != (0 if body.kind is CeremonyKind.DESTROY else 1):
        raise _result(f"{path}.shares", "one set of shares, or none after a destruction", f"{len(body.shares)} sets")
    for shares in body.shares:
        _check_placement(shares, roster, f"{path}.shares")
        held = {each.custodian for each in shares.shares}
        leaders = sorted(held & set(body.people(CeremonyRole.KEY_OFFICER)))
        if leaders:
            raise refused(Code.SEPARATION, f"{path}.shares", "a leader without a share", ", ".join(leaders))
        absent = sorted(held - set(body.people(CeremonyRole.CUSTODIAN)))
        if body.kind in NEW_KEY and absent:
            got = f"without {', '.join(absent)}"
            raise refused(Code.CEREMONY_PEOPLE, f"{path}.shares", "each custodian takes the share in person", got)


def _check_placement(shares: KeyShares, roster: Roster, field: str) -> None:
    count = len(shares.shares)
    if not MIN_THRESHOLD <= shares.threshold <= count:
        raise _result(f"{field}.threshold", f"{MIN_THRESHOLD} to {count}", str(shares.threshold))
    if [each.number for each in shares.shares] != list(range(1, count + 1)):
        raise _result(f"{field}.number", f"1 to {count}, in order", "other numbers")
    humans = [roster.find(each.custodian, field).staff for each in shares.shares]
    sites = [" ".join(each.site.casefold().split()) for each in shares.shares]
    for what, values in (("person", humans), ("site", sites), ("words", [each.commitment for each in shares.shares])):
        if len(set(values)) != count:
            raise refused(Code.SEPARATION, field, f"each share with another {what}", f"two shares with one {what}")


def _check_result(body: Ceremony, path: str) -> None:
    is_first, is_last = body.kind is CeremonyKind.GENERATE, body.kind is CeremonyKind.DESTROY
    replaces = is_last or (body.kind in NEW_KEY and not is_first)
    needed = body.kind is CeremonyKind.RESTORE and body.outcome is CeremonyOutcome.COMPLETED
    rules = (
        ("previous", "none at a birth only", (body.previous == NONE) == is_first),
        ("check_value", "none after a destruction only", (body.check_value == NONE) == is_last),
        ("former_check_value", "a key that is replaced or destroyed", (body.former_check_value != NONE) == replaces),
        ("former_check_value", "another key than the new one", body.former_check_value != body.check_value),
        ("drills", "one for a restore that succeeded", len(body.drills) == int(needed)),
        ("outcome", "completed; only a restore may fail", _may_end_so(body)),
        ("id", "16 bytes", len(body.id) == 16),
    )
    for name, expected, holds in rules:
        if not holds:
            raise _result(f"{path}.{name}", expected, "something else")


def _may_end_so(body: Ceremony) -> bool:
    return body.outcome is CeremonyOutcome.COMPLETED or body.kind is CeremonyKind.RESTORE


def _check_drill(drill: Drill, path: str) -> None:
    """The second token signed the challenge with the restored keys, and the keys give the same addresses."""
    field = f"{path}.drills"
    if drill.first_token == drill.second_token:
        raise _result(f"{field}.second_token", "another token than the first", drill.second_token)
    if not drill.keys or len(drill.challenge) != CHALLENGE_BYTES:
        raise _result(field, f"a challenge of {CHALLENGE_BYTES} bytes and a key that signed it", "less")
    for key in drill.keys:
        derived = derive_attested_address(key.chain, 1, [key.public], f"{field}.{key.id}")
        if derived != key.address:
            raise refused(Code.ADDRESS_NOT_DERIVED, f"{field}.{key.id}", derived, key.address)
        digest = build_drill_text(key.chain, key.address, drill.challenge, drill.second_token)
        proved = AttestedKey(id=key.id, proof=key.proof, public=key.public, terminal=PartyId("device:drill"))
        check_spend_proof(proved, digest, f"{field}.{key.id}")


def _check_drill_token(body: Ceremony, drill: Drill, path: str) -> None:
    """The second token was read in this ceremony: a drill names none that was never there."""
    known = sorted(token.serial for token in body.tokens)
    if drill.second_token not in known:
        raise _result(f"{path}.drills.second_token", f"one of {', '.join(known)}", drill.second_token)


def _check_quorum_of(held: Sequence[KeyShares], body: Ceremony, path: str) -> None:
    present = set(body.people(CeremonyRole.CUSTODIAN))
    for shares in held:
        mine = present & {each.custodian for each in shares.shares}
        if len(mine) < shares.threshold:
            wanted = f"{shares.threshold} custodians of the shares in force"
            raise refused(Code.CEREMONY_PEOPLE, f"{path}.participants", wanted, str(len(mine)))


def _check_issuer(statement: Statement[Ceremony], path: str) -> None:
    leaders = statement.body.people(CeremonyRole.KEY_OFFICER)
    if leaders != (statement.issuer,):
        raise refused(Code.CEREMONY_PEOPLE, f"{path}.issuer", "the one key officer who led it", statement.issuer)


def _check_signatures(statement: Statement[Ceremony], roster: Roster, path: str) -> None:
    parties: list[Party] = [roster.find(each.person, path) for each in statement.body.participants]
    check_exact_signers(statement.envelope, [party.key for party in parties], path)


def _result(field: str, expected: str, got: str) -> Exception:
    return refused(Code.CEREMONY_RESULT, field, expected, got)
