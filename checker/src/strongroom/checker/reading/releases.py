"""Release manifests, read a second time: of what files each program is; spec/statement.md, release-manifest.

The station compares itself with the one for stations; the others it keeps with their place, so that nobody can hand a
terminal another one unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.checker.reading.envelopes import Context, Envelope, Statement, Type, check_context
from strongroom.checker.reading.fields import NONE, Node, check_sorted
from strongroom.checker.reading.governed import check_governed, parse_governed
from strongroom.checker.reading.roots import Root, RootChain
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A program's roots and their digests. previous: None for version 1."""

    program: str
    version: int
    previous: Digest | None
    roots: Mapping[str, Digest]


def prove_release(envelope: Envelope, chain: RootChain, root_version: int) -> Statement[Release]:
    """A manifest by the delegates of the key register, of the newest root or of one from `root_version` on.

    root_version: of the root in force at its place, as for a lease.
    """
    statement = parse_governed(envelope, Type.RELEASE_MANIFEST, _parse_release)
    check_context(statement, chain.context)
    if not any(_is_by(statement, root.body, chain.context) for root in chain.roots[root_version - 1 : -1]):
        check_governed(statement, chain.last.delegations["keys"], chain.context)
    return statement


def find_release(statements: Iterable[Statement[Any]], program: str, chain: RootChain) -> Statement[Release] | None:
    """The manifest in force for a program among notices in the log's order; None before the first.

    Raises RELEASE_UNKNOWN when the last one is not by the newest root's delegates.
    """
    last: Statement[Release] | None = None
    for found in statements:
        if not isinstance(found.body, Release) or found.body.program != program:
            continue
        wanted = (last.body.version + 1, last.id) if last else (1, None)
        if (found.body.version, found.body.previous) == wanted:
            last = found
    if last is not None and not _is_by(last, chain.last, chain.context):
        expected = f"a manifest by the delegates of root version {chain.last.version}"
        raise refused(Code.RELEASE_UNKNOWN, f"release-manifest version {last.body.version}", expected, "another root's")
    return last


def _is_by(statement: Statement[Release], root: Root, context: Context) -> bool:
    try:
        check_governed(statement, root.delegations["keys"], context)
    except RefusedError:
        return False
    return True


def _parse_release(node: Node) -> Release:
    found = node.members("label", "previous", "program", "roots", "version")
    found["label"].text()
    version, previous = found["version"].integer(least=1), found["previous"].digest_or_none()
    if (version == 1) != (found["previous"].value == NONE):
        raise found["version"].invalid("1 exactly when previous is none")
    roots = [_parse_root(root) for root in found["roots"].items()]
    if not roots:
        raise found["roots"].invalid("at least one root")
    check_sorted([name for name, _ in roots], found["roots"].path)
    program = found["program"].word("approver", "station", "terminal")
    return Release(program=program, version=version, previous=previous, roots=dict(roots))


def _parse_root(node: Node) -> tuple[str, Digest]:
    found = node.members("digest", "files", "name")
    found["files"].integer()
    return found["name"].text(), found["digest"].digest()
