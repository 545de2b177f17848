"""What is measured is what runs: a compiled file that was not made from the source beside it is refused."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.vault.entropy.attest import _load_source

HONEST = b"def draw():\n    return 4\n"
FORGED = b"def draw():\n    return 7\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "measured_module.py"
    path.write_bytes(HONEST)
    yield path
    sys.modules.pop("measured_module", None)


def compile_beside(path: Path, source: bytes) -> None:
    """The compiled file of another source, with the date and size of the one that lies there."""
    lying = path.with_name("lying.py")
    lying.write_bytes(source)
    code = compile(source, str(path), "exec", dont_inherit=True)
    found = path.stat()
    packed = importlib._bootstrap_external._code_to_timestamp_pyc(code, int(found.st_mtime), found.st_size)  # type: ignore[attr-defined]
    cached = Path(importlib.util.cache_from_source(str(path)))
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(packed)


def test_a_module_is_measured_by_its_source(module: Path) -> None:
    assert HONEST == _load_source("measured_module")
    compile_beside(module, HONEST)
    assert HONEST == _load_source("measured_module")


def test_a_swapped_compiled_file_is_refused(module: Path) -> None:
    compile_beside(module, FORGED)
    # It is what Python would have run.
    assert 7 == __import__("measured_module").draw()
    with pytest.raises(RefusedError) as caught:
        _load_source("measured_module")
    assert {Code.ENTROPY_NOT_ATTESTED} == caught.value.codes


def test_a_module_without_its_source_is_refused(module: Path) -> None:
    for name in ("math", "no_such_module"):
        with pytest.raises(RefusedError) as caught:
            _load_source(name)
        assert {Code.ENTROPY_NOT_ATTESTED} == caught.value.codes
    assert module.exists()
