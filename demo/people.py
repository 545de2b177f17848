"""The firm's people: each has a token store, a PIN and a P-256 key of their own, made by the ceremony program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from demo.canaries import make_pin
from demo.programs import MODULE, make_store, run
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with their own token. label: the token's. group, staff, roles: as the roster will say.

    code: what an operator types in every session at a terminal.
    """

    id: PartyId
    name: str
    staff: str
    group: str
    roles: tuple[str, ...]
    key: PublicKey
    store: Path
    pin: str = field(repr=False)
    code: str = field(repr=False, default_factory=make_pin)

    @property
    def label(self) -> str:
        """The token's label."""
        return self.id.split(":", 1)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Whom to enrol."""

    id: str
    name: str
    staff: str
    group: str
    roles: tuple[str, ...] = ()
    place: str = ""


ROLES = (
    Role(id="person:h.yip", name="H. Yip", staff="staff-01", group="board"),
    Role(id="person:h.mak", name="H. Mak", staff="staff-02", group="board"),
    Role(id="person:h.fung", name="H. Fung", staff="staff-03", group="board"),
    Role(id="person:k.lau", name="K. Lau", staff="staff-11", group="key management"),
    Role(id="person:k.tse", name="K. Tse", staff="staff-12", group="key management"),
    Role(id="person:c.yuen", name="C. Yuen", staff="staff-13", group="client services"),
    Role(id="person:c.kwok", name="C. Kwok", staff="staff-14", group="client services"),
    Role(id="person:w.leung", name="W. Leung", staff="staff-15", group="whitelist office"),
    Role(id="person:w.tang", name="W. Tang", staff="staff-16", group="whitelist office"),
    Role(id="person:p.choi", name="P. Choi", staff="staff-17", group="risk"),
    Role(id="person:p.hui", name="P. Hui", staff="staff-18", group="risk"),
    Role(id="person:f.lo", name="F. Lo", staff="staff-19", group="finance"),
    Role(id="person:f.ng", name="F. Ng", staff="staff-20", group="finance"),
    Role(id="person:r.ho", name="R. Ho", staff="staff-21", group="management", roles=("officer", "overseer")),
    Role(id="person:s.lee", name="S. Lee", staff="staff-22", group="management", roles=("officer", "overseer")),
    Role(id="person:o.yeung", name="O. Yeung", staff="staff-23", group="key management", roles=("key-officer",)),
    Role(id="person:t.kwan", name="T. Kwan", staff="staff-24", group="internal audit", roles=("key-witness",)),
    Role(id="person:b.ma", name="B. Ma", staff="staff-25", group="custody of shares", roles=("custodian",)),
    Role(id="person:l.poon", name="L. Poon", staff="staff-26", group="custody of shares", roles=("custodian",)),
    Role(id="person:y.sze", name="Y. Sze", staff="staff-27", group="custody of shares", roles=("custodian",)),
    Role(id="person:m.chan", name="M. Chan", staff="staff-31", group="operations", roles=("approver",)),
    Role(id="person:r.singh", name="R. Singh", staff="staff-32", group="treasury", roles=("approver",)),
    # The same human as M. Chan, under a second name and with a second token: attack 5 enrols this entry later.
    Role(id="person:mei.chan", name="Mei Chan", staff="staff-31", group="treasury", roles=("approver",)),
    Role(id="person:c.lam", name="C. Lam", staff="staff-41", group="vault", roles=("operator",), place="terminal-1"),
    Role(id="person:p.wu", name="P. Wu", staff="staff-42", group="vault", roles=("operator",), place="terminal-1"),
    Role(id="person:d.ng", name="D. Ng", staff="staff-43", group="vault", roles=("operator",), place="terminal-2"),
    Role(id="person:e.ip", name="E. Ip", staff="staff-44", group="vault", roles=("operator",), place="terminal-2"),
    Role(id="person:f.so", name="F. So", staff="staff-45", group="vault", roles=("operator",), place="terminal-3"),
    Role(id="person:g.wan", name="G. Wan", staff="staff-46", group="vault", roles=("operator",), place="terminal-3"),
)


def make_token(store: Path, label: str) -> tuple[str, str]:
    """Initialise a token in a store; returns the officer's and the user's PIN."""
    officer, user = make_pin(), make_pin()
    run(
        "ceremony",
        ["init-token", "--token", label, "--module", MODULE, "--json"],
        stdin=f"{officer}\n{user}\n",
        store=store,
        offline=True,
    )
    return officer, user


def make_person_key(store: Path, label: str, pin: str) -> PublicKey:
    """Make the P-256 statement key in a token."""
    made = run(
        "ceremony",
        ["make-person-key", "--token", label, "--module", MODULE, "--json"],
        stdin=f"{pin}\n",
        store=store,
        offline=True,
    )
    return PublicKey(alg=Algorithm.P256, public=HexBytes(bytes.fromhex(made.json()["key"]["public"])))


def make_person(role: Role, folder: Path) -> Person:
    """One person's token: in a store of their own, or in the store of the terminal that they operate."""
    label = role.id.split(":", 1)[1]
    store = folder / role.place if role.place else make_store(folder / label)
    _, pin = make_token(store, label)
    key = make_person_key(store, label, pin)
    return Person(
        id=PartyId(role.id),
        name=role.name,
        staff=role.staff,
        group=role.group,
        roles=role.roles,
        key=key,
        store=store,
        pin=pin,
    )


def make_office(folder: Path) -> dict[str, Person]:
    """Everybody who works outside the vault, two at a time."""
    office = [r for r in ROLES if not r.place]
    with ThreadPoolExecutor(max_workers=2) as pool:
        people = list(pool.map(lambda role: make_person(role, folder), office))
    return {p.id: p for p in people}
