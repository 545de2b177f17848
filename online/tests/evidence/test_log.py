"""The log in the database: places, proofs, checkpoints; what is not there is refused, and nothing is ever changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from firm import Firm
from strongroom.core.bodies import FreezeLift
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest
from strongroom.core.merkle import check_inclusion, leaf_hash
from strongroom.core.statements import Envelope
from strongroom.online.db.connect import translated_errors
from strongroom.online.evidence.store import LogReader, append, load_statement, load_statements, sign_checkpoint

NOBODY = Digest("sha256:" + "0" * 64)


def test_the_same_statement_keeps_its_place(office_firm: Firm) -> None:
    root = office_firm.world.roots[0]
    assert 0 == append(office_firm.platform.connection, root)
    assert 0 == load_statement(office_firm.admin, root.id)[0]


def test_other_signatures_do_not_take_the_place_of_a_statement(office_firm: Firm) -> None:
    lift = FreezeLift(freeze=NOBODY, reason="explained")
    whole = office_firm.world.sign(lift, "person:r.ho", ("person:r.ho", "person:s.lee"))
    half = Envelope(payload=whole.payload, payloadType=whole.payloadType, signatures=whole.signatures[:1])
    place = append(office_firm.platform.connection, half)
    assert whole.id == half.id
    with pytest.raises(RefusedError) as caught:
        append(office_firm.platform.connection, whole)
    assert Code.LOG_CONFLICT in caught.value.codes
    assert place == append(office_firm.platform.connection, half)
    office_firm.world.now += timedelta(seconds=1)
    again = office_firm.world.sign(lift, "person:r.ho", ("person:r.ho", "person:s.lee"))
    assert place + 1 == append(office_firm.platform.connection, again)


def test_an_unknown_statement_is_not_in_the_log(office_firm: Firm) -> None:
    with pytest.raises(RefusedError) as caught:
        load_statement(office_firm.admin, NOBODY)
    assert Code.NOT_IN_LOG in caught.value.codes
    reader = LogReader()
    reader.refresh(office_firm.admin)
    with pytest.raises(RefusedError) as caught:
        reader.index_of(NOBODY)
    assert Code.NOT_IN_LOG in caught.value.codes
    known = office_firm.world.policy.id
    assert (known,) == tuple(s.id for s in load_statements(office_firm.admin, [known, NOBODY]))
    assert known == load_statements(office_firm.admin, [known])[0].id


def test_a_statement_is_provable_once_it_is_witnessed(office_firm: Firm) -> None:
    firm, reader = office_firm, LogReader()
    reader.refresh(firm.admin)
    policy = firm.world.policy
    place = reader.index_of(policy.id)
    with pytest.raises(RefusedError) as caught:
        reader.first_checkpoint(place)
    assert Code.NOT_IN_LOG in caught.value.codes
    with pytest.raises(RefusedError) as caught:
        reader.last_checkpoint()
    assert Code.NOT_IN_LOG in caught.value.codes
    sign_checkpoint(firm.platform.connection, firm.platform.reader, firm.rules.root.log, firm.platform.log_key)
    assert 1 == firm.witness()
    reader.refresh(firm.admin)
    size = reader.first_checkpoint(place).size
    assert size == reader.last_checkpoint().size == reader.witnessed_size
    check_inclusion(
        leaf=leaf_hash(policy.encode()),
        index=place,
        size=size,
        root=reader.tree.root(size),
        proof=reader.inclusion(place, size),
    )


def test_a_size_is_signed_once(office_firm: Firm) -> None:
    firm = office_firm
    for _ in range(2):
        sign_checkpoint(firm.platform.connection, firm.platform.reader, firm.rules.root.log, firm.platform.log_key)
    assert [(1,)] == firm.query("select count(*) from evidence.checkpoints")


@pytest.mark.parametrize(
    "statement",
    [
        "update evidence.entries set issuer = 'nobody' where idx = 0",
        "delete from evidence.entries where idx = 0",
        "truncate evidence.entries cascade",
    ],
)
def test_nobody_changes_the_log_not_even_its_administrator(office_firm: Firm, statement: str) -> None:
    with pytest.raises(RefusedError) as caught, translated_errors():
        office_firm.query(statement)
    assert Code.APPEND_ONLY in caught.value.codes
    size = office_firm.query("select size from evidence.tail")[0][0]
    assert [(size,)] == office_firm.query("select count(*) from evidence.entries")
