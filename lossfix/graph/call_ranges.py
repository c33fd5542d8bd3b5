"""Ranges of what the vocabulary does not have: calls of the framework by name, indexing, lists."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence

from lossfix.graph.formats import Format
from lossfix.graph.functions import COUNTING, LENGTH, total
from lossfix.graph.intervals import (
    UNIT,
    UNKNOWN,
    Interval,
    absolute,
    div,
    hull,
    mul,
    point,
    square,
)
from lossfix.graph.names import is_framework
from lossfix.graph.nodes import CONST, Node
from lossfix.graph.relations import cosine, is_unit_rows

_ALL_PARTS = frozenset("sequence comprehension stored item starred".split())
_PASSES = frozenset(
    "gather gather_nd boolean_mask stack concat concatenate unstack split tile repeat slice sort "
    "reverse take take_along_axis broadcast_to identity_n strided_slice roll batch_flatten "
    "ensure_shape diag_part diagonal max_pool max_pool2d swapaxes moveaxis repeat_elements "
    "batch_gather convert_to_tensor asarray array constant".split()
)
_PASSES_OR_ZERO = frozenset("pad spatial_2d_padding diag band_part scatter_nd triu tril".split())
_ZEROS = frozenset("zeros zeros_initializer".split())
_ONES = frozenset("ones ones_initializer".split())
_FILLS = frozenset("fill full full_like".split())
_SHAPES = frozenset("shape size len int_shape get_shape".split())
_TRUTHS = frozenset("sequence_mask eye".split())
_SUMS = frozenset("add_n accumulate_n segment_sum unsorted_segment_sum".split())
_PRODUCTS = frozenset("einsum tensordot batch_dot vecdot inner dot matmul".split())
_FOLLOWING = (_PASSES, _PASSES_OR_ZERO, _ZEROS, _ONES, _FILLS, _SUMS, _PRODUCTS)
_RANDOM = frozenset("random_uniform uniform rand".split())
_FLOOR_0 = frozenset(
    "sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits "
    "sparse_softmax_cross_entropy_with_logits softmax_cross_entropy_with_logits_v2 "
    "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy "
    "mean_squared_error mean_absolute_error l2_loss bincount rank ndim".split()
)
_FIXED: Mapping[str, Interval] = {
    "relu6": Interval(0.0, 6.0),
    "hard_sigmoid": UNIT,
    "softsign": Interval(-1.0, 1.0),
    "elu": Interval(-1.0, math.inf),
    "cosine_similarity": Interval(-1.001, 1.001),
}


_EPSILON = Interval(1e-12, 1e-2)
"""What a backend calls its epsilon: 1e-7 unless somebody sets another."""


def call_range(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    """The range of an OPAQUE node; any finite number where its name tells nothing."""
    if node.name in _ALL_PARTS:
        return hull(*args) if args else UNKNOWN
    if node.name == "[]":
        return args[0]
    tail = node.name.rpartition(".")[2]
    if tail in _SHAPES:
        return LENGTH
    if tail == "epsilon" and not args:
        return _EPSILON
    found = _found(node.name)
    return UNKNOWN if found is None else found(node, args, fmt)


def is_known(node: Node) -> bool:
    """Whether the name of an OPAQUE node tells how its range comes from its arguments'."""
    return node.name in _ALL_PARTS or node.name == "[]" or _found(node.name) is not None


def follows(node: Node) -> bool:
    """Whether an end of the result comes from an end of an argument, or from what is added."""
    tail = node.name.rpartition(".")[2]
    return node.name in _ALL_PARTS or any(tail in names for names in _FOLLOWING)


def _found(name: str) -> _Range | None:
    """How the range of a call of that name comes from its arguments'."""
    root, _, _ = name.partition(".")
    tail = name.rpartition(".")[2]
    if not (is_framework(name) or root in ("numpy", "builtins")):
        return None
    if tail in _FIXED:
        return _always(_FIXED[tail])
    return next((found for names, found in _BY_NAME if tail in names), None)


def operand(node: Node) -> int | None:
    """Which of the arguments of a call is the value that it works on."""
    given = _keywords(node)
    if 0 not in given.values():
        return 0 if node.args else None
    return next((given[name] for name in _VALUE_NAMES if name in given), None)


_VALUE_NAMES = "values params tensor input x a tensors inputs inp data elems value".split()


def _keywords(node: Node) -> Mapping[str, int]:
    """The arguments that the text gives by name, by their place among the node's."""
    code = node.origin.code if node.origin is not None else None
    if not isinstance(code, ast.Call):
        return {}
    first = len(node.args) - len(code.keywords)
    return {k.arg or "": first + i for i, k in enumerate(code.keywords)} if first >= 0 else {}


def _passed(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    index = operand(node)
    return UNKNOWN if index is None else args[index]


def _or_zero(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    return hull(_passed(node, args, fmt), point(0.0)) if len(args) <= 2 else UNKNOWN


def _filled(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    given = _keywords(node)
    value = given.get("value", given.get("fill_value", 1))
    return args[value] if value < len(args) else UNKNOWN


def _summed(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    return hull(total(_passed(node, args, fmt), fmt), point(0.0))


def _products(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    """Sums of products; of squares, where an operand meets itself index by index."""
    operands = [
        (n, a)
        for n, a in zip(node.args, args, strict=True)
        if n.op != CONST and n.name != "sequence"  # an equation, axes, flags
    ]
    if len(operands) < 2:
        return UNKNOWN
    (first, x), (second, y) = operands[:2]
    is_product = node.name.rpartition(".")[2] in ("matmul", "dot", "batch_dot")
    if is_product and len(operands) == 2 and is_unit_rows(first) and is_unit_rows(second):
        return cosine(fmt)
    if len(operands) == 2 and first.number == second.number and meets_itself(node):
        return total(square(x, fmt), fmt)
    found = mul(x, y, fmt)
    for _, other in operands[2:]:
        found = mul(found, other, fmt)
    return total(found, fmt)


def meets_itself(node: Node) -> bool:
    """An einsum whose two operands have the same indices, as in "ij,ij->i"."""
    text = node.args[0].value if node.args and node.args[0].op == CONST else None
    if not isinstance(text, str):
        return False
    inputs = text.replace(" ", "").partition("->")[0].split(",")
    return len(inputs) == 2 and inputs[0] == inputs[1]


def _uniform(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    """[0, 1), or between the bounds that are named; 0 is drawn, about once in 2 ** 23."""
    given = _keywords(node)
    positional = len(args) - len(given)
    if positional > 1 or set(given) & {"low", "high"}:
        return UNKNOWN
    low = args[given["minval"]] if "minval" in given else point(0.0)
    high = args[given["maxval"]] if "maxval" in given else point(1.0)
    return Interval(low.low, high.high, low.low_open, True)


def _sized(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    return absolute(_passed(node, args, fmt))


def _dropped(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    kept = div(_passed(node, args, fmt), Interval(0.0, 1.0, True), fmt)
    return hull(kept, point(0.0))


def _any_of_them(node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
    return hull(*args) if args else UNKNOWN


def _always(found: Interval) -> _Range:
    return lambda node, args, fmt: found


_Range = Callable[[Node, Sequence[Interval], Format], Interval]

_BY_NAME: Sequence[tuple[frozenset[str], _Range]] = (
    (_PASSES, _passed),
    (_PASSES_OR_ZERO, _or_zero),
    (_ZEROS, _always(point(0.0))),
    (_ONES, _always(point(1.0))),
    (_FILLS, _filled),
    (_TRUTHS, _always(UNIT)),
    (_SUMS, _summed),
    (_PRODUCTS, _products),
    (_RANDOM, _uniform),
    (_FLOOR_0, _always(Interval(0.0, math.inf))),
    (frozenset({"enumerate"}), lambda node, args, fmt: hull(COUNTING, *args)),
    (frozenset({"zip", "list", "tuple", "reversed", "sorted"}), _any_of_them),
    (frozenset({"fabs"}), _sized),
    (frozenset({"dropout"}), _dropped),
)
