"""Where a worker does one job: its parts on a live connection, and what becomes of a job that cannot be finished.

A refusal is an answer: it is told and the job is done. What did not answer is tried again later, with growing patience.
Anything else is a fault of our own: the job is kept as failed, the SOC is told by the next sweep, and others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strongroom.core.errors import MalformedError, RefusedError, UnavailableError
from strongroom.online.db.connect import Connection, translated_errors
from strongroom.online.jobs import holder, store
from strongroom.online.jobs.store import Place
from strongroom.online.watch.store import open_alert

log = logging.getLogger("strongroom.jobs")
Parts = TypeVar("Parts")


@dataclass(kw_only=True)
class Desk(Generic[Parts]):
    """A worker's parts, built anew when their connection is gone or a fault may have spoiled them.

    program: also the name of its queue. running: the job at hand, as its number in the queue; None between two.
    """

    program: str
    place: Place
    connect: Callable[[], Connection]
    build: Callable[[Connection], Parts]
    running: int | None = None
    done: int = 0
    _open: tuple[Connection, Parts] | None = field(default=None, repr=False)

    def perform(self, job: int | None, task: str, run: Callable[[Parts, str], None], subject: str) -> None:
        """Do one job. Raises what is to be tried again (UnavailableError), or what is our own fault."""
        self.running, began = job, time.monotonic()
        try:
            with translated_errors():
                self._perform(task, run, subject)
        except UnavailableError as error:
            log.warning("%s %s waits: %s", task, subject, error)
            self._drop_if_gone()
            raise
        except BaseException:
            self.drop()
            raise
        finally:
            self.running = None
        self.done += 1
        log.debug("%s %s: %.0f ms", task, subject, 1000 * (time.monotonic() - began))

    def _perform(self, task: str, run: Callable[[Parts, str], None], subject: str) -> None:
        connection, parts = self._live()
        self._check_held(connection)
        store.forget_answered(connection, task, subject)
        try:
            run(parts, subject)
        except (MalformedError, RefusedError) as error:
            log.warning("%s %s refused: %s", task, subject, error)
            open_alert(connection, error.code.value, "high", f"job {task} {subject}".strip(), str(error))

    def _check_held(self, connection: Connection) -> None:
        try:
            holder.check_held(connection, self.program, self.place)
        except RefusedError as error:
            # Not this worker's to do any more: the job goes back, for whoever holds the database now.
            raise UnavailableError(*error.refusals) from error

    def _live(self) -> tuple[Connection, Parts]:
        if self._open is None or self._open[0].closed:
            connection = self.connect()
            self._open = (connection, self.build(connection))
        return self._open

    def _drop_if_gone(self) -> None:
        if self._open is not None and self._open[0].closed:
            self.drop()

    def drop(self) -> None:
        """Forget the parts; the next job gets new ones."""
        if self._open is not None:
            self._open[0].close()
            self._open = None
