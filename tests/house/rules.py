"""Rules of the house that no linter knows, as questions about a file's syntax tree. Each answers with the lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def floats_in(tree: ast.AST) -> Iterator[int]:
    """Lines with a float literal, a call of `float`, or a division of numbers: none of them is exact."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield node.lineno
        if isinstance(node, ast.BinOp | ast.AugAssign) and _divides_a_number(node):
            yield node.lineno


def _divides_a_number(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether `/` has a number on its right; with a text or a name there it may join the parts of a path."""
    right = node.right if isinstance(node, ast.BinOp) else node.value
    return isinstance(node.op, ast.Div) and isinstance(right, ast.Constant) and not isinstance(right.value, str)


def swallowed_in(tree: ast.AST) -> Iterator[int]:
    """Lines of handlers that do nothing with what they caught, and of `contextlib.suppress`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and all(_does_nothing(statement) for statement in node.body):
            yield node.lineno
        if isinstance(node, ast.Name | ast.Attribute) and _last_name(node) == "suppress":
            yield node.lineno


def _does_nothing(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Continue)


def _last_name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def untyped_mappings_in(tree: ast.AST) -> Iterator[int]:
    """Lines of functions that take or return a mapping of text to anything."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        hints = [node.returns, *(argument.annotation for argument in arguments if argument)]
        if any(_is_untyped_mapping(part) for hint in hints if hint for part in ast.walk(hint)):
            yield node.lineno


def _is_untyped_mapping(node: ast.AST) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name | ast.Attribute):
        return False
    is_mapping = _last_name(node.value) in {"dict", "Dict", "Mapping", "MutableMapping"}
    return is_mapping and ast.unparse(node.slice).strip("()").endswith((", Any", ", typing.Any"))


def long_functions_in(tree: ast.AST) -> Iterator[int]:
    """Lines of functions that do not fit on a screen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield node.lineno


def promises_in(text: str) -> Iterator[int]:
    """Lines that promise work instead of doing it."""
    for number, line in enumerate(text.splitlines(), 1):
        if any(word in line for word in ("TO" + "DO", "FIX" + "ME", "X" * 3)):
            yield number


def is_too_long(path: Path) -> bool:
    """Whether a file says more than one thing, by its length."""
    return len(path.read_text(encoding="utf-8").splitlines()) > MAX_FILE_LINES
