"""A batch of addresses of a firm, attested by the world's terminals, and the assigner who hands them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from batches import Batch, batch_of, key_entries, line_of, sign_batch
from firm import ASSIGNER, Firm, change_register
from strongroom.core.address_package import AddressPackage
from strongroom.core.attested import AddressAttestation, parse_line
from strongroom.core.canonical import sha256
from strongroom.core.checks.issue import RestoreDrill
from strongroom.core.ids import ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import DigestOrNone
from strongroom.core.statements import Statement
from strongroom.core.wallets import Wallet, WalletState
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from strongroom.online.governance.store import publish
from strongroom.online.keys import ServiceKey
from strongroom.online.keys.importing import Imported, import_batch
from strongroom.online.keys.issue import Assigner, load_package
from wallets import ETH_COLD, LTC_COLD
from world import DELEGATES, ETH, TERMINALS, signer_of


@dataclass(kw_only=True)
class Desk:
    """A firm with an assigner. drills: the newest restore of each terminal; wallets: the last statement of each."""

    firm: Firm
    assigner: Assigner
    drills: dict[PartyId, RestoreDrill] = field(default_factory=dict)
    wallets: dict[str, tuple[Wallet, Digest]] = field(default_factory=dict)

    def say_wallet(self, body: Wallet) -> None:
        """The next statement of a wallet, by its delegates."""
        last = self.wallets.get(body.wallet)
        body = replace(body, previous=DigestOrNone(last[1] if last else "none"))
        self.firm.world.now = self.firm.clock()
        envelope = self.firm.world.sign(body, DELEGATES["addresses"][0], DELEGATES["addresses"])
        self.wallets[body.wallet] = body, publish(self.firm.platform.connection, envelope, (), ()).id

    def retire(self, wallet: Wallet) -> None:
        """The wallet's delegates end it."""
        self.say_wallet(replace(self.wallets[wallet.wallet][0], state=WalletState.RETIRED))

    def drill(self, *, days_ago: int = 1) -> None:
        """Every terminal was restored in a drill."""
        at = self.firm.clock() - timedelta(days=days_ago)
        for name in TERMINALS:
            terminal = PartyId(name)
            ceremony = sha256(f"{name} {at}".encode())
            self.drills[terminal] = RestoreDrill(at=at, ceremony=ceremony, check_value="aa", terminal=terminal)

    def take_in(self, batch: Batch, statement: Statement[AddressAttestation] | None = None) -> Imported:
        """`strongroom import-addresses`."""
        firm = self.firm
        signed = statement or self.sign(batch)
        connection, root = firm.platform.connection, firm.world.fingerprint
        return import_batch(connection, root, signed.envelope, batch.raw, firm.clock(), lambda *_: None)

    def package(self, entry: str) -> AddressPackage:
        """`strongroom address-package`, after the log was signed and witnessed."""
        self.witness()
        return load_package(
            self.firm.platform.connection, self.firm.world.fingerprint, EntryId(entry), self.firm.clock()
        )

    def witness(self) -> None:
        """The log signs its size, and the witness cosigns."""
        self.firm.work()
        self.firm.witness()

    def sign(self, batch: Batch) -> Statement[AddressAttestation]:
        """The terminals' word."""
        return sign_batch(batch, self.firm.world.context, self.firm.clock())

    def register(self, batch: Batch) -> None:
        """The batch's keys and addresses enter their registers; whose an address is, no register says."""
        lines = [parse_line(text, "line") for text in batch.lines]
        change_register(self.firm, "keys", tuple(key_entries(batch, lines).values()))
        change_register(self.firm, "addresses", tuple(line.entry(batch.body) for line in lines))


def eth_batch(count: int = 3, first: int = 0, wallet: WalletId = ETH_COLD.wallet) -> Batch:
    """Addresses of one key each, in the world's Ethereum wallet or another."""
    return batch_of(ETH, [line_of(ETH, [f"eoa-{first + n}"], 1) for n in range(count)], str(wallet))


def multisig_batch(chain: ChainId, count: int = 2) -> Batch:
    """2-of-3 at three terminals, in the world's Litecoin wallet."""
    lines = [line_of(chain, [f"t{t}-{n}" for t in (1, 2, 3)], 2) for n in range(count)]
    return batch_of(chain, lines, str(LTC_COLD.wallet))


@contextmanager
def open_desk(firm: Firm) -> Iterator[Desk]:
    """An assigner with its own database role and key; both wallets are said, and every terminal was drilled."""
    with connect(firm.database.conninfo(Role.ASSIGNER)) as connection:
        signer = signer_of(ASSIGNER)
        drills: dict[PartyId, RestoreDrill] = {}
        assigner = Assigner(
            connection=connection,
            key=ServiceKey(
                party=PartyId(ASSIGNER),
                key=PublicKey(alg=Algorithm.ED25519, public=signer.key.public),
                sign=signer.sign,
            ),
            root=firm.world.fingerprint,
            memory=firm.folder / "assigner" / "assigner.json",
            clock=firm.clock,
            find_drills=lambda _transcripts, _rules: drills,
        )
        desk = Desk(firm=firm, assigner=assigner, drills=drills)
        desk.say_wallet(ETH_COLD)
        desk.say_wallet(LTC_COLD)
        desk.drill()
        yield desk


def owners(firm: Firm) -> Mapping[str, str]:
    """Accounts by address entry, as the table of assignments has them."""
    return dict(firm.query("select entry, account from custody.assignments"))
