"""What the text itself says of training: flags that code is left by, and gradients of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from lossfix.graph.conventions import speaks_of_untrained, words
from lossfix.graph.names import dotted
from lossfix.source.trees import nodes_in

_TRAINING = frozenset({"training", "is_training", "is_train", "train", "is_tensor"})
_ARRAY_BACKENDS = frozenset({"python", "numpy", "np"})


def has_own_gradient(tree: ast.AST) -> bool:
    """Whether a function is decorated to give its gradient itself."""
    decorators = getattr(tree, "decorator_list", ())
    return any((dotted(each) or "").rpartition(".")[2] == "custom_gradient" for each in decorators)


def untrained_code(tree: ast.AST) -> frozenset[int]:
    """The expressions, by identity, of branches that are taken only where nothing is trained, or
    where tensors are arrays; of attributes that are called a reward or a schedule; and of what no
    tape records."""
    return _expressions(part for node in nodes_in(tree) for part in _parts_aside(node)) | (
        _expressions(_before_all_tapes(tree))
    )


def complex_code(tree: ast.AST) -> frozenset[int]:
    """The expressions, by identity, of branches that are taken for complex numbers alone."""
    return _expressions(
        part
        for node in nodes_in(tree)
        if isinstance(node, (ast.If, ast.IfExp)) and _asks_for_complex(node.test)
        for part in _body(node)
    )


def _expressions(parts: Iterable[ast.AST]) -> frozenset[int]:
    return frozenset(
        id(inner) for part in parts for inner in nodes_in(part) if isinstance(inner, ast.expr)
    )


def _parts_aside(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Assign):
        yield from _kept_aside(node)
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield from _untrained_branch(node)
        if _asks_for_arrays(node.test):
            yield from _body(node)
    elif isinstance(node, ast.With) and _is_with(node, "stop_recording"):
        yield from node.body


def _kept_aside(node: ast.Assign) -> Iterator[ast.AST]:
    """`self.reward = ...`"""
    target = node.targets[0]
    if isinstance(target, ast.Attribute) and speaks_of_untrained(target.attr):
        yield node.value


def _before_all_tapes(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements that a function runs before it opens its only tapes; not the functions that
    it defines there."""
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    own = list(_own_statements(tree.body))
    first = min((s.lineno for s in own if isinstance(s, ast.With) and _is_tape(s)), default=0)
    yield from (s for s in own if isinstance(s, _COMPUTES) and s.lineno < first)


_COMPUTES = (ast.Assign, ast.AugAssign, ast.Expr)


def _own_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at all depths, those of functions that are defined there left out."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield statement
        for part in ("body", "orelse", "finalbody"):
            yield from _own_statements(getattr(statement, part, ()))


def _asks_for_arrays(test: ast.expr) -> bool:
    """`backend == "numpy"`, or one of several such questions."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return all(map(_asks_for_arrays, test.values))
    return (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
        and any(
            isinstance(side, ast.Constant) and side.value in _ARRAY_BACKENDS
            for side in (test.left, *test.comparators)
        )
    )


def _asks_for_complex(test: ast.expr) -> bool:
    """`x.dtype in (tf.complex64, ...)`, `"complex" in str(x.dtype)`, `tf.is_complex(x)`."""
    if isinstance(test, ast.UnaryOp):
        return False
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.NotIn, ast.NotEq)):
        return False
    return any({"complex", "iscomplex"} & set(words(_said(inner))) for inner in nodes_in(test))


def _said(node: ast.AST) -> str:
    """A name, an attribute, or a text."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return node.id if isinstance(node, ast.Name) else ""


def _body(node: ast.If | ast.IfExp) -> Sequence[ast.AST]:
    return node.body if isinstance(node, ast.If) else [node.body]


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
    return _is_with(node, "GradientTape")


def _is_with(node: ast.With, called: str) -> bool:
    """Whether one of the contexts is a call of that name."""
    contexts = (item.context_expr for item in node.items)
    calls = (each.func for each in contexts if isinstance(each, ast.Call))
    return any((dotted(call) or "").rpartition(".")[2] == called for call in calls)


def _untrained_branch(node: ast.If | ast.IfExp) -> Iterator[ast.AST]:
    """The body of `if not training`, and the `else` of `if training` or `if is_tensor(x)`."""
    negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    flag = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
    flag = flag.func if isinstance(flag, ast.Call) else flag
    if (dotted(flag) or "").rpartition(".")[2] not in _TRAINING:
        return
    branch = node.body if negated else node.orelse
    yield from branch if isinstance(branch, list) else [branch]
