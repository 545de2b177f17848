"""One program's configuration: a canonical JSON file, read once. Secrets are in files of their own, named here."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, Digest, PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes, parse_record
from strongroom.online.db.secret import Secret
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.watch.access import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One node. name: what statements and alerts call it. url may hold user and password."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """One chain with its nodes, independent of one another. confirmations: before credit and settlement.

    What one of the nodes does not confirm is not believed; with one node alone, that one is believed.
    """

    chain: ChainId
    confirmations: int
    nodes: tuple[NodeConfig, ...]

    def __post_init__(self) -> None:
        names = [node.name for node in self.nodes]
        if not names or len(set(names)) != len(names) or "" in names:
            raise malformed(
                Code.FIELD_INVALID, f"chains.{self.chain}.nodes", "nodes with names of their own", str(names)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConfig:
    """A service's key file."""

    file: str
    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorConfig:
    """The door of a terminal's vault. feed: this program's own copy of its lines. key: the door's, Ed25519, 32 bytes.

    silence_s, stay_s: so long the door may say nothing, and so long somebody counts as inside (1 to 86,400).
    """

    feed: str
    key: HexBytes
    silence_s: int
    stay_s: int
    terminal: PartyId

    def __post_init__(self) -> None:
        for name, seconds in (("silence_s", self.silence_s), ("stay_s", self.stay_s)):
            if not 1 <= seconds <= 86_400:
                raise malformed(Code.FIELD_INVALID, f"doors.{self.terminal}.{name}", "1 to 86400", str(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """database: file with the connection string. home: folder for inbox, outbox and the witness's memory.

    root: the fingerprint that two people typed; a program believes no other, whatever its database says.
    doors: of vaults whose operators must be inside while they sign; of the reconciler and of the watcher.
    """

    chains: tuple[ChainConfig, ...]
    database: str
    doors: tuple[DoorConfig, ...]
    home: str
    keys: tuple[KeyConfig, ...]
    poll_ms: int
    root: Digest

    @property
    def inbox(self) -> Path:
        """Where packages from devices arrive, one folder a device."""
        return Path(self.home) / "inbox"

    @property
    def outbox(self) -> Path:
        """Where packages for devices wait, one folder a device."""
        return Path(self.home) / "outbox"

    @property
    def confirmations(self) -> dict[ChainId, int]:
        """Confirmations by chain."""
        return {c.chain: c.confirmations for c in self.chains}

    @property
    def doors_of_vaults(self) -> dict[PartyId, Door]:
        """Doors by terminal."""
        return {
            each.terminal: Door(
                feed=Path(each.feed),
                key=PublicKey(alg=Algorithm.ED25519, public=each.key),
                silence_s=each.silence_s,
                stay_s=each.stay_s,
            )
            for each in self.doors
        }

    def key_file(self, party: str) -> Path:
        """The key file of a service. Raises FILE_UNAVAILABLE when this program has none."""
        for key in self.keys:
            if key.party == party:
                return Path(key.file)
        raise refused(Code.FILE_UNAVAILABLE, f"keys.{party}", "a key of this program", "none configured")


def load_config(path: Path) -> Config:
    """Read a configuration file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "a configuration", error.strerror or "unreadable") from error
    return parse_record(Config, parse_canonical(raw.strip()), "config")


def load_conninfo(path: Path) -> Secret:
    """Read a connection string from a file that only this program may read."""
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text().strip()
    except OSError as error:
        raise refused(
            Code.FILE_UNAVAILABLE, str(path), "a connection string", error.strerror or "unreadable"
        ) from error
    if mode & 0o077:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "mode 0600", oct(mode))
    return Secret(text)


def open_nodes(config: Config) -> Mapping[ChainId, tuple[EthereumNode | BitcoinNode, ...]]:
    """Clients of the configured nodes, by chain."""
    return {each.chain: tuple(_open_node(each.chain, node) for node in each.nodes) for each in config.chains}


def _open_node(chain: ChainId, config: NodeConfig) -> EthereumNode | BitcoinNode:
    if chain.startswith("eip155:"):
        return EthereumNode(config.url, name=config.name)
    parts = urlsplit(config.url)
    if not parts.username or not parts.password or not parts.hostname:
        raise malformed(
            Code.FIELD_INVALID, f"nodes.{config.name}.url", "http://user:password@host:port", "another form"
        )
    address = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    return BitcoinNode(address, parts.username, parts.password, name=config.name)
