"""Publishing and loading rules: the database is not believed, and neither is what somebody wants to publish."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firm import Firm, change_register, open_firm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.ids import Digest, WalletId
from strongroom.core.records import DigestOrNone, encode_record
from strongroom.core.statements import parse_statement
from strongroom.core.wallets import WalletState
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from strongroom.online.evidence.store import append
from strongroom.online.governance.store import (
    load_delta,
    load_governance_at,
    load_rules,
    load_rules_under,
    publish,
)
from strongroom.online.keys.wallets import load_wallets
from wallets import ETH_COLD
from world import DELEGATES


def test_nothing_is_in_force_before_everything_is_published(database: Database, tmp_path: Path) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        with pytest.raises(RefusedError) as caught:
            load_rules(connection)
        assert Code.STAGE_MISSING in caught.value.codes
    with open_firm(tmp_path, database) as firm:
        assert firm.world.current_heads() == load_rules(firm.admin).build_heads()


def test_a_program_believes_only_the_root_that_it_was_configured_with(office_firm: Firm) -> None:
    with pytest.raises(RefusedError) as caught:
        load_rules_under(office_firm.admin, Digest("sha256:" + "1" * 64))
    assert Code.ROOT_MISMATCH in caught.value.codes
    assert (
        office_firm.world.fingerprint == load_rules_under(office_firm.admin, office_firm.world.fingerprint).roots[0].id
    )


def test_a_policy_needs_its_delegates(office_firm: Firm) -> None:
    firm, connection = office_firm, office_firm.platform.connection
    before = parse_statement(firm.world.policy)
    body = replace(before.body, version=2, previous=before.id)
    one = DELEGATES["policy"][:1]
    with pytest.raises(RefusedError) as caught:
        publish(connection, firm.world.sign(body, one[0], one), (), ())
    assert Code.THRESHOLD_NOT_MET in caught.value.codes
    publish(connection, firm.world.sign(body, one[0], DELEGATES["policy"]), (), ())
    assert 2 == load_rules(connection).policy[1].body.version


def test_versions_neither_fall_nor_skip(office_firm: Firm) -> None:
    firm, connection = office_firm, office_firm.platform.connection
    before = parse_statement(firm.world.policy)
    for version in (1, 3):
        body = replace(before.body, version=version, previous=before.id)
        with pytest.raises(RefusedError) as caught:
            publish(connection, firm.world.sign(body, DELEGATES["policy"][0], DELEGATES["policy"]), (), ())
        assert Code.HEAD_ROLLBACK in caught.value.codes
    body = replace(before.body, version=2, previous=before.id)
    publish(connection, firm.world.sign(body, DELEGATES["policy"][0], DELEGATES["policy"]), (), ())


def test_entries_must_be_those_that_the_head_is_the_root_of(office_firm: Firm) -> None:
    firm, connection = office_firm, office_firm.platform.connection
    entry = firm.world.registers["whitelist"].entries[0]
    added = replace(entry, purpose="another purpose")
    firm.world.change_register("whitelist", (added,))
    with pytest.raises(RefusedError) as caught:
        publish(connection, firm.world.heads["whitelist"], [encode_record(entry)], ())
    assert Code.HEAD_MISMATCH in caught.value.codes
    publish(connection, firm.world.heads["whitelist"], [encode_record(added)], ())
    assert ([encode_record(added)], []) == load_delta(connection, "whitelist", 1)


def test_only_rules_are_published(office_firm: Firm) -> None:
    freeze = office_firm.world.freeze().envelope
    with pytest.raises(StrongroomError) as caught:
        publish(office_firm.platform.connection, freeze, (), ())
    assert Code.TYPE_MISMATCH in caught.value.codes


def test_a_forged_entry_in_the_database_stops_every_program(office_firm: Firm) -> None:
    load_rules(office_firm.admin)
    office_firm.query(
        "update custody.register_entries set entry = replace(entry, 'redemption', 'redemptiom') "
        "where register = 'whitelist' and id = 'entry:harbour-eth'"
    )
    with pytest.raises(StrongroomError) as caught:
        load_rules(office_firm.admin)
    assert Code.HEAD_MISMATCH in caught.value.codes


def test_a_docket_keeps_the_registers_that_its_proposal_quotes(office_firm: Firm) -> None:
    firm = office_firm
    heads = firm.rules.build_heads()
    old = firm.rules.registers["whitelist"]
    change_register(firm, "whitelist", removed=("entry:peak-ltc",))
    then, now = load_governance_at(firm.admin, firm.rules, heads), firm.rules
    assert old.root() == then.registers["whitelist"].root()
    assert heads.whitelist.digest == then.heads["whitelist"].id
    assert len(old.entries) - 1 == len(now.registers["whitelist"].entries)
    assert (["entry:peak-ltc"]) == load_delta(firm.admin, "whitelist", 1)[1]


def test_a_wallet_is_its_delegates_word_and_a_retired_one_stays_retired(office_firm: Firm) -> None:
    firm, connection = office_firm, office_firm.platform.connection
    first = firm.world.sign(ETH_COLD, DELEGATES["addresses"][0], DELEGATES["addresses"])
    wrong = firm.world.sign(ETH_COLD, DELEGATES["policy"][0], DELEGATES["policy"])
    with pytest.raises(RefusedError) as caught:
        publish(connection, wrong, (), ())
    assert Code.SIGNER_UNKNOWN in caught.value.codes
    publish(connection, first, (), ())
    assert ETH_COLD == load_wallets(connection, firm.rules)[ETH_COLD.wallet].body
    retired = replace(ETH_COLD, previous=DigestOrNone(first.id), state=WalletState.RETIRED)
    last = firm.world.sign(retired, DELEGATES["addresses"][0], DELEGATES["addresses"])
    publish(connection, last, (), ())
    assert retired == load_wallets(connection, firm.rules)[ETH_COLD.wallet].body
    again = replace(ETH_COLD, previous=DigestOrNone(last.id))
    with pytest.raises(RefusedError) as caught:
        publish(connection, firm.world.sign(again, DELEGATES["addresses"][0], DELEGATES["addresses"]), (), ())
    assert Code.RETIRED_WALLET_ACTIVE in caught.value.codes


def test_a_wallet_that_was_written_past_the_programs_stops_all_issuing(office_firm: Firm) -> None:
    firm, connection = office_firm, office_firm.platform.connection
    honest = firm.world.sign(ETH_COLD, DELEGATES["addresses"][0], DELEGATES["addresses"])
    append(connection, honest)
    assert load_wallets(connection, firm.rules)
    other = replace(ETH_COLD, wallet=WalletId("wallet:eth-cold-2"))
    forged = firm.world.sign(other, DELEGATES["addresses"][0], DELEGATES["addresses"][:1])
    append(connection, forged)
    with pytest.raises(RefusedError) as caught:
        load_wallets(connection, firm.rules)
    assert Code.THRESHOLD_NOT_MET in caught.value.codes
