"""Officers lift a freeze: it is logged, what left unexplained goes to suspense by their word, the alert closes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.bodies import Freeze, FreezeLift
from strongroom.core.checks.signers import check_lift
from strongroom.core.codes import Code
from strongroom.core.ids import AssetId, ChainId, WalletId
from strongroom.core.statements import Envelope, Statement, check_context, expect, parse_statement
from strongroom.online.db.connect import Connection, execute, load_all
from strongroom.online.db.queries import load_queries
from strongroom.online.evidence.store import append, load_statement
from strongroom.online.governance.store import load_rules
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import post
from strongroom.online.transfers.accounts import build_custody_account, build_suspense_account
from strongroom.online.watch.freezes import subject_of
from strongroom.online.watch.store import close_alerts

_QUERIES = load_queries("strongroom.online.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexplainedOutflow:
    """What left a wallet of an asset, and no docket says why."""

    chain: ChainId
    txid: str
    wallet: WalletId
    asset: AssetId
    units: int


def accept_lift(connection: Connection, envelope: Envelope, now: datetime) -> Statement[FreezeLift]:
    """Take in a freeze-lift, in one transaction.

    The unexplained outflow of this freeze goes to the suspense account, so that the ledger says what the chain says;
    who bears the loss is decided by people and posted from there. Raises QUORUM_NOT_MET, NOT_IN_LOG, TYPE_MISMATCH, and
    what the signatures lack.
    """
    rules = load_rules(connection)
    statement = expect(parse_statement(envelope, "lift"), FreezeLift, "lift")
    check_context(statement, rules.context, "lift")
    people = rules.policy[1].body.parameters.freeze_lift_people
    check_lift(statement, rules.roster, now, people, "lift")
    _, found = load_statement(connection, statement.body.freeze)
    freeze = expect(found, Freeze, "lift.freeze")
    with connection.transaction():
        append(connection, envelope)
        for outflow in load_unexplained(connection, freeze.body.evidence):
            post(connection, _posting(outflow, statement, now))
        fields = {"freeze": statement.body.freeze, "lift": statement.id, "subject": freeze.body.evidence}
        execute(connection, _QUERIES["save_lift"], fields)
        execute(connection, _QUERIES["save_unexplained_posted"], fields)
        execute(connection, _QUERIES["close_alert"], fields)
        close_alerts(connection, subject_of(statement.body.freeze), Code.FROZEN)
    return statement


def load_unexplained(connection: Connection, subject: str) -> tuple[UnexplainedOutflow, ...]:
    """The unexplained outflows that a freeze's evidence names: `chain txid`."""

    def build(chain: str, txid: str, wallet: str, asset: str, units: str) -> UnexplainedOutflow:
        return UnexplainedOutflow(
            chain=ChainId(chain), txid=txid, wallet=WalletId(wallet), asset=AssetId(asset), units=int(units)
        )

    return load_all(connection, _QUERIES["load_unexplained"], build, {"subject": subject})


def _posting(outflow: UnexplainedOutflow, lift: Statement[FreezeLift], now: datetime) -> Posting:
    custody = build_custody_account(outflow.wallet, outflow.asset)
    return Posting(
        id=TransferId(f"unexplained:{lift.id}:{custody}"),
        kind=PostingKind.UNEXPLAINED,
        statement=lift.id,
        debit=build_suspense_account(outflow.chain, outflow.asset),
        credit=custody,
        asset=outflow.asset,
        units=outflow.units,
        event_at=now,
    )
