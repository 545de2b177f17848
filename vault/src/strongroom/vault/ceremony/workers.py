"""Several processes that each have a session of their own with one token: real modules serve many at once.

They are forked before this process loads the module, because a module does not survive a fork. The PIN is in memory
already and stays there: it is never written to a pipe. A worker ends when the pipe to it closes, so killing the
program leaves none behind. Jobs are handed out in turn and results come back in the order of the jobs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeVar, cast

import pkcs11
from pkcs11 import Attribute

from strongroom.core.codes import Code
from strongroom.core.errors import (
    InvariantError,
    MalformedError,
    Refusal,
    RefusedError,
    StrongroomError,
    UnavailableError,
)
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.module import find_token, open_module, open_session, serial_of, token_errors
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import check_unwraps_sealed, find_wrapping_key
from strongroom.vault.self_tests.token import check_token_arithmetic

MAX_WORKERS: Final = 16
_AHEAD: Final = 2
"""Jobs that wait in each worker's pipe, so that it never idles while this process writes."""
_KINDS: Final[tuple[type[StrongroomError], ...]] = (MalformedError, RefusedError, UnavailableError, InvariantError)

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Which token, by which module, and its user's PIN."""

    module: Path
    token: str
    pin: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a job works with: one session, and the wrapping key, tried and found to unwrap nothing readable."""

    session: pkcs11.Session
    wrapping_key: WrappingKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """The token that all workers opened: its serial number, and its wrapping key's check value in hex."""

    serial: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """An error on its way between processes, as what it is made from."""

    kind: int
    refusals: tuple[Refusal, ...]


class Workers:
    """A few workers, ready. facts: of the token that they opened."""

    def __init__(self, pipes: list[Connection], facts: TokenFacts) -> None:
        self._pipes = pipes
        self.facts = facts

    def run(self, work: Callable[[Bench, J], R], jobs: Iterable[J]) -> Iterator[R]:
        """The result of each job, in order. work: a function of a module, which is what a worker can find by its name.

        Raises what the work raised, as the same error; UnavailableError TOKEN_UNAVAILABLE when a worker died.
        """
        waiting: deque[Connection] = deque()
        for number, job in enumerate(jobs):
            pipe = self._pipes[number % len(self._pipes)]
            if len(waiting) == _AHEAD * len(self._pipes):
                yield cast("R", _receive(waiting.popleft()))
            _send(pipe, (work, job))
            waiting.append(pipe)
        while waiting:
            yield cast("R", _receive(waiting.popleft()))


@contextmanager
def open_workers(login: Login, count: int) -> Iterator[Workers]:
    """Start workers, each logged in, and end them afterwards.

    Raises FIELD_INVALID for none or too many; PIN_WRONG, KEY_NOT_IN_TOKEN; UnavailableError TOKEN_UNAVAILABLE. The
    first worker logs in alone: five of them with a wrong PIN would be five wrong attempts.
    """
    if not 1 <= count <= MAX_WORKERS:
        raise MalformedError(
            Refusal(code=Code.FIELD_INVALID, field="workers", expected=f"1 to {MAX_WORKERS}", got=str(count))
        )
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    try:
        facts = None
        for _ in range(count):
            processes.append(_start(login, pipes))
            facts = cast("TokenFacts", _receive(pipes[-1]))
        if facts is not None:
            yield Workers(pipes, facts)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join()


def _start(login: Login, pipes: list[Connection]) -> BaseProcess:
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(login, theirs, [*pipes, mine]), daemon=True)
    process.start()
    theirs.close()
    pipes.append(mine)
    return process


def _serve(login: Login, pipe: Connection, foreign: list[Connection]) -> None:
    """A worker's life: log in, answer jobs, end when nobody is at the other end."""
    # Whoever stops the program stops the parent; the pipe tells the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in foreign:
        # An inherited end would keep another worker's pipe open after the parent is gone.
        each.close()
    try:
        _work(login, pipe)
    except (EOFError, OSError):
        # The parent is gone, and with it whoever wanted the result. Nothing of ours is to be tidied up by exit hooks.
        os._exit(0)


def _work(login: Login, pipe: Connection) -> None:
    try:
        token = find_token(open_module(login.module), login.token)
        with open_session(token, login.pin) as session:
            check_token_arithmetic(session)
            wrapping_key = find_wrapping_key(session)
            check_unwraps_sealed(session, wrapping_key)
            with token_errors(f"token {login.token!r}"):
                check = cast("bytes", wrapping_key[Attribute.CHECK_VALUE]).hex()
            pipe.send(TokenFacts(serial=serial_of(token), check=check))
            _answer(Bench(session=session, wrapping_key=wrapping_key), pipe)
    except StrongroomError as error:
        # Also the error of closing the session of a token that is gone, which nobody may be there to hear.
        pipe.send(_trouble_of(error))


def _answer(bench: Bench, pipe: Connection) -> None:
    while True:
        work, job = pipe.recv()
        try:
            result = work(bench, job)
        except StrongroomError as error:
            result = _trouble_of(error)
        pipe.send(result)


def _trouble_of(error: StrongroomError) -> _Trouble:
    kind = next((n for n, each in enumerate(_KINDS) if isinstance(error, each)), len(_KINDS) - 1)
    return _Trouble(kind=kind, refusals=error.refusals)


def _send(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError as error:
        raise _died() from error


def _receive(pipe: Connection) -> object:
    try:
        answer = pipe.recv()
    except (EOFError, OSError) as error:
        raise _died() from error
    if isinstance(answer, _Trouble):
        raise _KINDS[answer.kind](*answer.refusals)
    return answer


def _died() -> UnavailableError:
    return UnavailableError(
        Refusal(code=Code.TOKEN_UNAVAILABLE, field="worker", expected="an answer", got="the end of the process")
    )
