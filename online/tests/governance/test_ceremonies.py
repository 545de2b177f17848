"""A transcript enters the log when everybody who was there signed it and it carries on from the newest one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firm import open_firm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.records import DigestOrNone, HexBytes
from strongroom.core.roster import Roster
from strongroom.core.statements import StatementType
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.governance.ceremonies import publish_ceremony
from transcripts import NOW, birth, restored, roster, signed
from world import sorted_by_id


def test_transcripts_enter_the_log_in_one_line(tmp_path: Path, database: Database) -> None:
    def edit(body: Roster) -> Roster:
        return replace(body, parties=sorted_by_id([*body.parties, *roster().parties]))

    with open_firm(tmp_path, database, edits={"roster": edit}) as firm:
        connection = firm.platform.connection
        born = signed(birth())
        drilled = signed(replace(restored(), previous=DigestOrNone(born.id), id=HexBytes(b"2" * 16)))
        twin = signed(replace(restored(), previous=DigestOrNone(born.id), id=HexBytes(b"3" * 16)))
        unsigned = signed(birth(), [each.person for each in birth().participants][1:])
        refusals = (
            (unsigned, Code.SIGNATURES_MISSING, False),
            (drilled, Code.NOT_IN_LOG, False),
            (born, None, True),
            (drilled, None, True),
            (born, None, True),
            (twin, Code.LOG_CONFLICT, False),
        )
        for statement, code, is_taken in refusals:
            if is_taken:
                assert statement.id == publish_ceremony(connection, statement.envelope, NOW).id
                continue
            with pytest.raises(RefusedError) as caught:
                publish_ceremony(connection, statement.envelope, NOW)
            assert code in caught.value.codes
        logged = [each.id for _, each in load_by_kind(connection, StatementType.CEREMONY)]
        assert [born.id, drilled.id] == logged
