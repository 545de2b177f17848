"""PINs from a pipe and from a terminal without echo."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.vault.ceremony.secrets_in import Question, check_separate_pins, read_secrets
from strongroom.vault.hsm.secret import Secret

OLD, NEW = Question(name="PIN", is_new=False), Question(name="New PIN", is_new=True)


def test_a_pipe_gives_one_a_line_with_or_without_a_last_line_feed() -> None:
    for text in ("first\nsecond\n", "first\nsecond", "first\r\nsecond\r\n"):
        assert ["first", "second"] == [secret.reveal() for secret in read_secrets([OLD, NEW], io.StringIO(text))]


@pytest.mark.parametrize("text", ["", "\n", "first\n", "first\n\n", "first\nsecond\nthird\n", "first\nsec\tond\n"])
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_secrets([OLD, NEW], io.StringIO(text))
    assert Code.FIELD_INVALID in caught.value.codes


def test_two_pins_are_two_pins() -> None:
    check_separate_pins(Secret("officer"), Secret("user"))
    with pytest.raises(RefusedError) as caught:
        check_separate_pins(Secret("officer"), Secret("officer"))
    assert Code.SEPARATION in caught.value.codes


SCRIPT = """
import sys
from strongroom.core.errors import StrongroomError
from strongroom.vault.ceremony.secrets_in import Question, read_secrets
try:
    found = read_secrets([Question(name="PIN", is_new=False), Question(name="New PIN", is_new=True)], sys.stdin)
except StrongroomError as error:
    print(error.code)
else:
    print("lengths", *(len(secret.reveal()) for secret in found))
"""


def type_at_a_terminal(folder: Path, answers: list[tuple[str, str]]) -> str:
    """Run SCRIPT on a pseudo-terminal, answer each prompt when it stands there, and return everything shown."""
    script = folder / "ask.py"
    script.write_text(SCRIPT)
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, str(script)])  # noqa: S606  # The child of a pseudo-terminal.
    shown = ""
    for prompt, answer in answers:
        shown += read_until(terminal, prompt)
        os.write(terminal, answer.encode() + b"\n")
    shown += read_until(terminal, None)
    os.waitpid(child, 0)
    os.close(terminal)
    return shown


def read_until(terminal: int, prompt: str | None) -> str:
    shown = ""
    while prompt is None or not shown.rstrip().endswith(prompt):
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"no {prompt!r} in {shown!r}"
        try:
            read = os.read(terminal, 1024)
        except OSError:
            # Linux says EIO where a pipe would say end of file.
            return shown
        if not read:
            return shown
        shown += read.decode()
    return shown


def test_a_terminal_asks_without_echo_and_new_pins_twice(tmp_path: Path) -> None:
    answers = [("PIN:", "user-4482"), ("New PIN:", "fresh-12345"), ("New PIN, again:", "fresh-12345")]
    shown = type_at_a_terminal(tmp_path, answers)
    assert "lengths 9 11" in shown
    assert "4482" not in shown
    assert "fresh" not in shown


def test_two_new_pins_that_differ_are_refused(tmp_path: Path) -> None:
    answers = [("PIN:", "user-4482"), ("New PIN:", "fresh-12345"), ("New PIN, again:", "fresh-12346")]
    shown = type_at_a_terminal(tmp_path, answers)
    assert "FIELD_INVALID" in shown
    assert "fresh" not in shown
