"""Finds every sentence that a person at a device can read, in the sources: the ids of the catalogue.

A sentence is the first argument of a call that makes a line, a label, a title or a choice, or the meaning or remedy of
a refusal that a device can give. It must be there as a literal, since what is put together while the program runs is in
no catalogue: an f-string, or anything else that cannot be followed to literals, is a `MessageError`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("core", "devices", "vault", "checker", "approver")
"""What people at terminal, station and approver read. The platform's pages are its own."""
MEANINGS = ROOT / "core/src/strongroom/core/meanings"
_NOT_AT_A_DEVICE = ("checker/src/strongroom/checker/gate/",)
"""The gate stands online; nobody sits at it."""
_PASSED_ON = frozenset({"label", "meaning", "message", "remedy", "title"})
"""Fields of values that were made elsewhere, by a call that is looked at there."""


Functions = tuple[ast.FunctionDef, ...]


class Kind(StrEnum):
    """Where a sentence stands, which says how long it may be."""

    LINE = "line"
    LABEL = "label"
    TITLE = "title"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A call that takes a message id. position: of the argument, -1 where only its keyword is taken."""

    keyword: str
    position: int
    kind: Kind


_LINE = Marker(keyword="message", position=0, kind=Kind.LINE)
_LABEL = Marker(keyword="label", position=0, kind=Kind.LABEL)
MARKERS: Mapping[str, Marker] = {
    "build_line": _LINE,
    "build_quote": _LINE,
    "value_line": _LINE,
    "quote_line": _LINE,
    "translate": _LINE,
    "build_row": _LABEL,
    "build_warning": _LABEL,
    "plain_row": _LABEL,
    "warning_row": _LABEL,
    "Row": Marker(keyword="label", position=-1, kind=Kind.LABEL),
    "Page": Marker(keyword="title", position=-1, kind=Kind.TITLE),
    "Choice": Marker(keyword="label", position=-1, kind=Kind.LINE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message id where it stands. file: below the repository."""

    text: str
    kind: Kind
    file: str


class MessageError(Exception):
    """A sentence that no catalogue can hold; the message says where."""


def find_messages() -> tuple[Found, ...]:
    """Every message id, each as often as it stands somewhere, files in order. Raises MessageError."""
    files = [path for name in SOURCES for path in sorted((ROOT / name / "src").rglob("*.py"))]
    lines = [found for path in files for found in find_in(path)]
    return (*lines, *_find_refusals(files))


def find_in(path: Path) -> Iterator[Found]:
    """The message ids of one file. Raises MessageError."""
    reader = _Reader(path)
    for call, functions in reader.calls:
        name = _name_of(call.func)
        marker = MARKERS.get(name)
        # A maker of lines hands its argument on to the next; whoever calls the first one is looked at.
        if marker is None or any(each.name in MARKERS for each in functions) or _has_its_own_chinese(call):
            continue
        node = _argument(call, marker)
        if node is None:
            continue
        for text in reader.resolve(node, functions):
            if text:
                yield Found(text=text, kind=marker.kind, file=_relative(path))


def _find_refusals(files: list[Path]) -> Iterator[Found]:
    """Meaning and remedy of every code that some program of a device can name."""
    named = {code for path in files if not _relative(path).startswith(_NOT_AT_A_DEVICE) for code in _codes_of(path)}
    for path in sorted(MEANINGS.glob("*.py")):
        for code, meaning, remedy in _rows_of(path):
            if code in named:
                yield Found(text=meaning, kind=Kind.LINE, file=_relative(path))
                yield Found(text=remedy, kind=Kind.LINE, file=_relative(path))


def _rows_of(path: Path) -> Iterator[tuple[str, str, str]]:
    reader = _Reader(path)
    for node in ast.walk(reader.tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple):
                meaning, remedy, _ = (reader.resolve(each, ())[0] for each in value.elts)
                yield str(key.value), meaning, remedy


def _codes_of(path: Path) -> Iterator[str]:
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
            yield node.attr


class _Reader:
    """Follows an expression to the literals that it can be: conditions, names, tables and functions of one file.

    A parameter is followed to every call in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = _parse(path)
        self.calls = tuple(_calls(self.tree, ()))

    def resolve(self, node: ast.expr, functions: Functions) -> tuple[str, ...]:
        """Every text that the expression can be; none for what is only passed on. Raises MessageError."""
        match node:
            case ast.Constant(value=str(text)):
                return (text,)
            case ast.IfExp(body=body, orelse=orelse):
                return (*self.resolve(body, functions), *self.resolve(orelse, functions))
            case ast.Attribute(attr=attr) if attr in _PASSED_ON:
                return ()
            case ast.Name():
                return self._resolve_name(node, functions)
            case ast.Subscript(value=ast.Name(id=name)):
                tables = _bindings(name, (*functions, self.tree))
                values = [value for table in tables if isinstance(table, ast.Dict) for value in table.values]
                return self._resolve_all(values, node, functions)
            case ast.Call(func=ast.Name(id=name)):
                return self._resolve_all(_returns(name, self.tree), node, functions)
            case _:
                raise self._refuse(node)

    def _resolve_all(self, nodes: list[ast.expr], asked: ast.expr, functions: Functions) -> tuple[str, ...]:
        if not nodes:
            raise self._refuse(asked)
        return tuple(text for node in nodes for text in self.resolve(node, functions))

    def _resolve_name(self, node: ast.Name, functions: Functions) -> tuple[str, ...]:
        function = next((each for each in functions if node.id in _parameters(each)), None)
        if function is not None:
            return self._resolve_parameter(node, function)
        return self._resolve_all(_bindings(node.id, (*functions, self.tree)), node, functions)

    def _resolve_parameter(self, asked: ast.Name, function: ast.FunctionDef) -> tuple[str, ...]:
        handed = Marker(keyword=asked.id, position=_parameters(function).index(asked.id), kind=Kind.LINE)
        found = [
            (node, around)
            for call, around in self.calls
            if _name_of(call.func) == function.name and function not in around and (node := _argument(call, handed))
        ]
        if not found:
            raise self._refuse(asked)
        return tuple(text for node, around in found for text in self.resolve(node, around))

    def _refuse(self, node: ast.expr) -> MessageError:
        return MessageError(
            f"{_relative(self.path)}:{node.lineno}: {ast.unparse(node)} is no literal sentence, so no catalogue "
            "has it; write the sentence with {names} and hand the values in beside it"
        )


def _calls(node: ast.AST, functions: Functions) -> Iterator[tuple[ast.Call, tuple[ast.FunctionDef, ...]]]:
    """Every call with the functions that it stands in, the innermost first."""
    inside = (node, *functions) if isinstance(node, ast.FunctionDef) else functions
    if isinstance(node, ast.Call):
        yield node, functions
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inside)


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr="translate", value=value) if ast.unparse(value) != "self":
            # Texts and bytes have a `translate` of their own.
            return ""
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _has_its_own_chinese(call: ast.Call) -> bool:
    """The operators' paper is in both languages at once, for whoever holds it."""
    return any(each.arg == "label_zh" for each in call.keywords)


def _argument(call: ast.Call, marker: Marker) -> ast.expr | None:
    if 0 <= marker.position < len(call.args):
        return call.args[marker.position]
    return next((each.value for each in call.keywords if each.arg == marker.keyword), None)


def _parameters(function: ast.FunctionDef) -> list[str]:
    """Names in the order in which a call hands them in."""
    named = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return [each for each in named if each != "self"] + [each.arg for each in function.args.kwonlyargs]


def _bindings(name: str, scopes: tuple[ast.AST, ...]) -> list[ast.expr]:
    """What is assigned to a name in the innermost scope that does so, or what a loop there runs through."""
    for scope in scopes:
        found: list[ast.expr] = []
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    found.append(value)
                case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name and value is not None:
                    found.append(value)
                case ast.For(target=ast.Name(id=target), iter=ast.Tuple(elts=parts)) if target == name:
                    found.extend(parts)
                case _:
                    pass
        if found:
            return found
    return []


def _returns(name: str, tree: ast.Module) -> list[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None]
    return []


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
