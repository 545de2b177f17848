"""What a program is made of: the same files give the same digest anywhere, and any other file gives another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, UnavailableError
from strongroom.devices.measure.environment import Measurement, find_layout, measure_environment
from strongroom.devices.measure.tree import compare_files, encode_listing, parse_listing

from .environments import install, write

PACKAGE = "env/lib/python3.11/site-packages/package"
Change = Callable[[Path], object]


def measure(folder: Path) -> Measurement:
    return measure_environment(find_layout(folder / "env"))


def test_the_same_files_installed_twice_measure_the_same(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "another machine"
    install(one, note="on Monday")
    install(two, note="on Tuesday")
    assert measure(one).digests == measure(two).digests
    assert measure(one).digest == measure(two).digest
    assert ["library", "packages", "python", "scripts", "settings", "source-1", "stdlib"] == list(measure(one).digests)


def test_a_mounted_disk_measures_as_it_does_where_it_belongs(tmp_path: Path) -> None:
    install(tmp_path / "at home")
    here = measure(tmp_path / "at home")
    disk = tmp_path / "mounted"
    shutil.copytree(tmp_path / "at home", disk / (tmp_path / "at home").relative_to("/"), symlinks=True)
    shutil.rmtree(tmp_path / "at home")
    there = measure_environment(find_layout(tmp_path / "at home" / "env", disk))
    assert here.digests == there.digests


CHANGES: tuple[tuple[str, str, Change], ...] = (
    ("a package's line", "packages", lambda f: write(f / PACKAGE / "__init__.py", "main = eval\n")),
    ("a file of the same size", "packages", lambda f: write(f / PACKAGE / "__init__.py", "main = prinT\n")),
    ("a module more", "packages", lambda f: write(f / PACKAGE / "extra.py", "")),
    ("a module less", "packages", lambda f: (f / PACKAGE / "__init__.py").unlink()),
    ("a compiled module beside the sources", "packages", lambda f: write(f / PACKAGE / "extra.pyc", "")),
    ("a .pth that runs", "packages", lambda f: write(f / PACKAGE / "../zz.pth", "import os\n")),
    ("a name of a distribution", "packages", lambda f: write(f / PACKAGE / "../package-1.dist-info/METADATA", "x")),
    ("a note's name elsewhere", "packages", lambda f: write(f / PACKAGE / "RECORD", "")),
    ("a script", "scripts", lambda f: write(f / "env/bin/program", "#!/bin/sh\n")),
    ("another interpreter's script", "scripts", lambda f: write(f / "env/bin/python-helper", "")),
    ("the system's packages let in", "settings", lambda f: append(f / "env/pyvenv.cfg", "include-system = true\n")),
    ("our own source", "source-1", lambda f: write(f / "work/src/ours/program.py", "import os\n")),
    ("the standard library", "stdlib", lambda f: write(f / "python/lib/python3.11/os.py", "name = 'nt'\n")),
    ("a module in front of it", "stdlib", lambda f: write(f / "python/lib/python3.11/lib-dynload/a.py", "")),
    ("the interpreter", "python", lambda f: write(f / "python/bin/python3.11", "other code\n")),
    ("its library", "library", lambda f: write(f / "python/lib/libpython3.11.so.1.0", "other\n")),
    ("everybody may write a file", "packages", lambda f: (f / PACKAGE / "__init__.py").chmod(0o666)),
)


@pytest.mark.parametrize(("root", "change"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_any_change_shows_in_its_root_and_nowhere_else(tmp_path: Path, root: str, change: Change) -> None:
    install(tmp_path)
    before = measure(tmp_path).digests
    change(tmp_path)
    after = measure(tmp_path).digests
    assert [root] == [name for name in before if before[name] != after[name]]


SAME: tuple[tuple[str, Change], ...] = (
    ("compiled files, which a sealed start never reads", lambda f: write(f / PACKAGE / "__pycache__/a.pyc", "x")),
    ("an installer's notes", lambda f: write(f / PACKAGE / "../package-1.dist-info/RECORD", "x")),
    ("another environment's packages", lambda f: write(f / "python/lib/python3.11/site-packages/a.py", "x")),
    ("times", lambda f: os.utime(f / PACKAGE / "__init__.py", (0, 0))),
)


@pytest.mark.parametrize("change", [c[1] for c in SAME], ids=[c[0] for c in SAME])
def test_what_cannot_run_changes_nothing(tmp_path: Path, change: Change) -> None:
    install(tmp_path)
    before = measure(tmp_path).digest
    change(tmp_path)
    assert before == measure(tmp_path).digest


def test_a_link_is_measured_by_what_it_leads_to(tmp_path: Path) -> None:
    install(tmp_path)
    inside, outside = tmp_path / PACKAGE / "__init__.py", tmp_path / "elsewhere.py"
    before = measure(tmp_path).digest
    inside.rename(outside)
    inside.symlink_to(outside)
    assert before == measure(tmp_path).digest
    outside.write_text("main = eval\n")
    assert before != measure(tmp_path).digest


def test_a_loop_of_links_and_what_is_no_file_are_not_measured(tmp_path: Path) -> None:
    install(tmp_path)
    loop = tmp_path / PACKAGE / "loop"
    loop.symlink_to(tmp_path / PACKAGE)
    with pytest.raises(UnavailableError) as caught:
        measure(tmp_path)
    assert {Code.FILE_UNAVAILABLE} == caught.value.codes
    loop.unlink()
    os.mkfifo(tmp_path / PACKAGE / "pipe.py")
    with pytest.raises(UnavailableError):
        measure(tmp_path)
    (tmp_path / PACKAGE / "pipe.py").unlink()
    assert measure(tmp_path).digest


def test_the_list_is_read_back_and_names_what_became_of_each_file(tmp_path: Path) -> None:
    install(tmp_path)
    before = next(root for root in measure(tmp_path).roots if root.name == "packages")
    listing = encode_listing(before.files)
    assert before.files == parse_listing(listing)
    assert b"package/help%20text.txt 8 " in listing
    write(tmp_path / PACKAGE / "__init__.py", "main = eval\n")
    write(tmp_path / PACKAGE / "new.py", "")
    (tmp_path / PACKAGE / "help text.txt").unlink()
    after = next(root for root in measure(tmp_path).roots if root.name == "packages")
    expected = ["changed package/__init__.py", "missing package/help%20text.txt", "added package/new.py"]
    assert expected == list(compare_files(before.files, after.files))
    assert [] == list(compare_files(after.files, after.files))


@pytest.mark.parametrize("raw", [b"a 1\n", b"a 1 " + b"0" * 64 + b" shut\n", b"b 1 " + b"0" * 64])
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_listing(raw)
    assert {Code.FIELD_INVALID} == caught.value.codes


def test_two_pythons_in_one_environment_are_refused(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "env/lib/python3.12/site-packages").mkdir(parents=True)
    with pytest.raises(MalformedError) as caught:
        measure(tmp_path)
    assert {Code.FIELD_INVALID} == caught.value.codes


def append(path: Path, content: str) -> None:
    path.write_text(path.read_text() + content)
