"""Every point of the run, what it asks for and why; and what can be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a point. What a module lacks is NOT OFFERED and what the caller left out NOT RUN: never PASS."""

    PASS = "PASS"  # noqa: S105  A verdict.
    FAIL = "FAIL"
    NOT_OFFERED = "NOT OFFERED"
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that is asked of a module. expected: as it stands in the table. why: what goes wrong without it."""

    name: str
    expected: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found at one point. about: the curve or the object, empty when there is only one. got: in words."""

    point: Point
    verdict: Verdict
    got: str
    about: str = ""

    @property
    def title(self) -> str:
        """The point with what it is about."""
        return f"{self.point.name} {self.about}".rstrip()


GENERATE = Point(
    name="generate",
    expected="a key pair made in the token",
    why="A key that was made elsewhere has been in somebody's memory (II.1, II.2).",
)
ORIGIN = Point(
    name="origin",
    expected="LOCAL, ALWAYS_SENSITIVE and NEVER_EXTRACTABLE true",
    why="The token itself says that the key was born in it and never could leave; a ceremony's evidence rests on it.",
)
ENCODING = Point(
    name="point",
    expected="EC_POINT of 67 bytes in DER, or of 65 bytes bare",
    why="A point read wrongly is an address that nobody can spend from.",
)
SIGN = Point(
    name="sign",
    expected="every signature verifies with another library",
    why="A faulty signature can give the key away.",
)
VERIFY = Point(
    name="verify",
    expected="the token takes a good signature and refuses a changed one",
    why="A module that says yes to everything proves nothing.",
)
LOW_S = Point(
    name="low-s",
    expected="s in range, and the lower of both verifies",
    why="Networks and statements take only the low s (BIP-62, EIP-2).",
)
DISTINCT_R = Point(
    name="distinct-r",
    expected="no r twice",
    why="Two signatures with one nonce give the private key to whoever reads both.",
)
RFC6979 = Point(
    name="rfc6979",
    expected="the same r and s as another library, where the maker declares RFC 6979",
    why="A declared deterministic nonce that deviates is a broken or a tampered signer.",
)
ATTRIBUTE = Point(
    name="set",
    expected="the attribute stays as it was",
    why="Whoever holds the user's PIN would open a sealed key by asking (II.3).",
)
COPY = Point(
    name="copy",
    expected="no copy that is more open than its key",
    why="A copy that can leave is the key that can leave (PKCS#11 v2.40 section 4.1.3, C_CopyObject).",
)
READ_VALUE = Point(
    name="read-value",
    expected="the private value is not given out",
    why="A key that can be read is not in an HSM (II.3).",
)
WRAP_SEALED = Point(
    name="wrap-sealed",
    expected="a key that is not extractable is wrapped by nobody",
    why="Statement keys never leave their token.",
)
WRAP_UNTRUSTED = Point(
    name="wrap-untrusted",
    expected="a WRAP_WITH_TRUSTED key is not wrapped under the user's own key",
    why="The user would take asset keys away under a key of their own choosing (ADR 0008).",
)
TRUSTED = Point(
    name="trusted",
    expected="the user cannot make a TRUSTED key",
    why="TRUSTED is the officer's word; a user who can say it wraps everything (ADR 0008).",
)
UNWRAP_TEMPLATE = Point(
    name="unwrap-template",
    expected="a blob unwraps sealed and signs, and never readable",
    why="Without it the user's PIN and a blob are enough to read an asset key (ADR 0008).",
)
SESSION = Point(
    name="session",
    expected="no key after its session is closed; a new session signs",
    why="A terminal's handles must die with the session, and a lost session must not need a restart.",
)
WRONG_PIN = Point(
    name="wrong-pin",
    expected="refused as a PIN error; the right PIN then logs in",
    why="A wrong PIN taken for a broken token hides an attack, and a fault taken for one locks an honest person.",
)
PIN_LOCK = Point(
    name="pin-lock",
    expected="the right PIN is refused after too many wrong ones",
    why="A token without a lock can be tried for ever; the terminal then counts in its journal.",
)
PULLED_OUT = Point(
    name="pulled-out",
    expected="no signature while the token is out, and signing again when it is back",
    why="A signer that goes on without its token has the key somewhere else.",
)
CURVE_POINTS = (GENERATE, ORIGIN, ENCODING, SIGN, VERIFY, LOW_S, DISTINCT_R, RFC6979)
