"""Whether the terminal that signed is the one that was leased: by this gate's own notices, at the record's place."""

from __future__ import annotations

from strongroom.checker.reading.bodies import SignatureRecord
from strongroom.checker.reading.checks.sign import find_clear
from strongroom.checker.reading.journey import Heard, Journey
from strongroom.checker.reading.leases import find_lease
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.state.trust import Trust
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused


def check_leases(trust: Trust, journey: Journey) -> None:
    """Raise LEASE_MISSING or LEASE_REPLACED for each record whose terminal had no lease, or another than it said.

    Attack: a terminal that was replaced signs on, with its key, its operators and a clear of its last days.
    """
    found: list[Refusal] = []
    for record in journey.all(SignatureRecord):
        with gathered(found):
            _check_lease(trust, journey, record)
    raise_found(found)


def _check_lease(trust: Trust, journey: Journey, record: Heard[SignatureRecord]) -> None:
    before = [notice for notice in trust.notices if notice.index < record.index]
    lease = find_lease(before, record.body.terminal, trust.chain)
    path = f"{record.path}.terminal"
    if lease is None:
        raise refused(Code.LEASE_MISSING, path, f"a lease in force below index {record.index}", record.body.terminal)
    quoted = find_clear(journey, record).body.lease
    if quoted != lease.id:
        raise refused(Code.LEASE_REPLACED, path, f"lease {lease.body.number}, {lease.id}", quoted)
