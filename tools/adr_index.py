"""Writes the index of the architecture decision records, or checks it.

`python tools/adr_index.py` writes docs/adr/README.md; `--check` changes nothing and fails when the index is old, a
number is missing or used twice, or a record lacks its title, status or date. A record begins as a copy of template.md.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "adr"

_FILE_NAME = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
_TITLE = re.compile(r"# (\d{4}): (.+)")
_STATUS = re.compile(r"- Status: (accepted|replaced by \d{4})")
_DATE = re.compile(r"- Date: (\d{4}-\d{2}-\d{2})")

_HEADING = """# Decisions

What was decided, why, and the price that we accept for it. A record is never rewritten: a new one replaces it.
Made by `python tools/adr_index.py`; to begin a record, copy [template.md](template.md).

| Number | Decision | Status | Date |
|---|---|---|---|
"""


class AdrError(Exception):
    """A record or the index is not as it must be; the message says which and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One decision. status: `accepted`, or `replaced by NNNN`. date: YYYY-MM-DD."""

    file: str
    number: int
    title: str
    status: str
    date: str


def parse_record(path: Path) -> Record:
    """Read the head of one record. Raises AdrError when a line of it is missing."""
    name = _FILE_NAME.fullmatch(path.name)
    if name is None:
        raise AdrError(f"{path.name}: a record is called NNNN-words-like-this.md")
    lines = path.read_text(encoding="utf-8").splitlines()
    title = _TITLE.fullmatch(lines[0]) if lines else None
    if title is None or title[1] != name[1]:
        raise AdrError(f"{path.name}: the first line is '# {name[1]}: the decision in a few words'")
    found = {field: [m for line in lines if (m := field.fullmatch(line))] for field in (_STATUS, _DATE)}
    if any(len(matches) != 1 for matches in found.values()):
        raise AdrError(
            f"{path.name}: needs one line '- Status: accepted' (or 'replaced by NNNN') and one '- Date: YYYY-MM-DD'"
        )
    return Record(
        file=path.name, number=int(name[1]), title=title[2], status=found[_STATUS][0][1], date=found[_DATE][0][1]
    )


def load_records(folder: Path) -> tuple[Record, ...]:
    """All records in order. Raises AdrError when a number is missing or used twice."""
    files = sorted(path for path in folder.glob("*.md") if path.name not in {"README.md", "template.md"})
    records = tuple(parse_record(path) for path in files)
    for expected, record in enumerate(records, 1):
        if record.number != expected:
            raise AdrError(f"{record.file}: number {expected:04} is expected here; numbers have no gap and no twin")
    return records


def render_index(records: tuple[Record, ...]) -> str:
    """The index as Markdown."""
    rows = (f"| {r.number:04} | [{r.title}]({r.file}) | {r.status} | {r.date} |\n" for r in records)
    return _HEADING + "".join(rows)


def check_index(folder: Path) -> None:
    """Raise AdrError when the index is not what the records give."""
    index = folder / "README.md"
    if not index.is_file() or index.read_text(encoding="utf-8") != render_index(load_records(folder)):
        raise AdrError("docs/adr/README.md is old; run: python tools/adr_index.py")


def main(arguments: list[str]) -> int:
    """Run the tool; returns the exit status."""
    if arguments not in ([], ["--check"]):
        print("usage: python tools/adr_index.py [--check]", file=sys.stderr)
        return 2
    try:
        if arguments:
            check_index(FOLDER)
        else:
            (FOLDER / "README.md").write_text(render_index(load_records(FOLDER)), encoding="utf-8")
    except AdrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
