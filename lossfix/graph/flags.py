"""What the text itself says of training: flags that code is left by, and gradients of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lossfix.graph.conventions import speaks_of_untrained
from lossfix.graph.names import dotted
from lossfix.source.trees import nodes_in

_TRAINING = frozenset({"training", "is_training", "is_train", "train"})


def has_own_gradient(tree: ast.AST) -> bool:
    """Whether a function is decorated to give its gradient itself."""
    decorators = getattr(tree, "decorator_list", ())
    return any((dotted(each) or "").rpartition(".")[2] == "custom_gradient" for each in decorators)


def untrained_code(tree: ast.AST) -> frozenset[int]:
    """The expressions, by identity, of branches that are taken only where nothing is trained, and
    of attributes that are called a reward or a schedule."""
    return frozenset(
        id(inner)
        for node in nodes_in(tree)
        if isinstance(node, (ast.If, ast.IfExp, ast.Assign))
        for part in (_kept_aside(node) if isinstance(node, ast.Assign) else _untrained_branch(node))
        for inner in nodes_in(part)
        if isinstance(inner, ast.expr)
    )


def _kept_aside(node: ast.Assign) -> Iterator[ast.AST]:
    """`self.reward = ...`"""
    target = node.targets[0]
    if isinstance(target, ast.Attribute) and speaks_of_untrained(target.attr):
        yield node.value


def detached_code(tree: ast.AST) -> frozenset[int]:
    """The calls, by identity, of `tape.gradient` outside of all tapes, before another begins: what
    they give is a number to that one."""
    tapes = [node for node in nodes_in(tree) if isinstance(node, ast.With) and _is_tape(node)]
    recorded = {id(inner) for tape in tapes for inner in nodes_in(tape)}
    last = max((tape.lineno for tape in tapes), default=0)
    return frozenset(
        id(node)
        for node in nodes_in(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "gradient"
        and node.lineno < last
        and id(node) not in recorded
    )


def _is_tape(node: ast.With) -> bool:
    contexts = (item.context_expr for item in node.items)
    calls = (each.func for each in contexts if isinstance(each, ast.Call))
    return any((dotted(call) or "").rpartition(".")[2] == "GradientTape" for call in calls)


def _untrained_branch(node: ast.If | ast.IfExp) -> Iterator[ast.AST]:
    """The body of `if not training`, and the `else` of `if training`."""
    negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    flag = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
    if (dotted(flag) or "").rpartition(".")[2] not in _TRAINING:
        return
    branch = node.body if negated else node.orelse
    yield from branch if isinstance(branch, list) else [branch]
