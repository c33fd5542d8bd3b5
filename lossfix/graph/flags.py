"""What the text itself says of training: flags that code is left by, and gradients of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lossfix.graph.names import dotted
from lossfix.source.trees import nodes_in

_TRAINING = frozenset({"training", "is_training", "is_train", "train"})


def has_own_gradient(tree: ast.AST) -> bool:
    """Whether a function is decorated to give its gradient itself."""
    decorators = getattr(tree, "decorator_list", ())
    return any((dotted(each) or "").rpartition(".")[2] == "custom_gradient" for each in decorators)


def untrained_code(tree: ast.AST) -> frozenset[int]:
    """The expressions, by identity, of branches that are taken only where nothing is trained."""
    return frozenset(
        id(inner)
        for node in nodes_in(tree)
        if isinstance(node, (ast.If, ast.IfExp))
        for part in _untrained_branch(node)
        for inner in nodes_in(part)
        if isinstance(inner, ast.expr)
    )


def _untrained_branch(node: ast.If | ast.IfExp) -> Iterator[ast.AST]:
    """The body of `if not training`, and the `else` of `if training`."""
    negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    flag = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
    if (dotted(flag) or "").rpartition(".")[2] not in _TRAINING:
        return
    branch = node.body if negated else node.orelse
    yield from branch if isinstance(branch, list) else [branch]
