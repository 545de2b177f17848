"""Where a PostgreSQL listens and who its administrator is: the one given by `DATABASE_URL`, or an embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from strongroom.online.db.embedded import running_embedded
from strongroom.online.db.secret import Secret
from strongroom.online.db.system_user import unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running PostgreSQL and the login that may make databases and roles in it.

    `extra` are further libpq parameters that every connection shares, such as `sslmode` and `sslrootcert`.
    """

    host: str
    port: int
    admin: str
    password: Secret
    database: str
    extra: tuple[tuple[str, str], ...] = ()

    def build_conninfo(self, database: str, user: str, password: Secret) -> Secret:
        """A libpq connection string; secret, since it holds the password."""
        return Secret(
            make_conninfo(
                **dict(self.extra),
                host=self.host,
                port=self.port,
                dbname=database,
                user=user,
                password=password.reveal(),
            )
        )

    def build_admin_conninfo(self, database: str | None = None) -> Secret:
        """The administrator's connection string, to the maintenance database unless another is named."""
        return self.build_conninfo(database or self.database, self.admin, self.password)


def parse_database_url(url: str) -> Server:
    """Read `DATABASE_URL`. Raises DATABASE_UNAVAILABLE when it names no host or no user."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    missing = [name for name in ("host", "user") if name not in parts]
    if missing:
        raise unavailable("DATABASE_URL", "a host and a user", "no " + " and no ".join(missing))
    admin = parts.pop("user")
    return Server(
        host=parts.pop("host"),
        port=int(parts.pop("port", "5432")),
        admin=admin,
        password=Secret(parts.pop("password", "")),
        database=parts.pop("dbname", admin),
        extra=tuple(parts.items()),
    )


@contextmanager
def running_server(
    environment: Mapping[str, str], folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """The server of `DATABASE_URL` when that is set, else an embedded one on the data in `folder`, stopped at the end.

    settings: PostgreSQL settings for the embedded server only; an outside server is its operator's to set.
    """
    url = environment.get("DATABASE_URL")
    if url:
        yield parse_database_url(url)
        return
    with running_embedded(folder, settings or {}) as embedded:
        yield Server(
            host=embedded.host,
            port=embedded.port,
            admin=embedded.admin,
            password=embedded.password,
            database="postgres",
        )
