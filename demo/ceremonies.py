"""The story's ceremonies: the first terminal's keys are born and backed up; a drill restores them into a second token.

Two of three custodians, a leader and a witness, at the real run-book program; every transcript is signed by all who
were there and goes into the log.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key
from shamir_mnemonic import combine_mnemonics  # type: ignore[import-untyped]

from demo.firm import ETH, LTC, Firm
from demo.programs import make_store, run
from demo.room import CUSTODIANS, THRESHOLD, Room
from demo.vault import ETH_KEYS, ETH_WALLET, LTC_KEYS, LTC_WALLET, Terminal, make_terminal_with
from strongroom.core.canonical import encode_canonical
from strongroom.core.records import encode_record

WRAPPING_KEY = "the wrapping key"
TOKEN = "terminal-1"  # noqa: S105 - the token's label, not a secret


@dataclass(kw_only=True)
class Ceremonies:
    """What a later ceremony needs of the earlier ones. last: the newest transcript of the wrapping key."""

    room: Room
    folder: Path
    last: Path

    @property
    def medium(self) -> Path:
        """Where the wrapped keys were copied to."""
        return self.folder / "medium-1"

    def secrets(self) -> dict[str, bytes]:
        """What no file may hold, by names that may be said: the shares, the key that they make, and a key under it."""
        papers = list(self.room.papers.values())
        # The first words of a share are its set's, and no secret; these are the ones that carry the key.
        found = {f"share {n}": " ".join(paper.split()[8:14]).encode() for n, paper in enumerate(papers, start=1)}
        wrapping: bytes = combine_mnemonics(papers[:THRESHOLD])
        found[WRAPPING_KEY] = wrapping
        for pool in sorted((self.folder / "generate" / "keys").glob("*/*.pool")):
            entry = json.loads(pool.read_text().splitlines()[0])
            opened = load_der_private_key(aes_key_unwrap_with_padding(wrapping, bytes.fromhex(entry["blob"])), None)
            if isinstance(opened, EllipticCurvePrivateKey):
                found[entry["key"]] = opened.private_numbers().private_value.to_bytes(32, "big")
        return found


def bear_keys(firm: Firm, folder: Path) -> tuple[Ceremonies, Terminal]:
    """Generate and back up, then make the terminal of the new token."""
    folder.mkdir()
    store = make_store(firm.folder / "tokens" / TOKEN)
    room = Room(people=firm.people, store=store)
    batches = (f"{LTC_WALLET},{LTC_KEYS},ltc-a", f"{ETH_WALLET},{ETH_KEYS},eth")
    born = folder / "generate"
    room.hold(["generate", *_common(firm, folder, born, TOKEN), *(word for b in batches for word in ("--batch", b))])
    kept = folder / "back-up"
    held = Ceremonies(room=room, folder=folder, last=kept / "transcript.json")
    back_up = ["--previous", str(born / "transcript.json"), "--keys", str(born / "keys")]
    room.hold(["back-up", *_common(firm, folder, kept, TOKEN), *back_up, "--copy-to", str(held.medium)])
    publics = {
        entry["key"]: entry["public"]
        for listed in sorted((born / "keys").glob("*/keys.json"))
        for entry in json.loads(listed.read_text())["keys"]
    }
    terminal = make_terminal_with(store, born / "keys", publics, (room.officer_pin, room.user_pin))
    return held, terminal


def log_birth(config: Path, held: Ceremonies) -> None:
    """The platform takes in the transcripts of birth and backup, once it has rules to judge them by."""
    for name in ("generate", "back-up"):
        _log(config, held.folder / name)


def drill(firm: Firm, config: Path, held: Ceremonies) -> str:
    """Restore into a second token from two custodians' words and the copied blobs; returns what was shown."""
    home = held.folder / "restore"
    site = Room(
        people=firm.people,
        store=make_store(held.folder / "second-site"),
        papers=held.room.papers,
        seals=held.room.seals,
        bags=held.room.bags,
    )
    chains = [
        word for wallet, chain in ((LTC_WALLET, LTC), (ETH_WALLET, ETH)) for word in ("--chain", f"{wallet}={chain}")
    ]
    more = ["--previous", str(held.last), "--keys", str(held.medium), "--challenge", secrets.token_hex(32)]
    shown = site.hold(["restore", *_common(firm, held.folder, home, "terminal-1-spare"), *more, *chains])
    _log(config, home)
    held.last = home / "transcript.json"
    return shown


def describe() -> str:
    """Who can rebuild the wrapping key."""
    places = ", ".join(f"{name.split(':')[1]} at {site}" for name, site in CUSTODIANS.items())
    return f"{THRESHOLD} of {len(CUSTODIANS)} custodians can rebuild the wrapping key: {places}"


def _common(firm: Firm, folder: Path, home: Path, token: str) -> list[str]:
    root, roster = folder / "root.json", folder / "roster.json"
    root.write_bytes(firm.root_file)
    roster.write_bytes(encode_canonical([encode_record(each) for each in firm.rosters]))
    return ["--home", str(home), "--root", str(root), "--roster", str(roster), "--token", token]


def _log(config: Path, home: Path) -> None:
    run("platform", ["publish", "--config", str(config), str(home / "transcript.json")])
