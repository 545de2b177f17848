"""Pulling a token out: a software token's folder is moved away, a real one is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError
from strongroom.vault.hsm.module import TokenModule


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlug:
    """A software token. folder: where the module keeps it. module: started anew when it is back, as a reader would."""

    folder: Path
    restart: Callable[[], None]

    @property
    def away(self) -> Path:
        """Where the folder is while the token is out."""
        return self.folder.with_name(self.folder.name + ".pulled-out")

    def pull(self) -> None:
        """Move the folder away. Raises UnavailableError FILE_UNAVAILABLE."""
        self._move(self.folder, self.away)

    def insert(self) -> None:
        """Move it back, and let the module look anew."""
        self._move(self.away, self.folder)
        self.restart()

    def _move(self, source: Path, target: Path) -> None:
        try:
            source.rename(target)
        except OSError as error:
            got = type(error).__name__
            raise UnavailableError(
                Refusal(code=Code.FILE_UNAVAILABLE, field=str(source), expected="a folder that can be moved", got=got)
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HandPlug:
    """A real token, pulled out and put back by the person at the terminal."""

    restart: Callable[[], None]

    def pull(self) -> None:
        """Wait until it is out."""
        self._wait("Pull the token out now")

    def insert(self) -> None:
        """Wait until it is back, and let the module look anew."""
        self._wait("Put the token back now")
        self.restart()

    def _wait(self, what: str) -> None:
        sys.stderr.write(f"{what}, then press Enter: ")
        sys.stderr.flush()
        sys.stdin.readline()


def restart_of(module: TokenModule) -> Callable[[], None]:
    """How this module looks anew: python-pkcs11 restarts what it started; what was started with parameters goes on."""
    library = module.library
    return library.reinitialize if library.initialized else (lambda: None)
