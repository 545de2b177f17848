"""What a device believes, in words and for machines; the same for station and gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from strongroom.checker.reading.fields import NONE, render_time
from strongroom.checker.reading.trust import moment_of
from strongroom.checker.state.home import locked_home
from strongroom.checker.state.store import open_store
from strongroom.checker.state.trust import Trust
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import Translate


def load_beliefs(folder: Path) -> Trust:
    """Read a home. It asks no clock: people look here when the clock is what is wrong. Raises FILE_UNAVAILABLE."""
    with locked_home(folder), open_store(folder) as store:
        return store.load_trust()


def render_beliefs(trust: Trust, translate: Translate = english) -> Iterator[str]:
    """Lines for people."""
    yield translate("device     {device}").format(device=trust.device)
    if trust.last:
        head = trust.last.head
        log = translate("log        size {size} of {when}, root {root}")
        yield log.format(size=head.size, when=render_time(moment_of(head)), root=f"sha256:{head.root.hex()}")
    else:
        yield translate("log        none: import the first update package")
    for name, version in trust.known_heads().items():
        said = translate("{name} version {version}  {digest}")
        yield said.format(name=f"{name:<10}", version=f"{version.version:>4}", digest=version.digest)
    for freeze in sorted(trust.standing_freezes):
        yield translate("FROZEN by  {freeze}").format(freeze=freeze)


def beliefs_json(trust: Trust) -> dict[str, object]:
    """The same for machines. log: `root` is `none` and `size` 0 before the first update."""
    head = trust.last.head if trust.last else None
    return {
        "device": trust.device,
        "freezes": sorted(trust.standing_freezes),
        "heads": {n: {"digest": h.digest, "version": h.version} for n, h in trust.known_heads().items()},
        "log": {"root": f"sha256:{head.root.hex()}" if head else NONE, "size": head.size if head else 0},
    }
