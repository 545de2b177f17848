"""A worker and its jobs: a refusal is an answer, what does not answer is asked again, our own faults stop nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, UnavailableError, refused
from strongroom.core.ids import Digest
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection, connect, open_connection
from strongroom.online.db.roles import Role
from strongroom.online.jobs import holder, store
from strongroom.online.jobs.desk import Desk
from strongroom.online.jobs.store import Place
from strongroom.online.jobs.tasks import tell_failed
from strongroom.online.jobs.worker import Backoff, Pace, Worker

PLACE = Place(root=Digest("sha256:" + "1" * 64), home="home-a", host="host-a", pid=1)
PACE = Pace(look=0.05, heartbeat=0.2, stalled=1.0, poll=0.2)


@dataclass(kw_only=True)
class Bench:
    """A worker with one task of the test's own. done: subjects, in order. built: how often its parts were built."""

    database: Database
    act: Callable[[Connection, str], None] = lambda _connection, _subject: None
    done: list[str] = field(default_factory=list)
    built: int = 0

    def run(self) -> None:
        """Work until nothing waits."""

        def build(connection: Connection) -> Connection:
            self.built += 1
            return connection

        def task(connection: Connection, subject: str) -> None:
            self.done.append(subject)
            self.act(connection, subject)

        conninfo = self.database.conninfo(Role.PLATFORM)
        desk = Desk(program="platform", place=PLACE, connect=lambda: open_connection(conninfo), build=build)
        tasks = {"platform.task": task}
        Worker(desk=desk, conninfo=conninfo, tasks=tasks, lookouts=(), pace=PACE).run_until_idle()

    def wake(self, *subjects: str) -> None:
        """Wake the task."""
        with connect(self.database.conninfo(Role.PLATFORM)) as connection:
            for subject in subjects:
                store.wake(connection, "platform.task", subject)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Look into the database."""
        with connect(self.database.admin_conninfo()) as admin:
            return admin.execute(statement.encode()).fetchall()


@pytest.fixture
def bench(database: Database) -> Bench:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        holder.claim(connection, PLACE)
    return Bench(database=database)


def test_jobs_are_done_in_order_and_equal_ones_once(bench: Bench) -> None:
    bench.wake("a", "b", "a", "a")
    bench.run()
    assert ["a", "b"] == bench.done
    assert [] == bench.query("select * from jobs.overview")


def test_what_changes_while_a_job_runs_is_done_afterwards(bench: Bench) -> None:
    def act(_connection: Connection, _subject: str) -> None:
        if len(bench.done) == 1:
            bench.wake("a")

    bench.act = act
    bench.wake("a")
    bench.run()
    assert ["a", "a"] == bench.done


def test_a_refusal_is_an_answer_and_the_soc_is_told(bench: Bench) -> None:
    def act(_connection: Connection, subject: str) -> None:
        if subject == "bad":
            raise refused(Code.FROZEN, "freezes", "none", "one")

    bench.act = act
    bench.wake("bad", "good")
    bench.run()
    assert ["bad", "good"] == bench.done
    assert [] == bench.query("select * from jobs.overview")
    assert [("FROZEN", "job platform.task bad")] == bench.query("select code, subject from watch.alerts")


def test_what_does_not_answer_is_asked_again_later(bench: Bench) -> None:
    def act(_connection: Connection, subject: str) -> None:
        if subject == "away":
            raise UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field="node", expected="an answer"))

    bench.act = act
    bench.wake("away", "good")
    bench.run()
    assert ["away", "good"] == bench.done
    assert [("away", "todo", 1, True)] == bench.query(
        "select subject, status, attempts, scheduled_at > now() - interval '1 second' from jobs.overview"
    )
    assert [] == bench.query("select * from watch.alerts")


def test_patience_grows_and_only_for_what_did_not_answer() -> None:
    def wait_s(attempts: int, error: BaseException) -> float | None:
        decision = Backoff().get_retry_decision(exception=error, job=SimpleNamespace(attempts=attempts))  # type: ignore[arg-type]
        if decision is None or decision.retry_at is None:
            return None
        return (decision.retry_at - datetime.now(UTC)) / timedelta(seconds=1)

    away = UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field="node", expected="an answer"))
    waits = [wait_s(n, away) for n in (0, 1, 2, 3, 50)]
    assert [0.25, 0.5, 1.0, 2.0, 15.0] == [round(w, 1) if w > 0.4 else round(w, 2) for w in waits if w is not None]
    assert wait_s(0, InvariantError(Refusal(code=Code.INVARIANT, field="x"))) is None
    assert wait_s(0, ZeroDivisionError()) is None


def test_a_poisoned_job_is_kept_told_and_stops_nobody_else(bench: Bench) -> None:
    def act(_connection: Connection, subject: str) -> None:
        if subject == "poison":
            raise ZeroDivisionError

    bench.act = act
    bench.wake("poison", "good")
    bench.run()
    assert ["poison", "good"] == bench.done
    assert [("poison", "failed")] == bench.query("select subject, status from jobs.overview")
    # What it may have spoiled is not used again.
    assert 2 == bench.built
    with connect(bench.database.conninfo(Role.PLATFORM)) as connection:
        tell_failed(connection)
        tell_failed(connection)
    assert [(Code.JOB_FAILED.value, "job platform.task poison")] == bench.query(
        "select code, subject from watch.alerts"
    )
    # Once the fault is mended, the next pass clears it away.
    bench.act = lambda _connection, _subject: None
    bench.wake("poison")
    bench.run()
    assert [] == bench.query("select * from jobs.overview")


@pytest.mark.parametrize(
    ("task", "args"),
    [("platform.unknown", '{"subject": ""}'), ("platform.task", '{"amount": "1"}'), ("platform.task", "{}")],
)
def test_a_forged_job_does_nothing_and_is_kept(bench: Bench, task: str, args: str) -> None:
    with connect(bench.database.conninfo(Role.PLATFORM)) as connection:
        connection.execute(
            "insert into jobs.procrastinate_jobs (queue_name, task_name, args) values ('platform', %s, %s)",
            [task, args],
        )
    bench.wake("good")
    bench.run()
    assert ["good"] == bench.done
    assert [(task, "failed")] == bench.query("select task, status from jobs.overview")


def test_a_job_of_a_dead_worker_is_taken_over_and_one_of_a_living_is_not(bench: Bench) -> None:
    bench.wake("of the dead", "of the living")
    with connect(bench.database.conninfo(Role.PLATFORM)) as connection:
        dead, living = (
            connection.execute("select * from jobs.procrastinate_register_worker_v1()").fetchall()[0][0] for _ in "12"
        )
        for worker in (dead, living):
            connection.execute("select jobs.procrastinate_fetch_job_v2(array['platform'], %s)", [worker])
        connection.execute(
            "update jobs.procrastinate_workers set last_heartbeat = now() - interval '1 minute' where id = %s", [dead]
        )
        stalled = {c.task: (c.running, c.stalled) for c in store.load_overview(connection, 5.0)}
        assert {"platform.task": (1, 1)} == stalled
        assert (("platform.task", "of the dead"),) == store.take_over(connection, "platform", 5.0)
        assert () == store.take_over(connection, "platform", 5.0)
    bench.run()
    assert ["of the dead"] == bench.done


def test_a_platform_that_was_taken_over_from_does_no_job(bench: Bench) -> None:
    with connect(bench.database.conninfo(Role.PLATFORM)) as connection:
        other = Place(root=PLACE.root, home="home-b", host="host-b", pid=2)
        holder.take_over(connection, PLACE.home, other, dead_after_s=0)
    bench.wake("a")
    with pytest.raises(RefusedError) as caught:
        bench.run()
    assert Code.DATABASE_HELD in caught.value.codes
    assert [] == bench.done
    assert [("a", "todo")] == bench.query("select subject, status from jobs.overview")


def test_a_worker_that_learns_of_it_between_two_jobs_gives_the_job_back(bench: Bench) -> None:
    def act(connection: Connection, _subject: str) -> None:
        other = Place(root=PLACE.root, home="home-b", host="host-b", pid=2)
        holder.take_over(connection, PLACE.home, other, dead_after_s=0)

    bench.act = act
    bench.wake("a", "b")
    bench.run()
    assert ["a"] == bench.done
    assert [("b", "todo")] == bench.query("select subject, status from jobs.overview")
