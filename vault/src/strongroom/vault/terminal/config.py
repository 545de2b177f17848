"""Who this terminal is and where its things are: one canonical JSON file, written at enrolment and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import PartyId
from strongroom.core.records import check_sorted, encode_record, parse_record
from strongroom.devices.screens.language import CHOICES
from strongroom.vault.terminal.files import load_file, save_durably

FORMAT = "strongroom-terminal-config/1"
MAX_CONFIG_BYTES = 64 * 1024
PLATFORM = PartyId("service:platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorToken:
    """An operator and the label of the token that they bring."""

    person: PartyId
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """keys: folder of the wrapped asset keys. module: PKCS#11 library. token: label of the terminal's own token."""

    format: str
    keys: str
    module: str
    operators: tuple[OperatorToken, ...]
    platform: PartyId
    terminal: PartyId
    token: str

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise malformed(Code.FIELD_INVALID, "config.format", FORMAT, self.format)
        check_sorted([o.person for o in self.operators], "config.operators")
        labels = [self.token, *(o.token for o in self.operators)]
        if len(set(labels)) != len(labels):
            # One token for two roles would let one person sign twice.
            raise malformed(Code.SEPARATION, "config.operators", "a token of their own for each", ", ".join(labels))

    def token_of(self, person: PartyId) -> str:
        """The label of an operator's token. Raises OPERATORS_NOT_TWO."""
        for operator in self.operators:
            if operator.person == person:
                return operator.token
        known = ", ".join(o.person for o in self.operators)
        raise refused(Code.OPERATORS_NOT_TWO, "operators", f"two of {known}", person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The terminal's folder."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.path / "config.json"

    @property
    def journal(self) -> Path:
        """The journal; it is there exactly when the terminal is enrolled."""
        return self.path / "journal.sqlite"

    @property
    def trust(self) -> Path:
        """Folder of trust files, each named by its digest; the journal says which one is in force."""
        return self.path / "trust"

    @property
    def languages(self) -> Path:
        """Who reads in which language."""
        return self.path / CHOICES

    @property
    def sent(self) -> Path:
        """Copies of what was handed out: sealed, or signed and public. A lost medium is written again from here."""
        return self.path / "sent"

    @property
    def notices(self) -> Path:
        """Codes of halts as they were shown, one file each: the next page takes a code off the screen too soon."""
        return self.path / "notices"

    @property
    def kept(self) -> Path:
        """Copies of packages that were refused: nothing is lost."""
        return self.path / "kept"


def save_config(home: Home, config: Config) -> None:
    """Write the configuration."""
    save_durably(home.config, encode_canonical(encode_record(config)))


def load_config(home: Home) -> Config:
    """Read the configuration. Raises UnavailableError FILE_UNAVAILABLE where nothing is enrolled."""
    return parse_record(Config, parse_canonical(load_file(home.config, MAX_CONFIG_BYTES)), "config")
