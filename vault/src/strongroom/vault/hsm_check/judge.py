"""Judging evidence: pure functions from what a token answered to a finding.

Everything is judged by what holds afterwards and not by what the module says: a module may answer yes and do nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from strongroom.core.errors import InvariantError, MalformedError
from strongroom.vault.hsm.ecdsa import parse_ec_point, split_signature
from strongroom.vault.hsm.quirks import Nonces, PulledOut
from strongroom.vault.hsm_check.curves import Curve
from strongroom.vault.hsm_check.points import (
    ATTRIBUTE,
    COPY,
    DISTINCT_R,
    ENCODING,
    LOW_S,
    ORIGIN,
    PIN_LOCK,
    PULLED_OUT,
    RFC6979,
    SESSION,
    SIGN,
    UNWRAP_TEMPLATE,
    VERIFY,
    WRONG_PIN,
    Finding,
    Point,
    Verdict,
)


class Denial(StrEnum):
    """What kind of no: a rule of the token, a thing that the module does not have, or a fault, which proves nothing."""

    RULE = "rule"
    LACK = "lack"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The token said no. error: the return value's name."""

    error: str
    kind: Denial = Denial.RULE

    @property
    def verdict(self) -> Verdict:
        """What this no is worth where a no is wanted."""
        match self.kind:
            case Denial.RULE:
                return Verdict.PASS
            case Denial.LACK:
                return Verdict.NOT_OFFERED
            case Denial.FAULT:
                return Verdict.FAIL
            case _:
                assert_never(self.kind)

    @property
    def verdict_where_yes_is_wanted(self) -> Verdict:
        """What this no is worth where the token should have done it."""
        return Verdict.NOT_OFFERED if self.kind is Denial.LACK else Verdict.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signature of a token. raw: `r || s` as it came."""

    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a key says of its birth; None where the token does not answer."""

    local: bool | None
    always_sensitive: bool | None
    never_extractable: bool | None


def finding(point: Point, verdict: Verdict, got: str, about: str = "") -> Finding:
    """A finding in one line."""
    return Finding(point=point, verdict=verdict, got=got, about=about)


def judge_origin(origin: Origin, about: str) -> Finding:
    """All three must be said, and true."""
    said = {
        "LOCAL": origin.local,
        "ALWAYS_SENSITIVE": origin.always_sensitive,
        "NEVER_EXTRACTABLE": origin.never_extractable,
    }
    wrong = [f"{name} {'not answered' if value is None else 'false'}" for name, value in said.items() if not value]
    return finding(ORIGIN, Verdict.FAIL if wrong else Verdict.PASS, ", ".join(wrong) or "all true", about)


def judge_encoding(raw: bytes, about: str) -> Finding:
    """Both spellings of a point are known, any other is refused."""
    try:
        parse_ec_point(raw, "EC_POINT")
    except MalformedError:
        return finding(ENCODING, Verdict.FAIL, f"{len(raw)} bytes beginning {raw[:3].hex() or 'with nothing'}", about)
    return finding(ENCODING, Verdict.PASS, "DER-wrapped" if len(raw) == 67 else "bare", about)


def judge_signatures(curve: Curve, point: bytes, signed: Sequence[Signed]) -> Finding:
    """Each verifies as it came, before anything of ours touched it."""
    bad = sum(not curve.verifies(point, one.digest, one.raw) for one in signed)
    verdict = Verdict.PASS if signed and not bad else Verdict.FAIL
    return finding(SIGN, verdict, f"{len(signed) - bad} of {len(signed)} verify", curve.name)


def judge_verify(good: bool | Denied, changed: bool | Denied, about: str) -> Finding:  # noqa: FBT001  Evidence.
    """Yes to the good one and no to the changed one."""
    if isinstance(good, Denied):
        return finding(VERIFY, good.verdict_where_yes_is_wanted, f"{good.error} for a good signature", about)
    if not good:
        return finding(VERIFY, Verdict.FAIL, "a good signature was refused", about)
    if changed is True:
        return finding(VERIFY, Verdict.FAIL, "a changed signature was taken", about)
    return finding(VERIFY, Verdict.PASS, "good taken, changed refused", about)


def judge_low_s(curve: Curve, point: bytes, signed: Sequence[Signed]) -> Finding:
    """After our own normalisation every s is low and still verifies; how many came high is only told."""
    high = 0
    for one in signed:
        try:
            r, s = split_signature(one.raw, curve.order, "signature")
        except InvariantError:
            return finding(LOW_S, Verdict.FAIL, f"{len(one.raw)} bytes, or r or s out of range", curve.name)
        high += s != int.from_bytes(one.raw[32:], "big")
        if not curve.verifies(point, one.digest, r.to_bytes(32, "big") + s.to_bytes(32, "big")):
            return finding(LOW_S, Verdict.FAIL, "the lower s does not verify", curve.name)
    verdict = Verdict.PASS if signed else Verdict.FAIL
    return finding(LOW_S, verdict, f"{high} of {len(signed)} came high, all verify when made low", curve.name)


def judge_distinct_r(signed: Sequence[Signed], about: str) -> Finding:
    """No r twice: digests are all different, so even a deterministic signer has no reason for it."""
    repeated = len(signed) - len({one.raw[:32] for one in signed})
    verdict = Verdict.PASS if len(signed) > 1 and not repeated else Verdict.FAIL
    return finding(DISTINCT_R, verdict, f"{repeated} repeated in {len(signed):,} signatures", about)


def judge_rfc6979(declared: Nonces, pairs: Sequence[tuple[bytes, bytes]] | Denied, curve: Curve) -> Finding:
    """pairs: the token's signature and the other library's, for the same imported key and digest."""
    if declared is not Nonces.RFC6979:
        return finding(RFC6979, Verdict.NOT_OFFERED, f"the module's nonces: {declared.value}", curve.name)
    if isinstance(pairs, Denied):
        return finding(RFC6979, Verdict.NOT_OFFERED, f"no key can be imported to compare: {pairs.error}", curve.name)
    same = sum(split_signature(ours, curve.order, "r") == split_signature(its, curve.order, "r") for ours, its in pairs)
    verdict = Verdict.PASS if pairs and same == len(pairs) else Verdict.FAIL
    return finding(RFC6979, verdict, f"{same} of {len(pairs)} agree", curve.name)


def judge_attribute(name: str, wanted_by_thief: bool, answer: bool | Denied, after: bool | Denied) -> Finding:  # noqa: FBT001
    """answer: what setting it gave. after: what the attribute is now, read anew; that decides."""
    if isinstance(after, Denied):
        return finding(ATTRIBUTE, Verdict.FAIL, f"the attribute cannot be read: {after.error}", name)
    if after is wanted_by_thief:
        return finding(ATTRIBUTE, Verdict.FAIL, f"it is now {after}", name)
    got = answer.error if isinstance(answer, Denied) else "taken and ignored"
    return finding(ATTRIBUTE, Verdict.PASS, got, name)


def judge_copy(name: str, wanted_by_thief: bool, copy: bool | Denied) -> Finding:  # noqa: FBT001  Evidence.
    """copy: the attribute as the copy has it, or why there is no copy."""
    if isinstance(copy, Denied):
        return finding(COPY, copy.verdict, copy.error, name)
    if copy is wanted_by_thief:
        return finding(COPY, Verdict.FAIL, f"a copy with {copy} was made", name)
    return finding(COPY, Verdict.PASS, "the copy is as closed as its key", name)


def judge_refused(point: Point, answer: object | Denied) -> Finding:
    """The token must say no, or give nothing. What it gave out is never put into the finding: it may be a key."""
    if not isinstance(answer, Denied):
        return finding(point, Verdict.FAIL if answer else Verdict.PASS, "it was done" if answer else "nothing came")
    return finding(point, answer.verdict, answer.error)


def judge_unwrap(readable: bool | Denied, sealed: bool | Denied) -> Finding:  # noqa: FBT001  Evidence.
    """readable: a thief's unwrap gave an open key. sealed: the honest unwrap signed, and it verified."""
    if isinstance(sealed, Denied):
        return finding(UNWRAP_TEMPLATE, sealed.verdict_where_yes_is_wanted, f"no sealed unwrap: {sealed.error}")
    if not sealed:
        return finding(UNWRAP_TEMPLATE, Verdict.FAIL, "what was unwrapped does not sign as the same key")
    if readable is True:
        return finding(UNWRAP_TEMPLATE, Verdict.FAIL, "a blob was unwrapped readable")
    got = readable.error if isinstance(readable, Denied) else "sealed in spite of what was asked"
    return finding(UNWRAP_TEMPLATE, Verdict.PASS, f"readable: {got}; sealed: signs")


def judge_session(closed: bool | Denied, left_behind: int, regained: bool | Denied) -> Finding:  # noqa: FBT001
    """closed: a signature by a handle of a closed session. left_behind: session keys found in the next one."""
    if not isinstance(closed, Denied):
        return finding(SESSION, Verdict.FAIL, "a closed session's key signed")
    if left_behind:
        return finding(SESSION, Verdict.FAIL, f"{left_behind} session keys outlived their session")
    if regained is not True:
        got = regained.error if isinstance(regained, Denied) else "a wrong signature"
        return finding(SESSION, Verdict.FAIL, f"a new session does not sign: {got}")
    return finding(SESSION, Verdict.PASS, f"closed: {closed.error}; regained")


def judge_wrong_pin(wrong: Denied | None, is_pin_error: bool, right: Denied | None) -> Finding:  # noqa: FBT001
    """wrong, right: why the login with that PIN was refused; None when it logged in."""
    if wrong is None:
        return finding(WRONG_PIN, Verdict.FAIL, "a wrong PIN logs in")
    if not is_pin_error:
        return finding(WRONG_PIN, Verdict.FAIL, f"{wrong.error}, which is not a PIN error")
    if right is not None:
        return finding(WRONG_PIN, Verdict.FAIL, f"the right PIN no longer logs in: {right.error}")
    return finding(WRONG_PIN, Verdict.PASS, wrong.error)


def judge_pin_lock(tries: int, right: Denied | None) -> Finding:
    """right: why the right PIN was refused after `tries` wrong ones; None when it logged in."""
    if right is None:
        return finding(PIN_LOCK, Verdict.NOT_OFFERED, f"the right PIN logs in after {tries} wrong ones")
    return finding(PIN_LOCK, Verdict.PASS, f"{right.error} after {tries} wrong ones")


def judge_pulled_out(way: PulledOut, out: bool | Denied, back: bool | Denied) -> Finding:  # noqa: FBT001  Evidence.
    """out: a signature was made while the token was out. back: one was made in a new session, and verified."""
    if out is True:
        lacks = way is PulledOut.STAYS_IN_MEMORY
        return finding(PULLED_OUT, Verdict.NOT_OFFERED if lacks else Verdict.FAIL, "it signed without its token")
    if back is not True:
        got = back.error if isinstance(back, Denied) else "a wrong signature"
        return finding(PULLED_OUT, Verdict.FAIL, f"it does not sign when it is back: {got}")
    return finding(PULLED_OUT, Verdict.PASS, f"out: {out.error if isinstance(out, Denied) else 'silent'}; back: signs")
