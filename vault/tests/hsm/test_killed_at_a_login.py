"""The suite's own SIGKILL leaves SoftHSM's tokens whole; a plain one destroys one in five during a login."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pkcs11
from tests.support.softhsm import MODULE_PATH, make_store

LABEL, PIN = "killed", "1234"
PROGRAM = f"""
import pkcs11
token = pkcs11.lib("{MODULE_PATH}").get_token(token_label="{LABEL}")
print("in", flush=True)
while True:
    token.open(rw=True, user_pin="{PIN}").close()
"""


def test_a_program_that_is_killed_while_it_logs_in_leaves_the_token_whole(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.init_token(LABEL, "12345678", PIN)
    choice = random.Random(5)
    for _ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=store.environment(), stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(choice.random() * 0.01)
            store.kill(process.pid)
        store.activate()
        with pkcs11.lib(str(MODULE_PATH)).get_token(token_label=LABEL).open(user_pin=PIN):
            pass
