"""Step 1: an order is taken in once, in its client's order, in time, and to a listed destination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from firm import ETHER, Firm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH

CLIENT = "client:harbour"


def test_an_order_is_taken_in_once(office_firm: Firm) -> None:
    envelope = office_firm.order(CLIENT, ETH, ETHER)
    first, again = accept(office_firm.platform, envelope), accept(office_firm.platform, envelope)
    assert first.id == again.id
    rows = office_firm.query("select id, sequence, state from transfers.instructions")
    assert [(first.id, 1, "SUBMITTED")] == rows
    assert [] == office_firm.query("select code from watch.alerts")


@pytest.mark.parametrize(
    ("sequence", "code"), [(1, Code.INSTRUCTION_REPLAYED), (3, Code.SEQUENCE_GAP), (9, Code.SEQUENCE_GAP)]
)
def test_sequence_numbers_are_strict(office_firm: Firm, sequence: int, code: Code) -> None:
    office_firm.instruct(CLIENT, ETH, ETHER)
    refused = office_firm.order(CLIENT, ETH, ETHER, edit=lambda body: replace(body, sequence=sequence))
    with pytest.raises(RefusedError) as caught:
        accept(office_firm.platform, refused)
    assert code in caught.value.codes
    assert [(code.value,)] == office_firm.query("select code from watch.alerts")
    # The number that was due is still due.
    office_firm.instruct(CLIENT, ETH, ETHER, edit=lambda body: replace(body, sequence=2))


def _late(body: Any) -> Any:
    return replace(body, sign_by=body.sign_by - timedelta(hours=9))


def _stranger(body: Any) -> Any:
    return replace(body, destination=replace(body.destination, address="0x" + "ab" * 20))


def _foreign_account(body: Any) -> Any:
    return replace(body, account="account:peak:eth")


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_late, Code.INSTRUCTION_EXPIRED),
        (_stranger, Code.DEST_NOT_WHITELISTED),
        (_foreign_account, Code.NOT_IN_REGISTER),
    ],
)
def test_a_refused_order_uses_its_number_and_is_told(office_firm: Firm, edit: Callable[[Any], Any], code: Code) -> None:
    with pytest.raises(RefusedError) as caught:
        office_firm.instruct(CLIENT, ETH, ETHER, edit=edit)
    assert code in caught.value.codes
    assert [("high",)] == office_firm.query("select severity from watch.alerts")
    assert [] == office_firm.query("select id from transfers.instructions")
    # The honest order that follows has the next number.
    assert 2 == office_firm.instruct(CLIENT, ETH, ETHER).body.sequence


def test_a_stranger_uses_up_no_number(office_firm: Firm) -> None:
    envelope = office_firm.order(CLIENT, ETH, ETHER)
    body = accept(office_firm.platform, envelope).body
    forged = office_firm.world.sign(replace(body, sequence=2), CLIENT, ("client:peak",))
    with pytest.raises(RefusedError) as caught:
        accept(office_firm.platform, forged)
    assert Code.SIGNATURES_MISSING in caught.value.codes or Code.SIGNER_UNKNOWN in caught.value.codes
    assert 2 == office_firm.instruct(CLIENT, ETH, ETHER).body.sequence
