"""Soundness: whatever a format computes of a random expression lies within the range told for it.

NumPy computes each operation in the format, as TensorFlow's kernels do: float16 and bfloat16 in
float32 and rounded once, subnormal numbers of float32 and bfloat16 flushed to 0.
"""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossfix.graph.formats import FORMATS
from lossfix.graph.intervals import NONNEGATIVE, POSITIVE, UNIT, UNKNOWN, Interval
from lossfix.graph.nodes import CONST, INPUT, JOIN, Node
from lossfix.graph.number import Numbering
from lossfix.graph.ranges import Ranges

SIZE = 3
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def _softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _log_softmax(x):
    shifted = x - np.max(x)
    return shifted - np.log(np.sum(np.exp(shifted)))


def _logsumexp(x):
    peak = np.max(x)
    peak = peak if np.isfinite(peak) else np.float32(0)
    return peak + np.log(np.sum(np.exp(x - peak)))


def _sigmoid(x):
    return np.float32(1) / (np.float32(1) + np.exp(-x))


def _softplus(x):
    return np.maximum(x, np.float32(0)) + np.log1p(np.exp(-np.abs(x)))


def _divide_no_nan(x, y):
    return np.where(y == 0, np.float32(0), x / np.where(y == 0, np.float32(1), y))


def _xlogy(x, y):
    return np.where(x == 0, np.where(y < 0, np.nan, 0), x * np.log(y)).astype(np.float32)


def _l2_normalize(x):
    return x * (np.float32(1) / np.sqrt(np.maximum(np.sum(x * x), np.float32(1e-12))))


UNARY = {
    "neg": np.negative,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "sign": np.sign,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "softplus": _softplus,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "sin": np.sin,
    "cos": np.cos,
    "round": np.round,
    "floor": np.floor,
    "ceil": np.ceil,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "l2_normalize": _l2_normalize,
    "cumsum": np.cumsum,
    "stop_gradient": lambda x: x,
    "ones_like": np.ones_like,
    "zeros_like": np.zeros_like,
}
REDUCED = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "logsumexp": _logsumexp,
    "std": np.std,
    "variance": np.var,
    "euclidean_norm": lambda x: np.sqrt(np.sum(x * x)),
}
BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "divide_no_nan": _divide_no_nan,
    "multiply_no_nan": lambda x, y: np.where(y == 0, np.float32(0), x * y),
    "xlogy": _xlogy,
    "logaddexp": np.logaddexp,
    "pow": np.power,
    "mod": np.mod,
    "floordiv": np.floor_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
COMPARED = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}
LEAVES = (
    UNKNOWN,
    POSITIVE,
    NONNEGATIVE,
    UNIT,
    Interval(0.0, 1.0, True),
    Interval(0.0, 1.0, True, True),
    Interval(-1.0, 1.0),
    Interval(-50.0, 50.0),
    Interval(0.25, 2.0, False, True),
    Interval(-3.0, 0.0, False, True),
)
CONSTANTS = (
    0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    3.0,
    4.0,
    -2.0,
    1e-8,
    1e-7,
    1e-10,
    1 - 1e-8,
    1e-3,
    100.0,
    1e30,
)


class World:
    """Leaves with ranges, and nodes over them."""

    def __init__(self):
        self.numbers = Numbering()
        self.leaves = [
            Node(INPUT, (), {}, self.numbers.fresh(), name=f"x{index}")
            for index in range(len(LEAVES))
        ]
        self.ranges_of = {
            node.number: found for node, found in zip(self.leaves, LEAVES, strict=True)
        }

    def ranges(self, dtype):
        return Ranges(lambda node: self.ranges_of[node.number], dtype)


WORLD = World()


@st.composite
def expressions(draw):
    """A stack machine's program: what is on top at the end is the expression."""
    stack = [draw(st.sampled_from(WORLD.leaves)) for _ in range(3)]
    stack += [WORLD.numbers.constant(draw(st.sampled_from(CONSTANTS)))]
    for _ in range(draw(st.integers(1, 7))):
        stack.append(draw(operations(tuple(stack))))
    return stack[-1]


@st.composite
def operations(draw, stack):
    apply = WORLD.numbers.apply
    pick = st.sampled_from(stack[-3:] + stack)
    kind = draw(st.sampled_from("unary unary binary binary binary reduced other compared".split()))
    if kind == "unary":
        return apply(draw(st.sampled_from(sorted(UNARY))), (draw(pick),))
    if kind == "reduced":
        return apply(draw(st.sampled_from(sorted(REDUCED))), (draw(pick),), {"keepdims": True})
    if kind == "binary":
        return apply(draw(st.sampled_from(sorted(BINARY))), (draw(pick), draw(pick)))
    condition = apply(draw(st.sampled_from(sorted(COMPARED))), (draw(pick), draw(pick)))
    if kind == "compared":
        dtype = draw(st.sampled_from(["int32", "bool", *DTYPES]))
        return apply("cast", (draw(st.sampled_from([condition, draw(pick)])),), {"dtype": dtype})
    which = draw(st.sampled_from("where where where_not where_both clip join stack".split()))
    if which == "clip":
        return apply("clip", (draw(pick), draw(pick), draw(pick)))
    if which == "join":
        return Node(JOIN, (draw(pick), draw(pick)), {}, WORLD.numbers.fresh())
    if which == "stack":
        return WORLD.numbers.opaque("sequence", (draw(pick), draw(pick)), "sequence", None)
    if which == "where_not":
        condition = apply("logical_not", (condition,))
    elif which == "where_both":
        other = apply(draw(st.sampled_from(sorted(COMPARED))), (draw(pick), draw(pick)))
        condition = apply(draw(st.sampled_from(["logical_and", "logical_or"])), (condition, other))
    compared = condition.args
    return apply("where", (condition, draw(st.sampled_from(stack + compared)), draw(pick)))


def sample(interval, draw, dtype):
    """Elements of a leaf: its ends, what is beside them, and anything between."""
    fmt = FORMATS[dtype]
    low, high = (min(max(e, -fmt.largest), fmt.largest) for e in (interval.low, interval.high))
    special = [low, high, 0.0, 1.0, -1.0, fmt.tiny, fmt.after(low), fmt.before(high), 0.5, 1e-4]
    values = st.one_of(
        st.sampled_from([interval.low, interval.high]),
        st.sampled_from(special),
        st.floats(max(low, min(-100.0, high)), min(high, max(100.0, low))),
        st.floats(low, high),
    )
    held = values.map(lambda v: rounded(v, dtype)).filter(interval.holds)
    return [draw(held) for _ in range(SIZE)]


def rounded(value, dtype):
    return float(settled(np.asarray(value, np.float64), dtype))


def settled(values, dtype):
    """Values as the format holds them: no subnormal numbers, one zero."""
    if dtype == "integer":
        return np.asarray(values, np.float64) + 0.0
    with np.errstate(all="ignore"):
        held = np.asarray(values).astype(DTYPES[dtype]).astype(np.float32)
    if dtype != "float16":
        held = np.where(np.abs(held) < np.float32(2.0**-126), np.float32(0), held)
    return held + np.float32(0)


def compute(node, leaves, ranges, draw, known):
    """The node's elements, each operation in float32 and rounded to its format."""
    if id(node) not in known:
        dtype, is_cast = ranges.format_of(node).name, node.op == "cast"
        args = [
            # a number of the text takes the format of the op, and float32 where that is a cast
            (
                settled(np.full(SIZE, arg.value), "float32" if is_cast else dtype)
                if arg.op == CONST
                else settled(
                    compute(arg, leaves, ranges, draw, known), "integer" if is_cast else dtype
                )
            )
            for arg in node.args
        ]
        whole = is_cast and node.attrs["dtype"] in ("int32", "bool")
        known[id(node)] = settled(_raw(node, args, leaves, draw), "integer" if whole else dtype)
    return known[id(node)]


def _raw(node, args, leaves, draw):
    if node.op == INPUT:
        return np.asarray(leaves[node.number], np.float32)
    if node.op in REDUCED:
        return np.full(SIZE, REDUCED[node.op](args[0]))
    for table in (UNARY, BINARY, COMPARED):
        if node.op in table:
            return table[node.op](*args)
    if node.op == "where":
        return np.where(args[0] != 0, args[1], args[2])
    if node.op == "clip":
        return np.minimum(np.maximum(args[0], args[1]), args[2])
    if node.op == "cast":
        return _cast(args[0], node.attrs["dtype"])
    if node.op in ("logical_and", "logical_or", "logical_not"):
        return getattr(np, node.op)(*(arg != 0 for arg in args))
    return args[draw(st.integers(0, len(args) - 1))]  # a branch, or an element of a list


def _cast(values, dtype):
    if dtype == "bool":
        return values != 0
    if dtype == "int32":  # what a machine makes of NaN and inf is its own business
        return np.where(np.abs(values) < 2.0**31, np.trunc(values), 0.0)
    return values


def check(node, ranges, ranges_of, dtype, data):
    """Every value that the node is computed from, and its own, is within its range."""
    nodes = [inner for inner in node.walk() if inner.op != CONST]
    leaves = {
        inner.number: sample(ranges_of[inner.number], data.draw, dtype)
        for inner in nodes
        if inner.op == INPUT
    }
    known = {}
    with np.errstate(all="ignore"):
        compute(node, leaves, ranges, data.draw, known)
    for inner in nodes:
        found = ranges.of(inner)
        for value in known[id(inner)].tolist():
            assert found.holds(value), told(inner, found, known)


def told(node, found, known):
    args = ", ".join(
        f"{arg.op} = {arg.value if arg.op == CONST else known[id(arg)].tolist()}"
        for arg in node.args
    )
    return f"{node.op}({args}) = {known[id(node)].tolist()}, which is not in {found}"


@pytest.mark.parametrize("dtype", list(DTYPES))
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_what_is_computed_lies_within_the_range(dtype, data):
    node = data.draw(expressions().filter(lambda node: node.op != CONST))
    check(node, WORLD.ranges(dtype), WORLD.ranges_of, dtype, data)


ENDS = (-math.inf, -1e30, -100.0, -1.0, -0.5, -1e-30, 0.0, 1e-30, 0.25, 1.0, 2.0, 1e30, math.inf)


@st.composite
def intervals(draw):
    if draw(st.integers(0, 4)) == 0:
        return Interval(-math.inf, math.inf)
    low, high = sorted(draw(st.lists(st.sampled_from(ENDS), min_size=2, max_size=2)))
    open_ends = (False, False) if low == high else draw(st.tuples(st.booleans(), st.booleans()))
    return Interval(low, high, *open_ends)


ALL_OPS = {**dict.fromkeys(UNARY, 1), **dict.fromkeys(REDUCED, 1), **dict.fromkeys(BINARY, 2)}


@pytest.mark.parametrize("op", sorted(ALL_OPS))
@settings(max_examples=70, deadline=None)
@given(data=st.data())
def test_every_op_is_sound_on_any_intervals(op, data):
    numbers = Numbering()
    leaves = [Node(INPUT, (), {}, numbers.fresh(), name="x") for _ in range(ALL_OPS[op])]
    ranges_of = {leaf.number: data.draw(intervals()) for leaf in leaves}
    node = numbers.apply(op, tuple(leaves), {"keepdims": True} if op in REDUCED else {})
    ranges = Ranges(lambda leaf: ranges_of[leaf.number])
    check(node, ranges, ranges_of, "float32", data)


@settings(max_examples=1000, deadline=None)
@given(data=st.data())
def test_a_condition_tells_of_its_branches_no_more_than_is_so(data):
    numbers = Numbering()
    x = Node(INPUT, (), {}, numbers.fresh(), name="x")
    ranges_of = {x.number: data.draw(st.sampled_from(LEAVES))}
    threshold = numbers.constant(data.draw(st.sampled_from([-1.0, 0.0, 0.5, 1.0])))
    compared = numbers.apply(data.draw(st.sampled_from(sorted(COMPARED))), (x, threshold))
    branches = []
    for _ in range(2):
        branch = x
        for op in data.draw(st.lists(st.sampled_from(sorted(ALL_OPS)), max_size=2)):
            args = (branch, data.draw(st.sampled_from([x, threshold])))[: ALL_OPS[op]]
            branch = numbers.apply(op, args, {"keepdims": True} if op in REDUCED else {})
        branches.append(branch)
    node = numbers.apply("where", (compared, *branches))
    check(node, Ranges(lambda leaf: ranges_of[leaf.number]), ranges_of, "float32", data)
