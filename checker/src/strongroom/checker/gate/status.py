"""What the gate believes and has let go, for people and for machines. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strongroom.checker.beliefs import beliefs_json, render_beliefs
from strongroom.checker.state.home import locked_home
from strongroom.checker.state.store import open_store
from strongroom.checker.state.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A gate's memory at a glance. waiting: released and kept, but no node has taken it yet."""

    trust: Trust
    released: int
    waiting: int


def load_status(folder: Path) -> Status:
    """Read a home. It asks no clock, since people look here when the clock is what is wrong.

    Raises FILE_UNAVAILABLE.
    """
    with locked_home(folder), open_store(folder) as store:
        released, waiting = store.count_releases()
        return Status(trust=store.load_trust(), released=released, waiting=waiting)


def render_status(status: Status) -> Iterator[str]:
    """Lines for people."""
    yield from render_beliefs(status.trust)
    yield f"released   {status.released}, of which {status.waiting} wait for a node"


def status_json(status: Status) -> dict[str, object]:
    """The same for machines."""
    return {**beliefs_json(status.trust), "released": status.released, "waiting": status.waiting}
