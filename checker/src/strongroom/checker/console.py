"""What the three programs share on a plain console: exit codes, refusals in words and in JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum

from strongroom.checker.reading.refusals import DocketRefusedError
from strongroom.core.codes import CODES, Code
from strongroom.core.errors import Refusal, StrongroomError, UnavailableError
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import Translate


class Exit(IntEnum):
    """What a program tells its caller."""

    DONE = 0
    REFUSED = 3
    USAGE = 2
    UNAVAILABLE = 4


EXIT_CODES = """exit codes:
  0  done: everything held
  2  wrong usage, or a file or folder that cannot be read or written
  3  refused; the reasons are printed
  4  a node, or this device's own memory, is not available; nothing is lost, run the same command again
"""


def say(text: str = "") -> None:
    """Print a line for a human or a program that reads our output."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """Print a line about what went wrong."""
    sys.stderr.write(text + "\n")


def render_refusals(refusals: Sequence[Refusal], translate: Translate = english) -> Iterator[str]:
    """Lines that say what is wrong, where, both values, what it means and what to do."""
    for refusal in refusals:
        entry = CODES[refusal.code]
        yield f"  {refusal.code.value}"
        yield translate("    where     {value}").format(value=refusal.field)
        if refusal.expected or refusal.got:
            nothing = translate("nothing")
            yield translate("    expected  {value}").format(value=refusal.expected or nothing)
            yield translate("    got       {value}").format(value=refusal.got or nothing)
        yield translate("    means     {value}.").format(value=translate(entry.meaning).rstrip("."))
        yield translate("    next      {value}").format(value=translate(entry.remedy))


def refusal_json(refusal: Refusal) -> dict[str, str]:
    """A refusal for machines, with its meaning."""
    entry = CODES[refusal.code]
    return {**refusal.as_json(), "meaning": entry.meaning, "remedy": entry.remedy}


def print_json(value: Mapping[str, object]) -> None:
    """One JSON object on one line."""
    say(json.dumps(value, ensure_ascii=False, sort_keys=True))


def run_guarded(work: Callable[[], Exit], *, as_json: bool, translate: Translate = english) -> Exit:
    """Run a command and turn its refusals into words and an exit code. Errors of ours pass through with their trace."""
    try:
        return work()
    except UnavailableError as error:
        code = Exit.USAGE if error.codes == {Code.FILE_UNAVAILABLE} else Exit.UNAVAILABLE
        return _report(error, "UNAVAILABLE", code, None if as_json else translate)
    except StrongroomError as error:
        return _report(error, "REFUSED", Exit.REFUSED, None if as_json else translate)


def _report(error: StrongroomError, outcome: str, code: Exit, translate: Translate | None) -> Exit:
    """translate: None for a machine, which reads JSON."""
    stage = error.stage.name if isinstance(error, DocketRefusedError) else None
    if translate is None:
        refusals = [refusal_json(each) for each in error.refusals]
        print_json({"outcome": outcome, "refusals": refusals, **({"stage": stage} if stage else {})})
    else:
        complain(outcome + (f" at {stage}" if stage else ""))
        for line in render_refusals(error.refusals, translate):
            complain(line)
    return code
