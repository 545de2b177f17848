"""The roots of one program: its packages, its scripts, the source folders that they name, and its Python.

Found by reading the environment's files, never by running it: so the terminal measures itself and another machine
measures the terminal's disk with the same code. Left out, and said so in docs/adr/0028: the system's own libraries, the
kernel, and the PKCS#11 module, which belong to the machine's image; and files of an installer that nothing runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.core.ids import Digest
from strongroom.devices.measure.tree import CACHE, MeasuredRoot, Rewrite, Selection, digest_of, measure_tree

LIBRARY: Final = "library"
PACKAGES: Final = "packages"
PYTHON: Final = "python"
SCRIPTS: Final = "scripts"
SETTINGS: Final = "settings"
STDLIB: Final = "stdlib"
_MAX_REWRITTEN: Final = 64 * 1024
_NOTES: Final = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"})
"""What an installer writes down for itself below `*.dist-info/`: names of folders, times; no program reads it."""
_NOTE: Final = re.compile(r"[^/]+\.dist-info/([^/]+)")
_HOME: Final = re.compile(r"^home *= *(.+)$", re.MULTILINE)
_VERSION: Final = re.compile(r"python3\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a program's parts are. sources: folders that the packages' .pth files name, in the order of their names.

    places: what the program itself calls its folders, and their names in what is measured; see `_without_folders`.
    """

    prefix: Path
    packages: Path
    python: Path
    stdlib: Path
    sources: tuple[Path, ...]
    places: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything that a program can import. roots: sorted by name."""

    roots: tuple[MeasuredRoot, ...]

    @property
    def digests(self) -> Mapping[str, Digest]:
        """By name of the root."""
        return {root.name: root.digest for root in self.roots}

    @property
    def digest(self) -> Digest:
        """One for all: what people compare by eye."""
        return combine(self.digests)


def _is_no_library(path: str) -> bool:
    return re.fullmatch(r"libpython3[^/]*\.so[0-9.]*", path) is None


_LIBRARY: Final = Selection(skips=_is_no_library, rewrites=lambda _: None)
"""Where Python is built with a shared library, the interpreter's file is only a door to it."""


def combine(digests: Mapping[str, Digest]) -> Digest:
    """One digest of several roots' digests: of their lines `name digest`, sorted."""
    return digest_of("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode("ascii"))


def find_layout(prefix: Path, disk: Path = Path("/")) -> Layout:
    """Read where a virtual environment has its parts. Raises UnavailableError FILE_UNAVAILABLE, FIELD_INVALID.

    prefix: absolute, as the program knows it. disk: where the disk that it is on is mounted, when that is another's.
    """
    settings = _read(_on(disk, prefix) / "pyvenv.cfg")
    home = _HOME.search(settings)
    if home is None or not Path(home[1]).is_absolute():
        raise malformed(Code.FIELD_INVALID, f"{prefix}/pyvenv.cfg", "home = FOLDER", "no such line")
    folders = sorted(each for each in _on(disk, prefix).glob("lib/python3.*/site-packages") if each.is_dir())
    if len(folders) != 1:
        # With two of them it would depend on the interpreter which one counts.
        raise malformed(Code.FIELD_INVALID, f"{prefix}/lib", "one Python's site-packages", f"{len(folders)} of them")
    version, programs = folders[0].parent.name, Path(home[1])
    sources = tuple(_find_sources(folders[0], disk))
    places = {str(prefix): "prefix", str(programs): "python"}
    return Layout(
        prefix=_on(disk, prefix),
        packages=folders[0],
        python=_on(disk, programs) / version,
        stdlib=_on(disk, programs).parent / "lib" / version,
        sources=tuple(_on(disk, source) for source in sources),
        places=places | {str(source): f"source-{n}" for n, source in enumerate(sources, start=1)},
    )


def measure_environment(layout: Layout) -> Measurement:
    """Measure every root. Raises UnavailableError FILE_UNAVAILABLE for what cannot be read."""
    rewrite = _without_folders(layout)
    everything = Selection(skips=_is_cache, rewrites=lambda _: None)
    rewritten = Selection(skips=_is_cache, rewrites=lambda _: rewrite)
    packages = Selection(skips=_is_note, rewrites=lambda path: rewrite if path.endswith(".pth") else None)
    stdlib = Selection(skips=_is_elsewhere, rewrites=lambda _: None)
    roots = [
        measure_tree(PACKAGES, layout.packages, packages),
        measure_tree(PYTHON, layout.python, everything),
        measure_tree(SCRIPTS, layout.prefix / "bin", _scripts(rewritten)),
        _measure_settings(layout, rewritten),
        measure_tree(STDLIB, layout.stdlib, stdlib),
    ]
    if layout.python.parent.parent.joinpath("lib").is_dir():
        roots.append(measure_tree(LIBRARY, layout.python.parent.parent / "lib", _LIBRARY))
    roots += [measure_tree(f"source-{n}", folder, everything) for n, folder in enumerate(layout.sources, start=1)]
    return Measurement(roots=tuple(sorted(roots, key=lambda root: root.name)))


def _measure_settings(layout: Layout, selection: Selection) -> MeasuredRoot:
    """`pyvenv.cfg` alone: it says which Python runs, and whether the system's packages are let in."""
    only = Selection(skips=lambda path: path != "pyvenv.cfg", rewrites=selection.rewrites)
    return measure_tree(SETTINGS, layout.prefix, only)


def _scripts(selection: Selection) -> Selection:
    """Python's own names in `bin/` are links to the interpreter, which is a root of its own."""
    return Selection(
        skips=lambda path: _is_cache(path) or re.fullmatch(r"python[0-9.]*", path) is not None,
        rewrites=selection.rewrites,
    )


def _is_cache(path: str) -> bool:
    """Compiled files are never read by a sealed start (`start.py`), and an unsealed one is refused."""
    return path.endswith(f"{CACHE}/")


def _is_note(path: str) -> bool:
    found = _NOTE.fullmatch(path)
    return _is_cache(path) or (found is not None and found[1] in _NOTES)


def _is_elsewhere(path: str) -> bool:
    """Of the interpreter's own folder: another environment's packages, which a virtual environment does not see."""
    return _is_cache(path) or path in {"site-packages/", "dist-packages/"}


def _find_sources(packages: Path, disk: Path) -> Iterator[Path]:
    """Folders that .pth files put on the path; lines that begin with `import` run, and the file is measured itself."""
    for file in sorted(packages.glob("*.pth")):
        for line in _read(file).splitlines():
            folder = Path(line)
            if not line or line.startswith(("#", "import ", "import\t")) or not _on(disk, folder, packages).is_dir():
                continue
            # A relative one is not taken out of any text, and is where it is on every machine.
            yield folder if folder.is_absolute() else Path("/") / (packages / folder).relative_to(disk)


def _on(disk: Path, folder: Path, beside: Path = Path("/")) -> Path:
    """Where a folder is that a program on that disk calls so. beside: what a relative one is relative to."""
    return disk / folder.relative_to("/") if folder.is_absolute() else beside / folder


def _without_folders(layout: Layout) -> Rewrite:
    """Take the place of installation out of scripts, settings and .pth files, or no two machines would agree."""

    def rewrite(content: bytes) -> bytes:
        if b"\0" in content or len(content) > _MAX_REWRITTEN:
            # The mark of a taken-out folder is a zero byte, and no text holds one: nothing else can look like it.
            return content
        for place in sorted(layout.places, key=len, reverse=True):
            content = content.replace(place.encode(), f"\0{layout.places[place]}\0".encode())
        return content

    return rewrite


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(
            Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a text file", got=str(error))
        ) from error
