"""What stands on every screen of this terminal: its name, the time, and whether it is alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.page_values import Line, build_line
from strongroom.core.records import encode_time
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.language import Language, load_languages
from strongroom.vault.terminal.config import Home, load_config
from strongroom.vault.terminal.outside import LOOPBACK, interface_names


def build_setting(folder: Path, languages: Sequence[Language] = ()) -> Setting:
    """Of the terminal in a folder, or of the one that is about to be enrolled there.

    languages: of the people who operate it, the first of which is shown first.
    """
    home = Home(path=folder)
    name = load_config(home).terminal if home.config.exists() else "device:new"
    return Setting(device=name.split(":")[-1], banner=build_banner, languages=load_languages(*languages))


def build_banner() -> Line:
    """The time of this machine, and what its network is at this moment, not what it was at the start."""
    time = encode_time(datetime.now(UTC))
    if any(name != LOOPBACK for name in interface_names()):
        return build_line("{time}   NETWORK PRESENT", time=time)
    return build_line("{time}   NO NETWORK", time=time)
