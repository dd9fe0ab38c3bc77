"""The syntax trees of our sources, read once for all tests that search them."""

import ast
import functools
from pathlib import Path


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """To look at, not to change."""
    return ast.parse(path.read_text())


@functools.cache
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """As ast.walk() gives them."""
    return tuple(ast.walk(tree))
