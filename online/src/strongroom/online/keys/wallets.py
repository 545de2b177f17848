"""The wallets in force, out of the log: every statement verified again, and each follows the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from strongroom.core.checks.foundation import prove_delegated
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import WalletId
from strongroom.core.roster import Delegation, Root
from strongroom.core.statements import Context, Envelope, Statement, StatementType
from strongroom.core.wallets import PlacedWallet, Wallet, fold_wallets
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.governance.store import Rules

Wallets = Mapping[WalletId, PlacedWallet]
KINDS = (StatementType.ROOT, StatementType.WALLET)


def load_wallets(connection: Connection, rules: Rules) -> Wallets:
    """Every wallet as it was said last, by the log as the database shows it. Raises as `find_wallets`."""
    return find_wallets(load_by_kind(connection, *KINDS), rules)


def find_wallets(said: Sequence[tuple[int, Statement[Any]]], rules: Rules) -> Wallets:
    """Every wallet as it was said last, each statement judged by the root in force at its place.

    said: roots and wallets. Raises what a forged, skipped or revived statement raises, so that nothing is issued on
    such a log.
    """
    known = {root.id for root in rules.roots}
    delegation: Delegation | None = None
    under: list[tuple[Delegation, Envelope]] = []
    for _, statement in said:
        match statement.body:
            case Root() as root:
                # The chain of roots was proved from the pinned one when the rules were loaded.
                delegation = root.delegation("addresses") if statement.id in known else delegation
            case _ if delegation is None:
                raise refused(Code.STAGE_MISSING, "wallet", "a root before it", "none")
            case _:
                under.append((delegation, statement.envelope))
    return prove_wallets(tuple(under), rules.context)


@lru_cache(maxsize=4)
def prove_wallets(said: tuple[tuple[Delegation, Envelope], ...], context: Context) -> Wallets:
    """The wallets that these envelopes say, in this order; the very same ones are not verified again every round."""
    proved = [prove_delegated(each, Wallet, delegation, context, "wallet") for delegation, each in said]
    return fold_wallets(PlacedWallet(statement=s.id, body=s.body) for s in proved)
