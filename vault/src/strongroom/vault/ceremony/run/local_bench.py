"""A bench of one session in this process: a ceremony has its module loaded already, which would not survive a fork."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

import pkcs11
from pkcs11 import Attribute

from strongroom.vault.ceremony.workers import Bench, TokenFacts, Workers
from strongroom.vault.hsm.module import token_errors
from strongroom.vault.hsm.wrapped_keys import check_unwraps_sealed, find_wrapping_key
from strongroom.vault.self_tests.token import check_token_arithmetic

J = TypeVar("J")
R = TypeVar("R")


class LocalBench(Workers):
    """Does each job itself, as one worker would."""

    def __init__(self, bench: Bench, facts: TokenFacts) -> None:
        super().__init__([], facts)
        self._bench = bench

    def run(self, work: Callable[[Bench, J], R], jobs: Iterable[J]) -> Iterator[R]:
        """The result of each job, in order."""
        for job in jobs:
            yield work(self._bench, job)


def open_local_bench(session: pkcs11.Session, serial: str) -> LocalBench:
    """Try the token as every worker does. Raises KEY_NOT_IN_TOKEN; UnavailableError TOKEN_UNAVAILABLE."""
    check_token_arithmetic(session)
    wrapping_key = find_wrapping_key(session)
    check_unwraps_sealed(session, wrapping_key)
    with token_errors("wrapping key"):
        check = cast("bytes", wrapping_key[Attribute.CHECK_VALUE]).hex()
    return LocalBench(Bench(session=session, wrapping_key=wrapping_key), TokenFacts(serial=serial, check=check))
