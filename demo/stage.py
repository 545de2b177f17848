"""Set the stage: start the nodes and the database, make tokens and keys, set up trust, enrol the devices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo.assigning import assign_addresses
from demo.ceremonies import bear_keys, describe, log_birth
from demo.firm import ETH, LTC, Client, Firm
from demo.leasing import lease_terminals
from demo.papers import publish_everything
from demo.people import Person, make_office
from demo.programs import MODULE, ROOT, run
from demo.proxy import Provider, start_provider
from demo.scene import CONFIRMATIONS, Scene
from demo.vault import Terminal, fill_terminals, make_terminals
from strongroom.chains.bitcoin.addresses import render_address as render_ltc
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.ethereum.addresses import render_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.canonical import encode_canonical
from strongroom.core.ids import AssetId, Digest, PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes, encode_record
from strongroom.core.registers import AssetEntry, AssetKind
from strongroom.online.bootstrap import build_platform
from strongroom.online.config import ChainConfig, Config, KeyConfig, NodeConfig, load_config
from strongroom.online.db.bootstrap import Database, prepare_database
from strongroom.online.db.connect import Connection, connect, open_connection
from strongroom.online.db.roles import Role, make_passwords
from strongroom.online.db.server import running_server
from strongroom.online.exchange.store import add_device
from strongroom.online.governance.store import load_rules
from strongroom.online.keys import make_service_key
from strongroom.online.nodes.devpair import AnvilPair, LitecoinPair
from strongroom.online.nodes.launch import start_anvil_pair, start_litecoind_pair
from strongroom.online.transfers.accounts import open_accounts

SERVICES = ("platform", "builder", "reconciler", "watcher", "assigner")


NO_ROOT = Digest("sha256:" + "0" * 64)
"""Before the ceremony no program believes any root."""


def write_configs(folder: Path, database: Database, chains: tuple[ChainConfig, ...], root: Digest) -> Path:
    """One configuration and one secret connection string a program."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    uses = {
        "work": (Role.PLATFORM, ("platform", "builder", "log")),
        "reconcile": (Role.RECONCILER, ("reconciler",)),
        "watch": (Role.WATCHER, ("watcher",)),
    }
    for name, (role, services) in uses.items():
        secret = config / f"{name}.conninfo"
        secret.touch(mode=0o600)
        secret.write_text(database.conninfo(role).reveal())
        body = Config(
            database=str(secret),
            doors=(),
            home=str(folder / "platform"),
            keys=tuple(KeyConfig(file=str(config / f"{s}.key"), party=f"service:{s}") for s in services),
            chains=chains,
            poll_ms=100,
            root=root,
        )
        (config / f"{name}.json").write_bytes(encode_canonical(encode_record(body)))
    return config / "work.json"


def make_clients() -> dict[str, Client]:
    """Four clients with keys of their own; the fourth is the operator itself, whose money pays network fees."""
    found = {}
    for number, name in enumerate(("harbour", "lantau", "peak", "house")):
        private = Ed25519PrivateKey.generate()
        public = HexBytes(private.public_key().public_bytes_raw())
        destinations = {}
        if name != "house":
            destinations = {
                ETH: render_address(bytes([0x71 + number]) * 20),
                LTC: _ltc_address(bytes([0x51 + number]) * 20),
            }
        client = Client(
            id=PartyId(f"client:{name}"),
            key=PublicKey(alg=Algorithm.ED25519, public=public),
            sign=private.sign,
            destinations=destinations,
        )
        found[name] = client
    return found


def deploy_token(eth: AnvilPair) -> AssetEntry:
    """An honest ERC-20 token on the development chain, as the asset register will have it."""
    made = json.loads((ROOT / "vectors/ethereum/erc20.json").read_text())["contracts"]["TestToken"]
    contract = eth.deploy(bytes.fromhex(made["bytecode"]))
    eth.mine(1)
    node = eth.node()
    code = node.fetch_code(contract, node.fetch_block_number())
    return AssetEntry(
        chain=ETH,
        code_hash=f"keccak256:{keccak256(code).hex()}",
        contract=contract,
        decimals=6,
        id=AssetId(f"{ETH}/erc20:{contract}"),
        kind=AssetKind.ERC20,
        symbol="TST",
    )


def _ltc_address(program: bytes) -> str:
    return render_ltc(b"\x00\x14" + program, LITECOIN_REGTEST)


def build_chains(eth: AnvilPair, ltc: LitecoinPair, provider: Provider) -> tuple[ChainConfig, ...]:
    """What the platform is told of the chains: two nodes each, and the second anvil through its provider."""
    urls = {LTC: ltc.node_urls(), ETH: {**eth.node_urls(), "anvil-2": provider.url}}
    return tuple(
        ChainConfig(
            chain=chain,
            confirmations=CONFIRMATIONS,
            nodes=tuple(NodeConfig(name=name, url=url) for name, url in nodes.items()),
        )
        for chain, nodes in urls.items()
    )


def make_firm(
    folder: Path,
    connection: Connection,
    people: Mapping[str, Person],
    terminals: tuple[Terminal, ...],
    token: AssetEntry,
) -> Firm:
    """The firm with the keys of its services and of its gate."""
    keys = folder / "config"
    log_key = make_service_key(keys / "log.key")
    machines = {}
    for service in SERVICES:
        roles = ("watcher", "witness") if service == "watcher" else (service,)
        machines[f"service:{service}"] = (make_service_key(keys / f"{service}.key"), roles)
    gate = run("gate", ["keys", "--home", str(folder / "devices" / "device-gate-1" / "home"), "--json"]).json()
    machines["device:gate-1"] = (_public(gate["key"]), ("gate",))
    return Firm(
        folder=folder,
        people=people,
        terminals=terminals,
        clients=make_clients(),
        machines=machines,
        seal=gate["seal_public"],
        token=token,
        log_key=log_key,
        connection=connection,
    )


@contextmanager
def open_scene(
    folder: Path, packages: Path, environment: dict[str, str], say: Callable[[str], None]
) -> Iterator[Scene]:
    """Start everything, set up trust, and stop everything at the end."""
    with ExitStack() as stack:
        say("starting PostgreSQL, two anvils in step and two litecoinds that are peers")
        server = stack.enter_context(running_server(environment, folder / "postgres"))
        database = prepare_database(server, "strongroom_demo", make_passwords())
        eth = stack.enter_context(start_anvil_pair())
        ltc = stack.enter_context(start_litecoind_pair())
        provider = stack.enter_context(start_provider(eth.second.url))
        chains = build_chains(eth, ltc, provider)
        config = write_configs(folder, database, chains, NO_ROOT)
        say("making tokens and keys: twenty-three people, two terminals with two operators each")
        tokens = folder / "tokens"
        tokens.mkdir()
        people, terminals = make_office(tokens), make_terminals(tokens)
        connection = stack.enter_context(open_connection(database.conninfo(Role.PLATFORM)))
        firm = make_firm(folder, connection, people, terminals, deploy_token(eth))
        platform = build_platform(load_config(config), connection)
        admin = stack.enter_context(open_connection(database.admin_conninfo()))
        scene = Scene(
            folder=folder,
            firm=firm,
            eth=eth,
            ltc=ltc,
            provider=provider,
            database=database,
            platform=platform,
            admin=admin,
            config=config,
            packages=packages,
        )
        stack.callback(scene.stop_platform)
        say("setting up trust: root, roster, policy, registers, each signed by its own people's tokens")
        set_up_trust(scene, say)
        write_configs(folder, database, chains, firm.fingerprint)
        yield scene


def _public(key: dict[str, str]) -> PublicKey:
    return PublicKey(alg=Algorithm(key["alg"]), public=HexBytes(bytes.fromhex(key["public"])))


def set_up_trust(scene: Scene, say: Callable[[str], None]) -> None:
    """Sign the root, hold the ceremonies, enrol every device, publish the rest, and lease the terminals."""
    firm = scene.firm
    publish_everything(firm, in_the_vault=lambda: make_keys(scene, say))
    rules = load_rules(firm.connection)
    open_accounts(firm.connection, rules)
    with connect(scene.database.conninfo(Role.ASSIGNER)) as connection:
        assign_addresses(firm, connection)
    kinds = {
        "device:approver-1": "approval-device",
        "device:approver-2": "approval-device",
        "device:station-1": "station",
        "device:gate-1": "gate",
    }
    for terminal in firm.terminals:
        kinds[terminal.id] = "terminal"
    for device, kind in kinds.items():
        add_device(firm.connection, PartyId(device), kind)
    lease_terminals(scene)
    if scene.ceremonies is not None:
        log_birth(scene.config, scene.ceremonies)


def make_keys(scene: Scene, say: Callable[[str], None]) -> None:
    """The led ceremony of the first terminal, the other two terminals' keys, and every device's enrolment."""
    firm = scene.firm
    say("a key ceremony: a leader, a witness and three custodians at the run book; generate, then back up")
    scene.ceremonies, first = bear_keys(firm, scene.folder / "ceremonies")
    say(describe())
    firm.terminals = (first, *fill_terminals(firm.terminals))
    for terminal in firm.terminals:
        firm.machines = {**firm.machines, terminal.id: (terminal.key, ("terminal",))}
    # The third approval device is enrolled later, by attack 5, and never on the line: nothing asks for its own key.
    public = make_service_key(scene.config.parent / "approver-3.key")
    firm.machines = {**firm.machines, "device:approver-3": (public, ("approval-device",))}
    enroll_devices(scene)


def enroll_devices(scene: Scene) -> None:
    """Two people type the fingerprint into each device."""
    firm = scene.firm
    root = scene.folder / "root.json"
    root.write_bytes(firm.root_file)
    typed = f"{firm.fingerprint}\n{firm.fingerprint}\n"
    for device in ("device:approver-1", "device:approver-2"):
        enroll_approver(scene, device)
        own = ["make-device-key", "--home", str(scene.home(device) / "home"), "--json"]
        firm.machines = {**firm.machines, device: (_public(run("approver", own).json()), ("approval-device",))}
    station = scene.home("device:station-1") / "home"
    made = run(
        "station",
        ["enroll", "--home", str(station), "--root", str(root), "--device", "device:station-1", "--json"],
        stdin=typed,
        offline=True,
    ).json()
    firm.machines = {**firm.machines, "device:station-1": (_public(made["key"]), ("station",))}
    gate = scene.home("device:gate-1") / "home"
    soc = str(run("gate", ["soc-key", "--key", str(scene.folder / "soc" / "soc.key"), "--json"]).json()["soc_key"])
    words = ["enroll", "--home", str(gate), "--root", str(root), "--device", "device:gate-1", "--soc-key", soc]
    run("gate", words, stdin=typed)
    for terminal in firm.terminals:
        operators = [f"{o.id}={o.label}" for o in sorted(terminal.operators, key=lambda o: o.id)]
        arguments = [
            "enroll",
            "--home",
            str(scene.home(terminal.id) / "home"),
            "--root",
            str(root),
            "--id",
            terminal.id,
        ]
        arguments += [
            "--module",
            MODULE,
            "--token",
            terminal.label,
            "--keys",
            str(terminal.keys),
            "--operator-token",
            *operators,
        ]
        run("terminal", arguments, stdin=typed, store=terminal.store, offline=True)


def enroll_approver(scene: Scene, device: str) -> None:
    """One person's approval device."""
    person = scene.approver(device)
    root = scene.folder / "root.json"
    typed = f"{scene.firm.fingerprint}\n{scene.firm.fingerprint}\n"
    arguments = ["enroll", "--home", str(scene.home(device) / "home"), "--root", str(root), "--device", device]
    arguments += ["--person", person.id, "--module", MODULE, "--token", person.label]
    run("approver", arguments, stdin=typed, store=person.store)
