"""The HSM register: whose devices hold keys, what certifies them, and who looked at the vendor, in one statement.

A module is active only while its vendor was accepted by people who are named; that is a rule of the format, so no
device can hold a register that says otherwise (II.4). What is overdue or lapsed at a moment is `hsm_judge.py`'s matter.
Source: spec/statement.md, hsm-register; II.3 to II.7; NIST CMVP statuses (csrc.nist.gov).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import NONE, DigestOrNone, check_sorted


class Decision(StrEnum):
    """What a due diligence came to."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Scheme(StrEnum):
    """By what rules a module was validated."""

    FIPS_140_2 = "fips-140-2"
    FIPS_140_3 = "fips-140-3"
    COMMON_CRITERIA = "common-criteria"


class CertificateStatus(StrEnum):
    """As the scheme's own list says on the day of the last check; `interim` is an active one of two years."""

    ACTIVE = "active"
    INTERIM = "interim"
    HISTORICAL = "historical"
    REVOKED = "revoked"


class ModuleState(StrEnum):
    """Whether keys may be in it. A module that is registered waits for its due diligence."""

    REGISTERED = "registered"
    ACTIVE = "active"
    RETIRED = "retired"


class Fault(StrEnum):
    """What can be wrong with a token, each with its own rule."""

    UNKNOWN = "unknown"
    NOT_ACTIVE = "not-active"
    FIRMWARE = "firmware"
    HISTORICAL = "historical"
    REVOKED = "revoked"
    LAPSED = "lapsed"
    INTERIM_EXPIRED = "interim-expired"
    PATCH_PENDING = "patch-pending"
    PATCH_OVERDUE = "patch-overdue"
    REVIEW_OVERDUE = "review-overdue"


class Ruling(StrEnum):
    """What a fault does: an alarm is recorded and told, a block also stops the signing."""

    ALARM = "alarm"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one fault does."""

    fault: Fault
    ruling: Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Diligence:
    """One look at a vendor: before adoption, and each reassessment after it. document: digest of the file."""

    decision: Decision
    document: Digest
    on: datetime
    people: tuple[PartyId, ...]

    def __post_init__(self) -> None:
        check_sorted(self.people, "diligence.people")
        if not self.people:
            raise malformed(Code.FIELD_INVALID, "diligence.people", "who decided", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A weakness that the vendor published. available: when the patch was; applied: when our last module had it."""

    applied: datetime | None
    available: datetime | None
    id: str
    published: datetime

    def __post_init__(self) -> None:
        moments = [m for m in (self.published, self.available, self.applied) if m is not None]
        if moments != sorted(moments) or (self.applied is not None and self.available is None):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.applied", "published, then available, then applied", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A maker of HSMs. diligence: oldest first. patch_days: promised from an advisory to its patch. review_by: next."""

    advisories: tuple[Advisory, ...]
    diligence: tuple[Diligence, ...]
    id: str
    name: str
    patch_days: int
    review_by: datetime

    def __post_init__(self) -> None:
        check_sorted([a.id for a in self.advisories], f"{self.id}.advisories")
        dates = [d.on for d in self.diligence]
        if dates != sorted(dates):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.diligence", "the oldest first", "another order")

    @property
    def is_accepted(self) -> bool:
        """Whether the last due diligence accepted it."""
        return bool(self.diligence) and self.diligence[-1].decision is Decision.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What certifies a module. hardware, firmware: the versions that were validated, as the token itself spells them.

    sunset: when it ends. checked: when somebody last looked at the scheme's own list. caveat: its words, or `none`.
    """

    caveat: str
    checked: datetime
    firmware: tuple[str, ...]
    hardware: tuple[str, ...]
    level: str
    number: str
    scheme: Scheme
    status: CertificateStatus
    sunset: datetime

    def __post_init__(self) -> None:
        check_sorted(self.firmware, f"certificate {self.number}.firmware")
        check_sorted(self.hardware, f"certificate {self.number}.hardware")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A change of firmware. While `certified` is none the module is patched with its certificate pending (II.7).

    applied: when. deadline: by when the certificate must name it. accepted_by: who took the interim risk. advisory: id,
    or `none`.
    """

    accepted_by: tuple[PartyId, ...]
    advisory: str
    applied: datetime
    certified: datetime | None
    deadline: datetime
    firmware: str

    def __post_init__(self) -> None:
        check_sorted(self.accepted_by, "patch.accepted_by")
        if not self.accepted_by:
            raise malformed(Code.FIELD_INVALID, "patch.accepted_by", "who took the risk", "nobody")
        if self.deadline < self.applied or (self.certified is not None and self.certified < self.applied):
            raise malformed(Code.FIELD_INVALID, "patch.deadline", "not before it was applied", "earlier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One kind of token that we have, and every serial of it. patches: oldest first, at most the last one pending.

    manufacturer, model, serials, firmware: as PKCS#11 gives them. firmware: the version that all of them should run.
    """

    certificate: Certificate
    firmware: str
    id: str
    manufacturer: str
    model: str
    patches: tuple[Patch, ...]
    review_by: datetime
    serials: tuple[str, ...]
    state: ModuleState
    vendor: str

    def __post_init__(self) -> None:
        check_sorted(self.serials, f"{self.id}.serials")
        dates = [p.applied for p in self.patches]
        if dates != sorted(dates) or any(p.certified is None for p in self.patches[:-1]):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.patches", "the oldest first, only the last pending", "")
        if self.pending is not None and self.pending.firmware != self.firmware:
            raise malformed(Code.FIELD_INVALID, f"{self.id}.firmware", self.pending.firmware, self.firmware)

    @property
    def pending(self) -> Patch | None:
        """The patch whose certificate is pending; None when there is none."""
        last = self.patches[-1] if self.patches else None
        return last if last is not None and last.certified is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmRegister:
    """Body of an `hsm-register` statement. check_days: how old a look at the scheme's list may be.

    previous: the version before, `none` for version 1.
    """

    check_days: int
    modules: tuple[Module, ...]
    previous: DigestOrNone
    rules: tuple[Rule, ...]
    vendors: tuple[Vendor, ...]
    version: int

    def __post_init__(self) -> None:
        check_sorted([m.id for m in self.modules], "hsm-register.modules")
        check_sorted([v.id for v in self.vendors], "hsm-register.vendors")
        check_sorted([r.fault.value for r in self.rules], "hsm-register.rules")
        if {r.fault for r in self.rules} != set(Fault):
            # A fault without a rule would be decided by whoever wrote the program.
            raise malformed(Code.FIELD_INVALID, "hsm-register.rules", "one rule for every fault", f"{len(self.rules)}")
        if self.version < 1 or (self.version == 1) != (self.previous == NONE):
            raise malformed(Code.FIELD_INVALID, "hsm-register.version", "1 exactly when previous is none", "another")
        self._check_serials()
        for module in self.modules:
            self._check_vendor(module)

    def _check_serials(self) -> None:
        named = [(m.manufacturer, m.model, serial) for m in self.modules for serial in m.serials]
        if len(named) != len(set(named)):
            raise malformed(Code.FIELD_INVALID, "hsm-register.modules", "each serial in one module", "one in two")

    def _check_vendor(self, module: Module) -> None:
        vendor = next((v for v in self.vendors if v.id == module.vendor), None)
        if vendor is None:
            raise malformed(Code.FIELD_INVALID, f"{module.id}.vendor", "a vendor of this register", module.vendor)
        if module.state is ModuleState.ACTIVE and not vendor.is_accepted:
            raise malformed(
                Code.HSM_VENDOR_NOT_ACCEPTED,
                f"{module.id}.state",
                f"a due diligence that accepted {vendor.id}",
                "a rejection" if vendor.diligence else "none",
            )

    def ruling(self, fault: Fault) -> Ruling:
        """What this fault does."""
        return next(rule.ruling for rule in self.rules if rule.fault is fault)

    def vendor_of(self, module: Module) -> Vendor:
        """The module's vendor."""
        return next(v for v in self.vendors if v.id == module.vendor)
