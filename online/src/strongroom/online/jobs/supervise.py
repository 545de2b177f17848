"""Several workers of one program: a process each, so that one that dies takes no other with it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from strongroom.online.jobs.desk import log

_BACK_AFTER_S = 0.5


@dataclass(kw_only=True)
class Crew:
    """The processes. body: runs one worker and gives its exit code."""

    body: Callable[[], int]
    children: set[int] = field(default_factory=set)
    stopping: bool = False

    def run(self, count: int) -> int:
        """Start so many, replace who is killed, stop all when one refuses or we are told to; gives the worst code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(count):
            self._start()
        worst = 0
        while self.children:
            child, status = os.waitpid(-1, 0)
            self.children.discard(child)
            code = os.waitstatus_to_exitcode(status)
            if code < 0 and not self.stopping:
                log.warning("worker %d was killed by signal %d; another takes its place", child, -code)
                time.sleep(_BACK_AFTER_S)
                self._start()
            elif code > 0:
                worst = max(worst, code)
                self._stop(signal.SIGTERM, None)
        return worst

    def _start(self) -> None:
        if self.stopping:
            return
        child = os.fork()
        if child == 0:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            code = 5
            try:
                code = self.body()
            finally:
                # Never back into the parent's stack: there would be two parents.
                os._exit(code)
        self.children.add(child)

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopping = True
        for child in self.children:
            os.kill(child, signal.SIGTERM)
