"""Jobs and holders in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.ids import Digest
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Which platform works on the database, for one program. home: the id in its home's own file."""

    program: str
    root: Digest
    home: str
    host: str
    pid: int
    since: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who wants to work here: the root that two people typed, the home's id, and the process."""

    root: Digest
    home: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCount:
    """Jobs of one task. later: tried again after a while; oldest_s: how long the oldest has waited."""

    queue: str
    task: str
    waiting: int
    later: int
    running: int
    stalled: int
    failed: int
    oldest_s: int
    attempts: int


def wake(connection: Connection, task: str, subject: str = "") -> None:
    """Wake a task for a subject, in the caller's transaction."""
    execute(connection, _QUERIES["wake"], {"task": task, "subject": subject})


def forget_answered(connection: Connection, task: str, subject: str) -> int:
    """Forget the equal jobs that the pass which now begins answers as well; returns how many."""
    return execute(connection, _QUERIES["forget_answered"], {"task": task, "lock": f"{task}:{subject}"})


def take_over(connection: Connection, queue: str, seconds: float) -> tuple[tuple[str, str], ...]:
    """Put jobs back whose worker gave no sign of life for so long; returns task and subject of each."""
    fields = {"queue": queue, "seconds": seconds}
    return load_all(connection, _QUERIES["take_over"], lambda task, subject: (str(task), str(subject)), fields)


def load_doing(connection: Connection, worker: int) -> frozenset[int]:
    """Jobs that a worker has taken, as the queue believes."""
    return frozenset(load_all(connection, _QUERIES["load_doing"], lambda id: int(id), {"worker": worker}))


def load_failed(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Task and subject of jobs of the own queue that ended with a fault."""
    return load_all(connection, _QUERIES["load_failed"], lambda task, subject: (str(task), str(subject)))


def load_overview(connection: Connection, stalled_s: float) -> tuple[TaskCount, ...]:
    """All queues by task."""

    def build(queue: str, task: str, **counts: int) -> TaskCount:
        return TaskCount(queue=queue, task=task, **{name: int(count) for name, count in counts.items()})

    return load_all(connection, _QUERIES["load_overview"], build, {"seconds": stalled_s})


def claim(connection: Connection, place: Place) -> Holder | None:
    """Claim the database for a place; returns the holder that is in the way, None when there is none."""
    return load_first(connection, _QUERIES["claim"], _holder, _fields(place))


def renew(connection: Connection, place: Place) -> bool:
    """A sign of life; False when another platform holds by now."""
    fields = {"root": place.root, "home": place.home}
    return bool(load_first(connection, _QUERIES["renew"], lambda held: bool(held), fields))


def take_from(connection: Connection, old_home: str, place: Place, seconds: float) -> Holder | None:
    """Take over from a holder that gave no sign of life for so long; returns who holds then."""
    fields = {**_fields(place), "from": old_home, "seconds": seconds}
    return load_first(connection, _QUERIES["take_from"], _holder, fields)


def load_holders(connection: Connection) -> tuple[Holder, ...]:
    """Which platform works here, by program."""
    return load_all(connection, _QUERIES["load_holders"], _holder)


def is_holder(connection: Connection, program: str, place: Place) -> bool:
    """Whether this place still holds the database for a program."""
    fields = {"program": program, "root": place.root, "home": place.home}
    return bool(load_first(connection, _QUERIES["is_holder"], lambda held: bool(held), fields))


def sweep_platform(connection: Connection) -> None:
    """Wake the platform's tasks that have something to do."""
    execute(connection, _QUERIES["sweep_platform"])


def sweep_dockets(connection: Connection, states: Sequence[str]) -> None:
    """Wake every docket in one of these states."""
    execute(connection, _QUERIES["sweep_dockets"], {"states": list(states)})


def sweep_subjects(connection: Connection, task: str, subjects: Sequence[str]) -> None:
    """Wake a task for each of these subjects that nobody waits to be woken for."""
    execute(connection, _QUERIES["sweep_subjects"], {"task": task, "subjects": list(subjects)})


def _fields(place: Place) -> dict[str, object]:
    return {"root": place.root, "home": place.home, "host": place.host, "pid": place.pid}


def _holder(program: str, root: str, home: str, host: str, pid: int, since: datetime, seen_at: datetime) -> Holder:
    return Holder(program=program, root=Digest(root), home=home, host=host, pid=int(pid), since=since, seen_at=seen_at)
