"""The HSM register, read a second time: every field, and who signed it; spec/statement.md, hsm-register.

The station and the gate hold no asset keys, so they judge no token by it; they keep it with its place, so that nobody
can hand the terminals another one unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.checker.reading.envelopes import Context, Envelope, Statement, Type, check_context
from strongroom.checker.reading.fields import NONE, Node, check_sorted
from strongroom.checker.reading.governed import check_governed, parse_governed
from strongroom.checker.reading.roots import Root, RootChain
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, malformed
from strongroom.core.ids import Digest

FAULTS: Final = (
    "firmware",
    "historical",
    "interim-expired",
    "lapsed",
    "not-active",
    "patch-overdue",
    "patch-pending",
    "review-overdue",
    "revoked",
    "unknown",
)
"""Every fault has its rule, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hsms:
    """What a reader without a token needs of the register: its place in the chain of versions.

    previous: None for version 1. active: ids of the modules that may hold keys.
    """

    version: int
    previous: Digest | None
    active: tuple[str, ...]


def prove_hsms(envelope: Envelope, chain: RootChain, root_version: int) -> Statement[Hsms]:
    """A register by the delegates of the key register, of the newest root or of one from `root_version` on.

    root_version: of the root in force at its place, as for a lease.
    """
    statement = parse_governed(envelope, Type.HSM_REGISTER, _parse_hsms)
    check_context(statement, chain.context)
    if not any(_is_by(statement, root.body, chain.context) for root in chain.roots[root_version - 1 : -1]):
        check_governed(statement, chain.last.delegations["keys"], chain.context)
    return statement


def _is_by(statement: Statement[Hsms], root: Root, context: Context) -> bool:
    try:
        check_governed(statement, root.delegations["keys"], context)
    except RefusedError:
        return False
    return True


def _parse_hsms(node: Node) -> Hsms:
    found = node.members("check_days", "modules", "previous", "rules", "vendors", "version")
    found["check_days"].integer()
    version, previous = found["version"].integer(least=1), found["previous"].digest_or_none()
    if (version == 1) != (found["previous"].value == NONE):
        raise found["version"].invalid("1 exactly when previous is none")
    if tuple(_parse_rule(rule) for rule in found["rules"].items()) != FAULTS:
        raise found["rules"].invalid("one rule for every fault, sorted")
    accepted = dict(_parse_vendor(vendor) for vendor in found["vendors"].items())
    check_sorted(list(accepted), found["vendors"].path)
    modules = [_parse_module(module, accepted) for module in found["modules"].items()]
    check_sorted([name for name, _ in modules], found["modules"].path)
    return Hsms(version=version, previous=previous, active=tuple(name for name, is_active in modules if is_active))


def _parse_rule(node: Node) -> str:
    found = node.members("fault", "ruling")
    found["ruling"].word("alarm", "block")
    return found["fault"].word(*FAULTS)


def _parse_vendor(node: Node) -> tuple[str, bool]:
    """The vendor's id, and whether the last look at it accepted it."""
    found = node.members("advisories", "diligence", "id", "name", "patch_days", "review_by")
    found["name"].text()
    found["patch_days"].integer()
    found["review_by"].time()
    for advisory in found["advisories"].items():
        fields = advisory.members("applied", "available", "id", "published")
        fields["id"].text()
        fields["published"].time()
        _check_time_or_none(fields["available"])
        _check_time_or_none(fields["applied"])
    decisions = [_parse_diligence(each) for each in found["diligence"].items()]
    return found["id"].text(), bool(decisions) and decisions[-1] == "accepted"


def _parse_diligence(node: Node) -> str:
    found = node.members("decision", "document", "on", "people")
    found["document"].digest()
    found["on"].time()
    _check_people(found["people"])
    return found["decision"].word("accepted", "rejected")


def _parse_module(node: Node, accepted: dict[str, bool]) -> tuple[str, bool]:
    """The module's id, and whether it is active."""
    found = node.members(
        "certificate", "firmware", "id", "manufacturer", "model", "patches", "review_by", "serials", "state", "vendor"
    )
    for name in ("firmware", "manufacturer", "model"):
        found[name].text()
    found["review_by"].time()
    check_sorted([serial.text() for serial in found["serials"].items()], found["serials"].path)
    _check_certificate(found["certificate"])
    for patch in found["patches"].items():
        _check_patch(patch)
    vendor, state = found["vendor"].text(), found["state"].word("registered", "active", "retired")
    if vendor not in accepted:
        raise found["vendor"].invalid("a vendor of this register")
    if state == "active" and not accepted[vendor]:
        raise malformed(
            Code.HSM_VENDOR_NOT_ACCEPTED, found["state"].path, f"a due diligence that accepted {vendor}", state
        )
    return found["id"].text(), state == "active"


def _check_certificate(node: Node) -> None:
    found = node.members("caveat", "checked", "firmware", "hardware", "level", "number", "scheme", "status", "sunset")
    for name in ("caveat", "level", "number"):
        found[name].text()
    for name in ("checked", "sunset"):
        found[name].time()
    for name in ("firmware", "hardware"):
        check_sorted([version.text() for version in found[name].items()], found[name].path)
    found["scheme"].word("fips-140-2", "fips-140-3", "common-criteria")
    found["status"].word("active", "interim", "historical", "revoked")


def _check_patch(node: Node) -> None:
    found = node.members("accepted_by", "advisory", "applied", "certified", "deadline", "firmware")
    _check_people(found["accepted_by"])
    for name in ("advisory", "firmware"):
        found[name].text()
    for name in ("applied", "deadline"):
        found[name].time()
    _check_time_or_none(found["certified"])


def _check_people(node: Node) -> None:
    people = [person.party() for person in node.items()]
    if not people:
        raise node.invalid("at least one person")
    check_sorted(people, node.path)


def _check_time_or_none(node: Node) -> None:
    if node.value != NONE:
        node.time()
