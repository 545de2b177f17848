"""The platform's side of the benchmarks of keys: a firm on real PostgreSQL that takes batches in."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from batches import Batch, key_entries, sign_batch
from firm import change_register, open_firm
from issued import open_desk
from strongroom.core.attested import parse_line
from strongroom.online.db.bootstrap import prepare_database
from strongroom.online.db.embedded import running_embedded
from strongroom.online.db.roles import make_passwords
from strongroom.online.db.server import Server

BringIn = Callable[[Batch], float]


@contextmanager
def open_platform() -> Iterator[BringIn]:
    """A function that registers a batch's keys, which is not measured, and gives the seconds of importing it.

    The batch is of the wallet `wallets.ETH_COLD`, of keys at the world's terminals, whose device keys sign it here.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strongroom-bench-")))
        folder.chmod(0o755)
        made = stack.enter_context(running_embedded(folder / "postgres", {}))
        server = Server(host=made.host, port=made.port, admin=made.admin, password=made.password, database="postgres")
        database = prepare_database(server, "strongroom_keys", make_passwords())
        with open_firm(folder / "firm", database) as firm, open_desk(firm) as desk:

            def bring_in(batch: Batch) -> float:
                lines = [parse_line(text, "line") for text in batch.lines]
                change_register(firm, "keys", tuple(key_entries(batch, lines).values()))
                statement = sign_batch(batch, firm.world.context, firm.clock())
                before = time.perf_counter()
                imported = desk.take_in(batch, statement)
                taken = time.perf_counter() - before
                if imported.lines != len(lines):
                    raise ValueError(imported)
                return taken

            yield bring_in
