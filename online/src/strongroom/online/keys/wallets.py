"""The wallets in force, out of the log: every statement verified again, and each follows the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from strongroom.core.checks.foundation import prove_delegated
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import WalletId
from strongroom.core.roster import Delegation, Root
from strongroom.core.statements import Context, Envelope, StatementType
from strongroom.core.wallets import PlacedWallet, Wallet, fold_wallets
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.governance.store import Rules

Wallets = Mapping[WalletId, PlacedWallet]


def load_wallets(connection: Connection, rules: Rules) -> Wallets:
    """Every wallet as it was said last, each statement judged by the root in force at its place.

    Raises what a forged, skipped or revived statement raises, so that nothing is issued on such a log.
    """
    known = {root.id for root in rules.roots}
    delegation: Delegation | None = None
    said: list[tuple[Delegation, Envelope]] = []
    for _, statement in load_by_kind(connection, StatementType.ROOT, StatementType.WALLET):
        match statement.body:
            case Root() as root:
                # The chain of roots was proved from the pinned one when the rules were loaded.
                delegation = root.delegation("addresses") if statement.id in known else delegation
            case _ if delegation is None:
                raise refused(Code.STAGE_MISSING, "wallet", "a root before it", "none")
            case _:
                said.append((delegation, statement.envelope))
    return prove_wallets(tuple(said), rules.context)


@lru_cache(maxsize=4)
def prove_wallets(said: tuple[tuple[Delegation, Envelope], ...], context: Context) -> Wallets:
    """The wallets that these envelopes say, in this order; the very same ones are not verified again every round."""
    proved = [prove_delegated(each, Wallet, delegation, context, "wallet") for delegation, each in said]
    return fold_wallets(PlacedWallet(statement=s.id, body=s.body) for s in proved)
