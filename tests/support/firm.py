"""A firm at work for tests: a `World`'s people and rules, in a real database, on real nodes, with the online programs.

`open_firm()` publishes the world, enrols devices and opens accounts. `round()` lets each online program do one pass in
this process, `office.serve()` lets people and devices answer, and `drive()` does both until a docket is in a state.
The clock is the world's: it starts an hour after the world does and runs as fast as the real one; `clock.forward()`
moves it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.core.assignments import AddressAssignment
from strongroom.core.bodies import Destination, Instruction
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.ids import AccountId, ChainId, Digest, EntryId, PartyId
from strongroom.core.policy import Policy, Window
from strongroom.core.records import NONE, EntryOrNone, HexBytes, Units, encode_record
from strongroom.core.registers import AddressEntry, entry_digest
from strongroom.core.roster import REGISTERS, Party, Roster
from strongroom.core.statements import Envelope, Statement, parse_statement
from strongroom.online.config import ChainConfig, Config, KeyConfig, NodeConfig
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.roles import Role
from strongroom.online.evidence.store import LogReader, append
from strongroom.online.exchange.store import add_device
from strongroom.online.governance.notices import accept_notice
from strongroom.online.governance.store import Rules, load_rules, publish
from strongroom.online.keys import load_service_key
from strongroom.online.keys.store import add_assignment
from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.prove.prover import build_prover
from strongroom.online.sources import BitcoinNodeSource, EthereumNodeSource, Source, build_followers, build_sources
from strongroom.online.transfers.accounts import open_accounts
from strongroom.online.transfers.deposit.credited import credit_confirmed
from strongroom.online.transfers.withdrawal.flow import advance
from strongroom.online.transfers.withdrawal.platform import Chains, Platform
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from strongroom.online.watch.clear import Watcher, clear_sessions, countersign_sessions, settle_outflows
from strongroom.online.watch.follow import follow
from strongroom.online.watch.reconciler import Reconciler
from strongroom.online.watch.witness import witness_checkpoints
from world import (
    ETH,
    LTC,
    START,
    TERMINALS,
    Edit,
    World,
    chain_key,
    ltc_key_names,
    seed,
    signer_of,
    sorted_by_id,
)

CONFIRMATIONS = 2
ASSIGNER = "service:assigner"
ETHER, COIN = 10**18, 10**8
DEVICES = {
    "device:approver-1": "approval-device",
    "device:approver-2": "approval-device",
    "device:gate-1": "gate",
    "device:station-1": "station",
    **dict.fromkeys(TERMINALS, "terminal"),
}
PROGRAMS: Mapping[str, tuple[Role, tuple[str, ...]]] = {
    "work": (Role.PLATFORM, ("service:platform", "service:builder", "service:log")),
    "reconcile": (Role.RECONCILER, ("service:reconciler",)),
    "watch": (Role.WATCHER, ("service:watcher",)),
}


@dataclass(kw_only=True)
class Clock:
    """The world's time: the host's, moved by `offset`."""

    offset: timedelta

    def __call__(self) -> datetime:
        """Now, in whole seconds, as devices read it."""
        return (datetime.now(UTC) + self.offset).replace(microsecond=0)

    def forward(self, **parts: float) -> None:
        """Let time pass at once. parts: as of `timedelta`."""
        self.offset += timedelta(**parts)


@dataclass(kw_only=True)
class Firm:
    """Everything that is connected. Each program has its own database role and key."""

    world: World
    database: Database
    folder: Path
    clock: Clock
    eth: AnvilChain | None
    ltc: LitecoinChain | None
    platform: Platform
    reconciler: Reconciler
    watcher: Watcher
    admin: Connection
    reconciler_reader: LogReader = field(default_factory=LogReader)
    watcher_reader: LogReader = field(default_factory=LogReader)
    sequences: dict[str, Iterator[int]] = field(default_factory=dict)

    @property
    def inbox(self) -> Path:
        """Where packages from devices arrive."""
        return self.folder / "platform" / "inbox"

    @property
    def outbox(self) -> Path:
        """Where packages for devices wait."""
        return self.folder / "platform" / "outbox"

    @property
    def rules(self) -> Rules:
        """The governance in force."""
        return load_rules(self.platform.connection)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into the database as its administrator."""
        cursor = self.admin.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def state(self, proposal: str) -> str:
        """State of a docket."""
        return str(self.query("select state from transfers.dockets where proposal = %s", proposal)[0][0])

    def config(self, program: str) -> Path:
        """The configuration file of a program."""
        return self.folder / "config" / f"{program}.json"

    # --- the online programs, one pass each -----------------------------------------------------------------------

    def work(self) -> list[str]:
        """One pass of `strongroom work`."""
        confirmations = dict.fromkeys(self.reconciler.followers, CONFIRMATIONS)
        credit_confirmed(self.platform, self.rules, confirmations)
        return advance(self.platform, inbox_path=self.inbox, outbox_path=self.outbox)

    def reconcile(self) -> None:
        """One pass of `strongroom reconcile`."""
        for chain in sorted(self.reconciler.followers):
            follow(self.reconciler, chain)
        clear_sessions(self.reconciler, self.reconciler_reader)

    def watch(self) -> None:
        """One pass of `strongroom watch`."""
        self.witness()
        settle_outflows(self.watcher)
        countersign_sessions(self.watcher)

    def witness(self) -> int:
        """The witness's part of a pass."""
        key, log_key = self.watcher.key, self.rules.root.log
        memory = self.folder / "platform" / "witness.json"
        return witness_checkpoints(self.watcher.connection, self.watcher_reader, key, log_key, memory, self.clock)

    def round(self) -> None:
        """One pass of each."""
        self.work()
        self.reconcile()
        self.watch()

    # --- clients ----------------------------------------------------------------------------------------------------

    def order(self, client: str, chain: ChainId, amount: int, edit: Edit = lambda body: body) -> Envelope:
        """A client's signed instruction with the next sequence number. edit: changes the body before it is signed."""
        name = client.split(":")[1]
        suffix = "eth" if chain == ETH else "ltc"
        entry = self.world.registers["whitelist"].find(f"entry:{name}-{suffix}", "whitelist")
        sequence = next(self.sequences.setdefault(client, itertools.count(1)))
        self.world.now = self.clock()
        body = Instruction(
            account=AccountId(f"account:{name}:{suffix}"),
            amount=Units(amount),
            asset=entry.asset,
            chain=chain,
            client=PartyId(client),
            destination=Destination(address=entry.address, entry=entry.id, entry_digest=entry_digest(entry)),
            fee_ceiling=Units(10**16 if chain == ETH else 100_000),
            reason="Redemption",
            reference=f"2027-{sequence:03d}",
            release_by=self.world.now + timedelta(hours=12),
            sequence=sequence,
            sign_by=self.world.now + timedelta(hours=8),
        )
        return self.world.sign(edit(body), client, (client,))

    def instruct(self, client: str, chain: ChainId, amount: int, edit: Edit = lambda body: body) -> Statement[Any]:
        """Take in a client's order."""
        return accept(self.platform, self.order(client, chain, amount, edit))

    def deposit(self, entry: str, units: int) -> str:
        """Somebody pays one of our addresses; not mined yet."""
        address = self.world.registers["addresses"].find(f"address:{entry}", "addresses")
        chain = self.chain(address.chain)
        return chain.fund(address.address, units)

    def chain(self, chain: ChainId) -> AnvilChain | LitecoinChain:
        """The development chain of that name."""
        found = self.eth if chain == ETH else self.ltc
        assert found is not None, f"no node for {chain}"
        return found

    def mine(self, blocks: int = CONFIRMATIONS) -> None:
        """Blocks on every chain; each is followed and reconciled, and what is confirmed is credited."""
        for chain in self.reconciler.followers:
            self.chain(chain).mine(blocks)
        self.catch_up()

    def catch_up(self) -> None:
        """Rounds until every chain is followed to its tip."""
        tips = {chain: follower.fetch_tip() for chain, follower in self.reconciler.followers.items()}
        while True:
            self.round()
            heights = dict(self.query("select chain, max(height) from watch.runs group by chain"))
            if all(heights.get(chain, -1) >= tip for chain, tip in tips.items()):
                # What the last block confirmed is credited by the pass after it.
                self.work()
                return


Serve = Callable[[], object]


def drive(firm: Firm, proposal: Digest, serve: Serve, state: str, *, most: int = 60) -> None:
    """Rounds and answers until a docket is in a state; blocks come while it waits for confirmations."""
    for _ in range(most):
        if firm.state(proposal) == state:
            return
        firm.round()
        serve()
        if firm.state(proposal) == "CONFIRMING":
            firm.mine()
    whys = firm.query("select state, why from transfers.dockets where proposal = %s", proposal)
    withheld = firm.query("select terminal, withheld from transfers.sessions where clear is null")
    alerts = firm.query("select code, detail from watch.alerts where closed_at is null")
    raise AssertionError(f"docket {proposal} is not {state}: {whys}, withheld {withheld}, alerts {alerts}")


def find_proposal(firm: Firm, instruction: Digest) -> Digest:
    """The docket of an instruction, after as many rounds as it takes."""
    for _ in range(10):
        rows = firm.query("select proposal, state, why from transfers.instructions where id = %s", instruction)
        if rows[0][0]:
            return Digest(rows[0][0])
        firm.round()
    raise AssertionError(f"no proposal: {firm.query('select state, why from transfers.instructions')}")


# --- setting up -----------------------------------------------------------------------------------------------------


@contextmanager
def open_firm(
    folder: Path,
    database: Database,
    *,
    eth: AnvilChain | None = None,
    ltc: LitecoinChain | None = None,
    edits: Mapping[str, Edit] | None = None,
) -> Iterator[Firm]:
    """Publish a world into a database and build every online program on it. edits: as of `World`."""
    offset = START + timedelta(hours=1) - datetime.now(UTC)
    clock = Clock(offset=offset)
    changes = {**PEAK, "policy": widen_windows, **(edits or {})}
    world = World(edits={**changes, "roster": with_assigner(changes.get("roster"))})
    nodes = {ETH: eth, LTC: ltc}
    write_configs(
        folder, database, {chain: node for chain, node in nodes.items() if node is not None}, world.fingerprint
    )
    with ExitStack() as stack:
        connections = {
            name: stack.enter_context(connect(database.conninfo(role))) for name, (role, _) in PROGRAMS.items()
        }
        clients = {chain: node.nodes() for chain, node in nodes.items() if node is not None}
        confirmations = dict.fromkeys(clients, CONFIRMATIONS)
        firm = Firm(
            world=world,
            database=database,
            folder=folder,
            clock=clock,
            eth=eth,
            ltc=ltc,
            platform=_platform(folder, connections["work"], build_sources(clients), clock),
            reconciler=Reconciler(
                connection=connections["reconcile"],
                key=load_service_key(key_file(folder, "service:reconciler"), PartyId("service:reconciler")),
                followers=build_followers(clients),
                confirmations=confirmations,
                clock=clock,
                root=world.fingerprint,
                prover=build_prover(world.fingerprint, folder / "platform", clock),
                places=folder / "platform" / "journals-reconciler.json",
            ),
            watcher=Watcher(
                connection=connections["watch"],
                key=load_service_key(key_file(folder, "service:watcher"), PartyId("service:watcher")),
                chains=build_sources(clients),
                confirmations=confirmations,
                clock=clock,
                root=world.fingerprint,
                places=folder / "platform" / "journals-watcher.json",
                memory=folder / "platform" / "witness.json",
            ),
            admin=stack.enter_context(connect(database.admin_conninfo())),
        )
        publish_world(firm)
        yield firm


def _platform(folder: Path, connection: Connection, sources: Mapping[ChainId, Source], clock: Clock) -> Platform:
    def key(party: str) -> Any:
        return load_service_key(key_file(folder, party), PartyId(party))

    return Platform(
        connection=connection,
        reader=LogReader(),
        platform_key=key("service:platform"),
        builder_key=key("service:builder"),
        log_key=key("service:log"),
        chains=Chains(
            ethereum={c: s for c, s in sources.items() if isinstance(s, EthereumNodeSource)},
            bitcoin={c: s for c, s in sources.items() if isinstance(s, BitcoinNodeSource)},
        ),
        clock=clock,
    )


def publish_world(firm: Firm) -> None:
    """Root, roster, policy, registers, leases; then devices and accounts."""
    connection, world = firm.platform.connection, firm.world
    for envelope in (*world.roots, *world.rosters, world.policy):
        publish(connection, envelope, (), ())
    for name in REGISTERS:
        publish(connection, world.heads[name], [encode_record(e) for e in world.registers[name].entries], ())
    for prices in world.prices:
        publish(connection, prices, (), ())
    for lease in world.notices:
        accept_notice(connection, lease, firm.clock())
    for device, kind in DEVICES.items():
        add_device(connection, PartyId(device), kind)
    open_accounts(connection, firm.rules)
    assign_owned(firm, world.registers["addresses"].entries)


def change_register(firm: Firm, name: str, added: tuple[Any, ...] = (), removed: tuple[str, ...] = ()) -> None:
    """Publish a register's next version."""
    firm.world.now = firm.clock()
    firm.world.change_register(name, added, removed)
    publish(firm.platform.connection, firm.world.heads[name], [encode_record(e) for e in added], removed)
    if name == "addresses":
        assign_owned(firm, added)


def assign_owned(firm: Firm, entries: Iterable[AddressEntry]) -> None:
    """The assigner gives each address that its register gives to an account, once, to that account."""
    known = {entry for (entry,) in firm.query("select entry from custody.assignments")}
    for entry in entries:
        if entry.account != NONE and entry.id not in known:
            assign(firm, entry, AccountId(entry.account))


def assign(firm: Firm, entry: AddressEntry, account: AccountId) -> Statement[Any]:
    """An assignment as the assigner signs it; the attestation that it names is not looked for by who credits."""
    body = AddressAssignment(
        account=account,
        address=entry.address,
        attestation=sha256(b"attestation"),
        chain=entry.chain,
        client=PartyId(f"client:{account.split(':')[1]}"),
        entry=entry.id,
        line=sha256(b"line"),
        wallet=entry.wallet,
    )
    firm.world.now = firm.clock()
    statement = parse_statement(firm.world.sign(body, ASSIGNER, (ASSIGNER,)))
    append(firm.admin, statement.envelope)
    add_assignment(firm.admin, body, statement.id)
    return statement


def with_assigner(edit: Edit | None) -> Edit:
    """An edit of the roster after another: the assigner is in it. The world of the vectors has none."""

    def add(roster: Roster) -> Roster:
        before = edit(roster) if edit else roster
        party = Party(
            group="machines",
            id=PartyId(ASSIGNER),
            key=signer_of(ASSIGNER).key,
            name="assigner",
            roles=("assigner",),
            staff="none",
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=60),
        )
        return replace(before, parties=sorted_by_id([*before.parties, party]))

    return add


def key_file(folder: Path, party: str) -> Path:
    """The key file of a service."""
    return folder / "config" / f"{party.split(':')[1]}.key"


def write_configs(
    folder: Path, database: Database, chains: Mapping[ChainId, AnvilChain | LitecoinChain], root: Digest
) -> None:
    """A configuration, a secret connection string and keys for each program, as an operator would lay them down."""
    config = folder / "config"
    config.mkdir(parents=True)
    configs = tuple(
        ChainConfig(
            chain=name,
            confirmations=CONFIRMATIONS,
            nodes=tuple(NodeConfig(name=node, url=url) for node, url in chain.node_urls().items()),
        )
        for name, chain in chains.items()
    )
    for name, (role, parties) in PROGRAMS.items():
        write_secret(config / f"{name}.conninfo", database.conninfo(role).reveal())
        for party in parties:
            write_secret(key_file(folder, party), seed("log" if party == "service:log" else party).hex())
        body = Config(
            chains=configs,
            database=str(config / f"{name}.conninfo"),
            doors=(),
            home=str(folder / "platform"),
            keys=tuple(KeyConfig(file=str(key_file(folder, p)), party=p) for p in parties),
            poll_ms=10,
            root=root,
        )
        (config / f"{name}.json").write_bytes(encode_canonical(encode_record(body)))


def write_secret(path: Path, text: str) -> None:
    """A file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(text + "\n")


# --- edits of the world -----------------------------------------------------------------------------------------------


def widen_windows(policy: Policy) -> Policy:
    """The world's policy with windows that a test of many withdrawals fits into."""
    window = Window(max_amount=Units(10**30), max_count=1_000_000, max_fee=None, max_hkd_cents=None, seconds=86400)
    rules = tuple(replace(rule, windows=(window,)) for rule in policy.rules)
    return replace(policy, rules=rules)


def _with_peak_keys(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    model = {str(e.id): e for e in entries}
    added = [
        replace(model[old], id=EntryId(new), public=HexBytes(chain_key(new).public_key.format()))
        for old, new in zip(ltc_key_names("ltc-1"), ltc_key_names("ltc-3"), strict=True)
    ]
    return sorted_by_id([*entries, *added])


def _with_peak_address(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    model = next(e for e in entries if e.id == "address:ltc-1")
    names = ltc_key_names("ltc-3")
    publics = [chain_key(n).public_key.format() for n in names]
    added = replace(
        model,
        account=EntryOrNone("account:peak:ltc"),
        address=render_address(p2wsh_script(multisig_script(2, publics)), LITECOIN_REGTEST),
        id=EntryId("address:ltc-3"),
        keys=tuple(EntryId(n) for n in sorted(names)),
    )
    return sorted_by_id([*entries, added])


PEAK: Mapping[str, Edit] = {"keys": _with_peak_keys, "addresses": _with_peak_address}
"""The third client gets a Litecoin address of its own, which the world's registers do not have."""
