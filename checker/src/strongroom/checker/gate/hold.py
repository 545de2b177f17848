"""A payment that somebody was forced to sign: the gate lets none of it go, and looks as if its nodes did not answer.

After a time that nobody can foretell it stops the vault with a freeze, and takes part in it itself. III.3, ADR 0029.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.checker.gate.nodes import Network, NodeAnswer, Took
from strongroom.checker.gate.seal import Outcome
from strongroom.checker.reading.envelopes import Type
from strongroom.checker.state.device import Run, hand_out
from strongroom.checker.state.packages import Kind, encode_statements
from strongroom.checker.state.speak import build_statement, freeze_body
from strongroom.checker.state.store import Hold, Use
from strongroom.core.ids import ChainId, PartyId

LEAST_DELAY_S: Final = 300
MOST_DELAY_S: Final = 1800
"""Between these the freeze comes, by chance: nobody who stands beside a forced operator can lay the two together."""
FREEZE_REASON: Final = "held by the release gate"


class HeldError(Exception):
    """A payment that must not leave, and of which nobody here may be told why. It never leaves this program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """The network of a gate whose nodes do not answer; nothing is sent to anybody."""

    names: tuple[str, ...]

    def send(self, chain: ChainId, signed: bytes, txid: str) -> tuple[NodeAnswer, ...]:
        """What is heard of each node."""
        del chain, signed, txid
        return tuple(NodeAnswer(node=name, took=Took.UNREACHED, words="ConnectError") for name in self.names)


def network_for(run: Run, network: Network) -> Network:
    """The gate's nodes; away for every payment while one is held, or the others would give the one away.

    What is released meanwhile is kept and goes when the same package comes again, as on any day when nodes are away.
    """
    return Away(names=network.names) if run.store.is_away(run.now) else network


def hold(run: Run, to: PartyId, use: Use, outcome: Outcome) -> None:
    """Remember that a payment must not leave. to: who hands packages in. A drill freezes nothing."""
    delay = LEAST_DELAY_S + secrets.randbelow(MOST_DELAY_S - LEAST_DELAY_S)
    due = run.now + timedelta(seconds=delay)
    run.store.save_hold(Hold(use=use, to=to, due=due, is_drill=outcome is Outcome.DRILL))


def freeze_when_due(run: Run, out: Path) -> tuple[Path, ...]:
    """Say the freeze whose time has come, one for all that is held; returns the package to carry."""
    to = run.store.load_due(run.now)
    if to is None:
        return ()
    envelope = build_statement(run.voice, Type.FREEZE, freeze_body(FREEZE_REASON), run.now)
    # This gate stands still from here on, whether or not anybody carries the package.
    run.trust = replace(run.trust, frozen=run.trust.frozen | {envelope.id})
    answer = run.seal_answer(to, Kind.STATEMENTS, encode_statements([envelope.value]), accepted=True)
    run.store.save_frozen(answer, run.trust)
    return (hand_out(answer, out),)


def freezes_again(run: Run, out: Path) -> tuple[Path, ...]:
    """Every freeze that this gate ever said, byte for byte: a medium is lost, a program is stopped in between."""
    return tuple(hand_out(answer, out) for answer in run.store.load_freezes())
