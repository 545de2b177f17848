"""One folder as a list of files, and its digest: SHA-256 of the list's text, sorted, one line a file.

A line is `path size sha256`, or `path size sha256 open` where everybody may write the file: that is a difference too.
Links are followed, since Python follows them; owners and times are left out, or no two machines would agree.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.core.ids import Digest

CACHE: Final = "__pycache__"
_BLOCK: Final = 1024 * 1024
_EVERYBODY: Final = stat.S_IWOTH
_LINE: Final = re.compile(r"([!-~]+) (0|[1-9][0-9]{0,15}) ([0-9a-f]{64})( open)?")

Rewrite = Callable[[bytes], bytes]
"""The content of a small file to what is measured of it: without the folder that it was installed in."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MeasuredFile:
    """path: below its root, `/` between names, other bytes than `!` to `~` as %xx. sha256: hex. size: bytes."""

    path: str
    size: int
    sha256: str
    is_open: bool

    @property
    def line(self) -> str:
        """As it stands in the list."""
        return f"{self.path} {self.size} {self.sha256}{' open' if self.is_open else ''}\n"


@dataclass(frozen=True, kw_only=True)
class MeasuredRoot:
    """A named folder, or a single file, with everything in it. files: sorted by path.

    Without slots: thousands of lines are hashed once a process, not for every package that it answers.
    """

    name: str
    files: tuple[MeasuredFile, ...]

    @cached_property
    def digest(self) -> Digest:
        """What a release manifest says of it."""
        return digest_of(encode_listing(self.files))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a folder is measured. skips: asked for every path below the root, of a folder with `/` at its end.

    rewrites: for files whose content names the folder that they stand in; None leaves the file as it is.
    """

    skips: Callable[[str], bool]
    rewrites: Callable[[str], Rewrite | None]


def measure_tree(name: str, top: Path, selection: Selection) -> MeasuredRoot:
    """Measure a folder or one file. Raises UnavailableError FILE_UNAVAILABLE for what cannot be read or is no file."""
    found = _measure_file(top, top.name, None) if top.is_file() else None
    files = (found,) if found else tuple(sorted(_walk(top, "", selection, frozenset())))
    return MeasuredRoot(name=name, files=files)


def encode_listing(files: Iterable[MeasuredFile]) -> bytes:
    """The list as text, in ASCII."""
    return "".join(each.line for each in sorted(files)).encode("ascii")


def parse_listing(raw: bytes) -> tuple[MeasuredFile, ...]:
    """The list again. Raises FIELD_INVALID for anything that `encode_listing` does not write."""
    files = []
    for line in raw.decode("ascii", errors="replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise malformed(Code.FIELD_INVALID, "listing", "path, size, digest", line[:100])
        path, size, sha256, is_open = found.groups()
        files.append(MeasuredFile(path=path, size=int(size), sha256=sha256, is_open=is_open is not None))
    if encode_listing(files) != raw:
        raise malformed(Code.FIELD_INVALID, "listing", "sorted lines", "another order")
    return tuple(files)


def digest_of(listing: bytes) -> Digest:
    """The digest of a list's text."""
    return Digest("sha256:" + hashlib.sha256(listing).hexdigest())


def compare_files(known: Iterable[MeasuredFile], found: Iterable[MeasuredFile]) -> Iterator[str]:
    """What became of each file that is not as it was: `changed`, `added` or `missing`, and its path; sorted by path."""
    before = _by_path(known)
    after = _by_path(found)
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            yield f"added {path}"
        elif path not in after:
            yield f"missing {path}"
        elif before[path] != after[path]:
            yield f"changed {path}"


def _by_path(files: Iterable[MeasuredFile]) -> Mapping[str, MeasuredFile]:
    return {each.path: each for each in files}


def _walk(folder: Path, prefix: str, selection: Selection, above: frozenset[str]) -> Iterator[MeasuredFile]:
    here = os.path.realpath(folder)
    if here in above:
        raise _unavailable(folder, "a folder that does not contain itself", "a loop of links")
    for entry in _entries(folder):
        path = prefix + _quote(entry.name)
        if entry.is_dir():
            if not selection.skips(f"{path}/"):
                yield from _walk(Path(entry.path), f"{path}/", selection, above | {here})
        elif not selection.skips(path):
            yield _measure_file(Path(entry.path), path, selection.rewrites(path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise _unavailable(folder, "a folder that can be read", str(error.strerror)) from error


def _measure_file(file: Path, path: str, rewrite: Rewrite | None) -> MeasuredFile:
    try:
        # Not blocking: a pipe under a package's name would hold the start for ever.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unavailable(file, "a file that can be read", str(error.strerror)) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _unavailable(file, "a regular file", stat.filemode(facts.st_mode))
        size, digest = _hash_rewritten(descriptor, rewrite) if rewrite else _hash(descriptor)
    except OSError as error:
        raise _unavailable(file, "a file that can be read", str(error.strerror)) from error
    finally:
        os.close(descriptor)
    return MeasuredFile(path=path, size=size, sha256=digest, is_open=bool(facts.st_mode & _EVERYBODY))


def _hash(descriptor: int) -> tuple[int, str]:
    hashed, size = hashlib.sha256(), 0
    while block := os.read(descriptor, _BLOCK):
        hashed.update(block)
        size += len(block)
    return size, hashed.hexdigest()


def _hash_rewritten(descriptor: int, rewrite: Rewrite) -> tuple[int, str]:
    content = bytearray()
    while block := os.read(descriptor, _BLOCK):
        content += block
    changed = rewrite(bytes(content))
    return len(changed), hashlib.sha256(changed).hexdigest()


def _quote(name: str) -> str:
    """A name in printable ASCII, so that a list has one line a file, whatever somebody calls a file."""
    return "".join(chr(b) if 0x20 < b < 0x7F and b != 0x25 else f"%{b:02x}" for b in os.fsencode(name))


def _unavailable(path: Path, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got))
