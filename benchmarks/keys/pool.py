"""How fast a pool of keys is made, wrapped, attested and imported, beside the token's own generate-and-wrap.

The raw rate is one process, one session, nothing but generating and wrapping; it is taken before, between and after, so
that a busy machine is busy for all alike. The pool is what `strongroom-ceremony` makes: the same functions, with a
session in each worker; every blob is unwrapped and signs its address's challenge; the batch is checked by the terminal,
and imported by the platform. Real SoftHSM, real files, real flushes, real PostgreSQL.

    .venv/bin/python benchmarks/keys/pool.py [--keys 2000] [--workers 1 2]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from figures import render_table, save_figures
from platform_side import open_platform

from batches import Batch
from strongroom.core.attested import AddressAttestation
from strongroom.core.ids import EntryId, PartyId
from strongroom.core.records import HexBytes
from strongroom.core.statements import Environment, expect, parse_envelope_bytes, parse_statement
from strongroom.vault.ceremony.address_order import FORMAT, AddressOrder, ListOf, load_list, load_plan
from strongroom.vault.ceremony.attest import build_batch, check_saved_batch, sign_attestation
from strongroom.vault.ceremony.key_batch import make_keys, parse_order
from strongroom.vault.ceremony.pool_writer import LIST_NAME, Proving
from strongroom.vault.ceremony.progress import Manner, Progress
from strongroom.vault.ceremony.spend_proofs import encode_proofs, load_proofs, make_proofs
from strongroom.vault.ceremony.workers import Login, open_workers
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.hsm.wrapped_keys import find_wrapping_key, generate_wrapped_key, sign_digest_with
from strongroom.vault.terminal.files import save_durably
from wallets import ETH_COLD

GOAL = 0.7
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL = "bench"
ME = PartyId("device:terminal-1")
WALLET = ETH_COLD.wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Seconds of each step of one pool. Its signing is in `attest`. cpu: processor time of all its processes."""

    workers: int
    cpu: float
    make: float
    prove: float
    attest: float
    bring_in: float = 0.0

    @property
    def whole(self) -> float:
        """From the first key to the last address in the platform's table."""
        return self.make + self.prove + self.attest + self.bring_in


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=2000, help="keys of a pool")
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as name:
        folder = Path(name)
        login = make_token(folder)
        raws, signs, pools = [alone(login, options.keys, raw)], alone(login, options.keys // 4, unwrap_and_sign), []
        for workers in options.workers:
            made = apart(partial(make_pool, folder / f"pool-{workers}", login, options.keys, workers))
            pools.append((folder / f"pool-{workers}", cast("Figures", made)))
            raws.append(alone(login, options.keys, raw))
        bare_cpu = alone(login, options.keys, raw_cpu)
        with open_platform() as bring_in:
            done = [replace(figures, bring_in=bring_in(load_batch(pool))) for pool, figures in pools]
        report(options.keys, statistics.median(raws), bare_cpu, signs, done)


def make_token(folder: Path) -> Login:
    """A token with PINs, wrapping key and device key, by the ceremony program. This process never loads the module."""
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    program = [sys.executable, "-c", "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"]
    for command, lines in (
        ("init-token", "officer-1\nuser-1\n"),
        ("make-wrapping-key", "officer-1\n"),
        ("make-person-key", "user-1\n"),
    ):
        subprocess.run([*program, command, "--token", LABEL], input=lines.encode(), check=True, capture_output=True)
    return Login(module=MODULE, token=LABEL, pin=Secret("user-1"))


def apart(work: Callable[[], Figures | float]) -> Figures | float:
    """The result of work in a forked process, so that no module is loaded where workers are forked later."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()

    def run() -> None:
        theirs.send(work())

    process = context.Process(target=run)
    process.start()
    result: Figures | float = mine.recv()
    process.join()
    return result


def alone(login: Login, count: int, work: Callable[[Login, int], float]) -> float:
    """Seconds a thing, of so many things in one session."""
    return cast("float", apart(partial(work, login, count)))


def cpu_s() -> float:
    """Processor time of this process and of its children that ended, user's and system's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def raw_cpu(login: Login, count: int) -> float:
    """As `raw`, in processor time, which others on the machine do not change much."""
    before = cpu_s()
    raw(login, count)
    return (cpu_s() - before) / count


def raw(login: Login, count: int) -> float:
    """Generate and wrap, nothing else."""
    with open_session(find_token(open_module(login.module), login.token), login.pin) as session:
        wrapping_key = find_wrapping_key(session)
        before = time.perf_counter()
        for _ in range(count):
            generate_wrapped_key(session, wrapping_key)
        return (time.perf_counter() - before) / count


def unwrap_and_sign(login: Login, count: int) -> float:
    """Unwrap and sign once, nothing else: what the proof of a blob costs at least."""
    with open_session(find_token(open_module(login.module), login.token), login.pin) as session:
        wrapping_key = find_wrapping_key(session)
        keys = [generate_wrapped_key(session, wrapping_key) for _ in range(count)]
        before = time.perf_counter()
        for key in keys:
            sign_digest_with(wrapping_key, key, hashlib.sha256(key.blob).digest())
        return (time.perf_counter() - before) / count


def make_pool(folder: Path, login: Login, count: int, workers: int) -> Figures:
    """A pool of one-key Ethereum addresses, from the first key to the import's last check."""
    order = parse_order(count, WALLET, f"b{workers}", folder / "keys", Proving.ATTESTATION)
    started, used = time.perf_counter(), cpu_s()
    with open_workers(login, workers) as token:
        make_keys(token, order, lambda already: bar(count, already))
        made = time.perf_counter()
        addresses = order_addresses(folder, count)
        plan = load_plan(addresses, {ME: folder / "keys" / LIST_NAME})
        save_durably(
            folder / "proofs", encode_proofs(make_proofs(token, addresses, plan, ME, order.folder, bar(count, 0)))
        )
        proved = time.perf_counter()
        body, content = build_batch(addresses, plan, load_proofs([folder / "proofs"]))
        save_durably(folder / "batch", content)
        check_saved_batch(token, body, folder / "batch", content, bar(count, 0))
    with PersonToken(open_module(login.module), login.token, login.pin) as device:
        envelope = sign_attestation(addresses, body, folder / "envelope", ME, (device.key, device.sign))
    save_durably(folder / "envelope", envelope.encode())
    attested = time.perf_counter()
    return Figures(
        workers=workers,
        cpu=cpu_s() - used,
        make=made - started,
        prove=proved - made,
        attest=attested - proved,
    )


def order_addresses(folder: Path, count: int) -> AddressOrder:
    """The order: every key an address."""
    digest = load_list(folder / "keys" / LIST_NAME, ME)[0]
    return AddressOrder(
        batch=EntryId("entry:bench"),
        chain=ETH_COLD.chain,
        challenge=HexBytes(os.urandom(32)),
        changes=0,
        count=count,
        environment=Environment.DEVELOPMENT,
        first=0,
        format=FORMAT,
        issued_at=datetime.now(UTC),
        lists=(ListOf(digest=digest, terminal=ME),),
        names="",
        organization="bench",
        threshold=1,
        wallet=WALLET,
    )


def load_batch(folder: Path) -> Batch:
    """The batch of a pool, as it left the vault."""
    envelope = parse_envelope_bytes((folder / "envelope").read_bytes())
    body = expect(parse_statement(envelope), AddressAttestation, "attestation").body
    return Batch(body=body, raw=(folder / "batch").read_bytes())


def bar(total: int, already: int) -> Progress:
    """A bar that nobody sees: its cost is part of what is measured."""
    return Progress("bench", total=total, already=already, out=io.StringIO(), manner=Manner.LINES)


def report(count: int, raw_s: float, bare_cpu: float, sign_s: float, pools: list[Figures]) -> None:
    """The table and the file."""
    rows, kept = [], []
    for each in pools:
        steps = [each.make, each.prove, each.attest, each.bring_in, each.whole]
        ratio = round(raw_s * count / each.whole, 2)
        # With nothing but generate, wrap, unwrap and sign, shared out without loss.
        most = round(each.workers * raw_s / (raw_s + sign_s), 2)
        times = round(each.cpu / (bare_cpu * count), 2)
        rows.append([f"{each.workers} workers", *(round(count / step) for step in steps), ratio, most, times])
        kept.append({"cpu_times_raw": times, "most": most, "ratio": ratio, "seconds": steps, "workers": each.workers})
    print(f"raw: generate and wrap {round(1 / raw_s)} a second; unwrap and sign {round(1 / sign_s)} a second")
    head = [
        "keys a second",
        "make",
        "prove",
        "attest",
        "import",
        "whole",
        f"ratio (goal {GOAL})",
        "most possible",
        "processor",
    ]
    print(render_table(head, rows))
    print(save_figures("keys-pool", {"keys": count, "pools": kept, "raw_s": raw_s, "unwrap_and_sign_s": sign_s}))


if __name__ == "__main__":
    main()
