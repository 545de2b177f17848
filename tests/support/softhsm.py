"""A temporary SoftHSM 2 store for tests: real tokens in a folder of their own.

python-pkcs11 loads a module once in a process and SoftHSM reads SOFTHSM2_CONF when it is initialized, so `activate()`
initializes the loaded module anew. That ends every session of this process: one store at a time in one process, with
as many tokens as a test likes. Programs that run as processes of their own get `environment()`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pkcs11

MODULE_PATH = Path("/usr/lib/softhsm/libsofthsm2.so")
"""Where Debian's package puts the module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftHsmStore:
    """One folder of tokens. folder: holds `softhsm2.conf` and `tokens/`."""

    folder: Path

    @property
    def conf(self) -> Path:
        """The configuration file that SOFTHSM2_CONF must name."""
        return self.folder / "softhsm2.conf"

    @property
    def tokens(self) -> Path:
        """The folder with one folder a token; moving it away is pulling the tokens out."""
        return self.folder / "tokens"

    def environment(self) -> dict[str, str]:
        """This process's environment with SOFTHSM2_CONF set, for a child process."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.conf)}

    def activate(self) -> None:
        """Point this process at the store. Every session that it holds ends."""
        os.environ["SOFTHSM2_CONF"] = str(self.conf)
        pkcs11.lib(str(MODULE_PATH)).reinitialize()

    def init_token(self, label: str, so_pin: str, pin: str) -> None:
        """Make a token by SoftHSM's own tool, then let this process see it. Ends this process's sessions."""
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", so_pin, "--pin", pin]
        subprocess.run(command, env=self.environment(), check=True, capture_output=True, timeout=60)
        self.activate()

    def kill(self, process: int) -> None:
        """SIGKILL at any moment but one: while SoftHSM has a file of a token open.

        SoftHSM empties `token.object` at every login and writes it anew, so that a process which dies in between takes
        the whole token with it. No security module does that, and no program of ours could mend it.
        """
        while True:
            os.kill(process, signal.SIGSTOP)
            while _state(process) not in "TZ":
                time.sleep(0.0005)
            if _state(process) == "Z" or not self._is_open_in(process):
                break
            os.kill(process, signal.SIGCONT)
            time.sleep(0.0005)
        os.kill(process, signal.SIGKILL)

    def _is_open_in(self, process: int) -> bool:
        return any(self.tokens in each.readlink().parents for each in Path(f"/proc/{process}/fd").iterdir())


def _state(process: int) -> str:
    # Behind the program's name in brackets.
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def make_store(folder: Path) -> SoftHsmStore:
    """Make an empty store in `folder` and activate it in this process."""
    store = SoftHsmStore(folder=folder)
    store.tokens.mkdir(parents=True)
    store.conf.write_text(f"directories.tokendir = {store.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    store.activate()
    return store
