"""Known-answer tests at a start: what a program computes with must give the published answers, or it does nothing.

They find a broken library, processor or memory, and a library that was swapped for one that answers wrongly always.
They do not find one that answers wrongly only sometimes: against that, two readings compare every docket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError
from strongroom.devices.measure.judge import Judgement
from strongroom.devices.screens.page import build_line

YES_NO = b"\x01\x00"
"""What `build_verdicts` gives when a verifier is right both times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """One test. name: the algorithm and what is done with it. compute: gives what must equal `expected`."""

    name: str
    expected: bytes
    compute: Callable[[], bytes]


def check_answers(answers: Sequence[KnownAnswer]) -> None:
    """Raise RefusedError SELF_TEST_FAILED for every answer that is wrong, or that ended in an error of any kind."""
    wrong = find_wrong(answers)
    if wrong:
        raise RefusedError(*wrong)


def find_wrong(answers: Sequence[KnownAnswer]) -> tuple[Refusal, ...]:
    """SELF_TEST_FAILED for each answer that is not the published one."""
    return tuple(refusal for answer in answers for refusal in _wrong(answer))


def add_self_tests(judgement: Judgement, answers: Sequence[KnownAnswer]) -> Judgement:
    """The judgement of a start with what its self-tests gave: said before anything else, and refused with the rest."""
    wrong = find_wrong(answers)
    counts = {"right": str(len(answers) - len(wrong)), "total": str(len(answers))}
    line = build_line("Self-tests: {right} of {total} published answers are right.", **counts)
    return replace(judgement, lines=(line, *judgement.lines), refusals=(*wrong, *judgement.refusals))


def build_verdicts(verify: Callable[[bytes], bool], signature: bytes) -> bytes:
    """Yes for the signature and no for one with a bit turned: a verifier that says yes to everything is a fault."""
    turned = signature[:-1] + bytes([signature[-1] ^ 1])
    return bytes([verify(signature), verify(turned)])


def _wrong(answer: KnownAnswer) -> list[Refusal]:
    try:
        got = answer.compute().hex()
    except Exception as error:  # noqa: BLE001  # Whatever a broken library raises, it is not the published answer.
        got = type(error).__name__
    if got == answer.expected.hex():
        return []
    return [Refusal(code=Code.SELF_TEST_FAILED, field=answer.name, expected=answer.expected.hex(), got=got)]
