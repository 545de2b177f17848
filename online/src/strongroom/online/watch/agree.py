"""A chain as several independent nodes agree on it. Nothing is taken in that one configured node does not confirm.

One node that does not answer (NODE_UNAVAILABLE), one that is behind (NODE_LAGGING), one that shows another chain or
other contents (NODES_DISAGREE), and one whose bytes do not hash to what they should (DIGEST_MISMATCH) are told apart,
each by its name. With two nodes, one that is away means that nothing new is credited or settled: that is the price of
believing neither alone (V.10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError, refused
from strongroom.core.ids import ChainId
from strongroom.online.watch.chain_view import BlockView, NodeReader, Watched

MAX_LAG = 3
"""Blocks that a node may be behind: news take their time between honest nodes, but not that long."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChainFollower:
    """Reads one chain from all its nodes. nodes: at least one, and more wherever the coins have a value."""

    chain: ChainId
    nodes: tuple[NodeReader, ...]

    def fetch_tip(self) -> int:
        """Height of the newest block that every node has. Raises NODE_UNAVAILABLE with every node that is away."""
        return min(self._ask_all(lambda node: node.fetch_tip()))

    def check_in_step(self) -> None:
        """Raise NODE_LAGGING when a node is more than `MAX_LAG` blocks behind the foremost."""
        tips = self._ask_all(lambda node: node.fetch_tip())
        behind = [node.name for node, tip in zip(self.nodes, tips, strict=True) if max(tips) - tip > MAX_LAG]
        if behind:
            told = ", ".join(f"{n.name} {tip}" for n, tip in zip(self.nodes, tips, strict=True))
            expected = f"at most {MAX_LAG} blocks behind {max(tips)}"
            raise refused(Code.NODE_LAGGING, " and ".join(behind), expected, told)

    def fetch_hash(self, height: int) -> str:
        """Hash of the block at a height, on which all nodes agree. Raises NODES_DISAGREE."""
        return self.fetch_hashes((height,))[0]

    def fetch_hashes(self, heights: Sequence[int]) -> tuple[str, ...]:
        """Hashes of the blocks at these heights. Raises NODES_DISAGREE at the first height where they differ."""
        found = self._ask_all(lambda node: node.fetch_hashes(heights))
        for place, height in enumerate(heights):
            said = {node.name: hashes[place] for node, hashes in zip(self.nodes, found, strict=True)}
            if len(set(said.values())) > 1:
                raise refused(Code.NODES_DISAGREE, f"{self.chain} block {height}", "one hash", _render(said))
        return found[0]

    def fetch_view(self, height: int, watched: Watched) -> BlockView:
        """What the block at a height did. Raises NODES_DISAGREE when one node tells of it otherwise than another."""
        views = self._ask_all(lambda node: node.fetch_view(height, watched))
        for node, view in zip(self.nodes[1:], views[1:], strict=True):
            if view != views[0]:
                expected, got = _render_difference(views[0], view)
                raise refused(
                    Code.NODES_DISAGREE,
                    f"{self.chain} block {height}",
                    f"{self.nodes[0].name}: {expected}",
                    f"{node.name}: {got}",
                )
        return views[0]

    def _ask_all(self, ask: Callable[[NodeReader], T]) -> tuple[T, ...]:
        """Every node is asked, so that one error names every node that is away."""
        answers: list[T] = []
        away: list[Refusal] = []
        for node in self.nodes:
            try:
                answers.append(ask(node))
            except UnavailableError as error:
                away += error.refusals
        if away:
            raise UnavailableError(*away)
        return tuple(answers)


def check_same_answer(field: str, said: dict[str, T]) -> T:
    """What all nodes said. Raises NODES_DISAGREE with each one's answer."""
    first, *others = said.values()
    if any(other != first for other in others):
        raise RefusedError(
            Refusal(
                code=Code.NODES_DISAGREE,
                field=field,
                expected="one answer",
                got=_render({name: str(answer) for name, answer in said.items()}),
            )
        )
    return first


def _render(said: dict[str, str]) -> str:
    return ", ".join(f"{name} says {answer}" for name, answer in said.items())


def _render_difference(one: BlockView, other: BlockView) -> tuple[str, str]:
    """What each of two views has and the other has not: for people, who must find out which node lies."""
    mine, theirs = _facts(one), _facts(other)
    return (
        "; ".join(f for f in mine if f not in theirs) or "nothing beside that",
        "; ".join(f for f in theirs if f not in mine) or "nothing beside that",
    )


def _facts(view: BlockView) -> tuple[str, ...]:
    return (
        f"hash {view.hash} on {view.parent}",
        *(f"{i.units} of {i.asset} to {i.address.id} in {i.txid} {i.output}" for i in view.inflows),
        *(f"{o.units} of {o.asset} from {o.address.id} in {o.txid}, {o.outcome.value}" for o in view.outflows),
        *(f"{h.units} of {h.asset} held" for h in view.held or ()),
        *(f"{d.asset} at {d.address.id} logged {d.logged} and moved {d.moved}" for d in view.disputes),
        *(f"{asset} has other code" for asset in view.changed),
        *(f"{address} has code 0x{code.hex()}" for address, code in view.coded),
    )
