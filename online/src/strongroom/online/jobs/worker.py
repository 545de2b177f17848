"""One worker: takes jobs of its program's queue from procrastinate, one at a time, until it is told to stop.

    life    connect, say that we live, take jobs, rescue those of dead workers, look out for what changes outside
    end     a life ends when the database goes away; the next one begins when it is back

A worker may be killed at any moment. Its jobs are found by its missing heartbeat, and done again by another.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.worker import Worker as QueueWorker

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError
from strongroom.online.db.connect import Connection, translated_errors
from strongroom.online.db.secret import Secret
from strongroom.online.jobs import holder, store
from strongroom.online.jobs.desk import Desk, Parts, log
from strongroom.online.jobs.lookout import Lookout
from strongroom.online.jobs.tasks import PERIODS

GONE = (ConnectorException, psycopg.OperationalError, UnavailableError, OSError)
"""What a life may end with and another may begin after. A pool without a connection raises an OperationalError."""
_LONGEST_WAIT_S = 15.0
_POOL_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how patient, in seconds. stalled: a worker silent for so long is dead, and its jobs are taken."""

    look: float
    heartbeat: float = 1.0
    stalled: float = 5.0
    poll: float = 1.0


@dataclass(kw_only=True)
class Side:
    """A second connection, for what goes on beside a job; one thread at a time has it."""

    connect: Callable[[], Connection]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _open: Connection | None = field(default=None, repr=False)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """The connection, made anew when the last one is gone."""
        with self._lock, translated_errors():
            if self._open is None or self._open.closed:
                self._open = self.connect()
            yield self._open

    def close(self) -> None:
        """Close it."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None


class Backoff(procrastinate.BaseRetryStrategy):
    """What did not answer is asked again, after 0.25 s, 0.5 s, 1 s and so on; a refusal is an answer and is not."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        """When to try a job again; None for never."""
        if not isinstance(exception, UnavailableError):
            return None
        wait_s = min(_LONGEST_WAIT_S, 0.25 * 2.0 ** min(job.attempts, 10))
        return procrastinate.RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=wait_s))


@dataclass(kw_only=True)
class Worker(Generic[Parts]):
    """A program's worker. lookouts are of this process alone; every worker has its own."""

    desk: Desk[Parts]
    conninfo: Secret
    tasks: Mapping[str, Callable[[Parts, str], None]]
    lookouts: tuple[Lookout, ...]
    pace: Pace
    parent: int | None = None
    _side: Side = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._side = Side(connect=self.desk.connect)

    @property
    def queue(self) -> str:
        """The queue's name is the program's."""
        return self.desk.program

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; the job at hand is finished first."""
        try:
            asyncio.run(self._run())
        finally:
            self._close()

    def run_until_idle(self) -> None:
        """Work until nothing waits that could be done now."""
        try:
            asyncio.run(self._run_until_idle())
        finally:
            self._close()

    async def _run(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        wait_s = 0.25
        while not stop.is_set():
            began = loop.time()
            try:
                await self._live(stop)
            except GONE as error:
                log.warning("%s: waiting for the database: %s", self.queue, _first_line(error))
                wait_s = 0.25 if loop.time() - began > _LONGEST_WAIT_S else min(2 * wait_s, 2.0)
                await _sleep(stop, wait_s)
        log.info("%s: stopped after %d jobs", self.queue, self.desk.done)

    async def _live(self, stop: asyncio.Event) -> None:
        """One life: until it is stopped, or until one of its parts fails."""
        app = self._build_app()
        async with app.open_async():
            await asyncio.to_thread(self._begin)
            worker = self._build_queue_worker(app, wait=True)
            log.info("%s: process %d at work", self.queue, os.getpid())
            parts = [_run_queue(worker), self._keep_held(), self._rescue(worker)]
            parts += [self._look_out(lookout) for lookout in self.lookouts]
            if self.parent is not None:
                parts.append(_watch_parent(self.parent, stop))
            await _until_first_ends(parts, stop)

    async def _run_until_idle(self) -> None:
        app = self._build_app()
        async with app.open_async():
            await asyncio.to_thread(self._begin)
            await _run_queue(self._build_queue_worker(app, wait=False))

    def _close(self) -> None:
        self.desk.drop()
        self._side.close()

    def _build_app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            conninfo=self.conninfo.reveal(),
            # Procrastinate's statements name no schema.
            kwargs={"options": "-c search_path=jobs", "connect_timeout": int(_POOL_S)},
            min_size=1,
            max_size=4,
            timeout=_POOL_S,
        )
        app = procrastinate.App(connector=connector)
        for name, run in self.tasks.items():
            task = app.task(name=name, queue=self.queue, retry=Backoff(), pass_context=True)(
                self._build_task(name, run)
            )
            if name in PERIODS:
                app.periodic(cron=PERIODS[name], lock=f"{name}:", task_kwargs={"subject": ""})(task)
        return app

    def _build_task(self, name: str, run: Callable[[Parts, str], None]) -> Callable[..., None]:
        def wake_up(context: JobContext, subject: str, timestamp: int = 0) -> None:
            """Do a job. timestamp: of a periodic one; nothing depends on it."""
            del timestamp
            self.desk.perform(context.job.id, name, run, subject)

        return wake_up

    def _build_queue_worker(self, app: procrastinate.App, *, wait: bool) -> QueueWorker:
        return QueueWorker(
            app=app,
            queues=[self.queue],
            concurrency=1,
            wait=wait,
            fetch_job_polling_interval=self.pace.poll,
            abort_job_polling_interval=60.0,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=self.pace.heartbeat,
            stalled_worker_timeout=self.pace.stalled,
        )

    def _begin(self) -> None:
        """Claim the database, and look for all that waits. Raises DATABASE_HELD."""
        with self._side.connected() as connection:
            holder.claim(connection, self.desk.place)
            for name in self.tasks:
                if name in PERIODS and not name.endswith(".pass"):
                    store.wake(connection, name)

    async def _keep_held(self) -> None:
        """Say that this platform lives; end with DATABASE_HELD when another took over."""
        while True:
            await asyncio.to_thread(self._renew)
            await asyncio.sleep(2 * self.pace.heartbeat)

    def _renew(self) -> None:
        with self._side.connected() as connection:
            if not store.renew(connection, self.desk.place):
                holder.check_held(connection, self.desk.program, self.desk.place)

    async def _rescue(self, worker: QueueWorker) -> None:
        """Give back jobs of dead workers, and our own that the queue still counts as taken after we finished them.

        The second happens when the database went away just as a job's end was to be saved: seen twice in a row, this
        life ends, and the next one finds the job among those of a dead worker.
        """
        before: frozenset[int] = frozenset()
        while True:
            await asyncio.sleep(self.pace.stalled / 2)
            taken = await asyncio.to_thread(self._rescue_once, worker.worker_id)
            if before & taken:
                raise UnavailableError(
                    Refusal(code=Code.DATABASE_UNAVAILABLE, field="job", expected="its end is saved", got="it is not")
                )
            before = taken

    def _rescue_once(self, worker_id: int | None) -> frozenset[int]:
        with self._side.connected() as connection:
            for task, subject in store.take_over(connection, self.queue, self.pace.stalled):
                log.warning("%s %s: taken over from a worker that is gone", task, subject)
            if worker_id is None:
                return frozenset()
            running = self.desk.running
            return store.load_doing(connection, worker_id) - ({running} if running is not None else set())

    async def _look_out(self, lookout: Lookout) -> None:
        while True:
            if await asyncio.to_thread(lookout.is_changed):
                await asyncio.to_thread(self._wake_all, lookout)
            await asyncio.sleep(self.pace.look)

    def _wake_all(self, lookout: Lookout) -> None:
        with self._side.connected() as connection:
            for task, subject in lookout.wakes:
                store.wake(connection, task, subject)


async def _run_queue(worker: QueueWorker) -> None:
    """Procrastinate's own loop; cancelled, it finishes the job at hand."""
    await worker.run()  # type: ignore[no-untyped-call]


async def _until_first_ends(parts: list[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run all parts until one ends or we are to stop; then end the others and raise what the first one raised."""
    running: set[asyncio.Task[object]] = {asyncio.create_task(part) for part in (*parts, _wait(stop))}
    ended, others = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for each in ended:
        each.result()


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    """A worker of a crew does not outlive it: nobody would tell it to stop."""
    while os.getppid() == parent and not stop.is_set():
        await _sleep(stop, 0.5)
    stop.set()


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
