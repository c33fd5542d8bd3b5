"""The vocabulary: one table of ops, with their names in each framework.

A row is an op, its tensor parameters, its other arguments, and its name in each column. Spellings
are separated by `|` (the first is the canonical one), arguments by a space. Names are relative to
the column's root (COLUMNS); where several are given, the first is the one that rewrites emit.
`tf` stands for `tensorflow`, and its names are looked up in `tensorflow.compat.v1` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "tf": ("tensorflow", "tensorflow.compat.v1", "tensorflow.compat.v2"),
    "keras.ops": (
        "keras.ops",
        "tensorflow.keras.ops",
        "keras.src.ops",
        "keras_core.ops",
        "keras_core.src.ops",
    ),
    "keras.backend": (
        "keras.backend",
        "tensorflow.keras.backend",
        "tensorflow.python.keras.backend",
        "tf_keras.backend",
    ),
    "keras.losses": (
        "keras.losses",
        "tensorflow.keras.losses",
        "tf_keras.losses",
        "tensorflow.python.keras.losses",
    ),
    "keras.metrics": (
        "keras.metrics",
        "tensorflow.keras.metrics",
        "tf_keras.metrics",
        "tensorflow.python.keras.metrics",
    ),
    "numpy": ("numpy",),
}

READ_ONLY: Mapping[str, frozenset[str]] = {
    "tf": frozenset(  # TensorFlow 1 and tf.compat.v1 alone have these
        "log log1p expm1 rsqrt reciprocal erf erfc mod floordiv div ceil rint log_sigmoid is_nan "
        "is_finite is_inf squared_difference count_nonzero cumprod mul sub neg select "
        "nn.softmax_cross_entropy_with_logits_v2".split()
    ),
    # switch wants tensors of one rank in both branches
    "keras.backend": frozenset({"switch", "logsumexp"}),
}
"""Names that are understood and never written, by column."""

BY_NAME_ALONE: Mapping[str, frozenset[str]] = {
    # the third of np.sum is the dtype, of np.average the weights, of np.argmax the place to write
    "numpy": frozenset({"keepdims", "output_type", "direction"}),
}
"""Arguments that are understood by their name and not by their position, by column."""

RETIRED: Mapping[str, Mapping[str, str]] = {
    "tf": dict.fromkeys(("mul", "sub", "neg", "select"), "TensorFlow 0.12"),
    "keras.backend": {"logsumexp": "Keras 2.12"},
}
"""Names that no installed version has, by column, with the last version that had them."""

LACKING: Mapping[str, frozenset[str]] = {
    "tensorflow.compat.v1": frozenset({"experimental.numpy.logaddexp"}),
}
"""Names of a column that one of its roots does not have."""


@dataclass(frozen=True, slots=True)
class Op:
    """One row: a value that lossfix can name, match, evaluate and print."""

    name: str
    params: tuple[str, ...]  # tensor parameters, canonical names, in order
    attrs: tuple[str, ...]  # other arguments, canonical names, in order
    spellings: Mapping[str, str]  # argument as written -> canonical name
    defaults: Mapping[str, int | float | str | bool | None]
    names: Mapping[str, tuple[str, ...]]  # column -> names in it


def _op(name: str, params: str = "x", attrs: str = "", **names: str) -> Op:
    columns = {
        "tf": "tf",
        "ops": "keras.ops",
        "K": "keras.backend",
        "losses": "keras.losses",
        "metrics": "keras.metrics",
        "np": "numpy",
    }
    spellings: dict[str, str] = {}
    defaults: dict[str, int | float | str | bool | None] = {}
    ordered: list[list[str]] = [[], []]
    for which, text in enumerate((params, attrs)):
        for argument in text.split():
            spelled, _, default = argument.partition("=")
            canonical, *others = spelled.split("|")
            ordered[which].append(canonical)
            spellings.update(dict.fromkeys((canonical, *others), canonical))
            if which == 1:
                defaults[canonical] = _DEFAULTS[default]
    return Op(
        name,
        tuple(ordered[0]),
        tuple(ordered[1]),
        spellings,
        defaults,
        {columns[c]: tuple(text.split()) for c, text in names.items()},
    )


_DEFAULTS: Mapping[str, int | float | str | bool | None] = {
    "": None,
    "None": None,
    "False": False,
    "True": True,
    "-1": -1,
    "euclidean": "euclidean",
}

_X = "x|logits|features|input_tensor|input|tensor|value|t|a|params|arr"
_XY = f"{_X} y|x2|b"
_XY1 = "x|x1|a y|x2|b"
_AXES = "axis|reduction_indices keepdims|keep_dims=False"


def _unary(name: str, **names: str) -> Op:
    return _op(name, _X, **names)


def _binary(name: str, **names: str) -> Op:
    return _op(name, _XY1, **names)


def _reduction(name: str, **names: str) -> Op:
    return _op(name, _X, _AXES, **names)


def _crossentropy(name: str, attrs: str) -> Op:
    return _op(name, "target output", attrs, ops=name, K=name)


def _mean_crossentropy(name: str, attrs: str) -> Op:
    """A loss of Keras: the mean over the last axis."""
    return _op(f"mean_{name}", "y_true y_pred", attrs, losses=name, metrics=name)


def _accuracy(name: str, attrs: str = "") -> Op:
    return _op(name, "y_true y_pred", attrs, metrics=name)


def _same(name: str) -> dict[str, str]:
    """One name in every column, with `tf.math.` beside `tf.`."""
    return {"tf": f"{name} math.{name}", "ops": name, "K": name, "np": name}


_ROWS: tuple[Op, ...] = (
    # elementwise
    _unary("neg", tf="negative math.negative neg", ops="negative", np="negative"),
    _unary("exp", **_same("exp")),
    _unary("expm1", tf="math.expm1 expm1", ops="expm1", np="expm1"),
    _unary("log", tf="math.log log", ops="log", K="log", np="log"),
    _unary("log1p", tf="math.log1p log1p", ops="log1p", np="log1p"),
    _unary("sqrt", **_same("sqrt")),
    _unary("rsqrt", tf="math.rsqrt rsqrt", ops="rsqrt"),
    _unary("square", **_same("square")),
    _unary("reciprocal", tf="math.reciprocal reciprocal", ops="reciprocal", np="reciprocal"),
    _unary("abs", tf="abs math.abs", ops="abs absolute", K="abs", np="abs absolute"),
    _unary("sign", **_same("sign")),
    _unary("sigmoid", tf="sigmoid nn.sigmoid math.sigmoid", ops="sigmoid", K="sigmoid"),
    _unary("log_sigmoid", tf="math.log_sigmoid log_sigmoid", ops="log_sigmoid"),
    _unary("softplus", tf="nn.softplus math.softplus", ops="softplus", K="softplus"),
    _unary("tanh", tf="tanh math.tanh nn.tanh", ops="tanh", K="tanh", np="tanh"),
    _unary("relu", tf="nn.relu", ops="relu", K="relu"),
    _unary("sin", **_same("sin")),
    _unary("cos", **_same("cos")),
    _unary("sinh", tf="sinh math.sinh", ops="sinh", np="sinh"),
    _unary("cosh", tf="cosh math.cosh", ops="cosh", np="cosh"),
    _unary("atanh", tf="atanh math.atanh", ops="arctanh", np="arctanh"),
    _unary("acos", tf="acos math.acos", ops="arccos", np="arccos"),
    _unary("asin", tf="asin math.asin", ops="arcsin", np="arcsin"),
    _unary("erf", tf="math.erf erf", ops="erf"),
    _unary("erfc", tf="math.erfc erfc", ops="erfc"),
    _op("atan2", "y|x1 x|x2", tf="atan2 math.atan2", ops="arctan2", np="arctan2"),
    _unary("round", tf="round math.round math.rint rint", ops="round", K="round", np="round rint"),
    _unary("floor", tf="floor math.floor", ops="floor", np="floor"),
    _unary("ceil", tf="math.ceil ceil", ops="ceil", np="ceil"),
    _unary("is_nan", tf="math.is_nan is_nan", ops="isnan", np="isnan"),
    _unary("is_finite", tf="math.is_finite is_finite", ops="isfinite", np="isfinite"),
    _op("nan_to_num", _X, "nan posinf neginf", ops="nan_to_num", np="nan_to_num"),
    _unary("is_inf", tf="math.is_inf is_inf", ops="isinf", np="isinf"),
    _binary("add", tf="add math.add", ops="add", np="add"),
    _binary("sub", tf="subtract math.subtract sub", ops="subtract", np="subtract"),
    _binary("mul", tf="multiply math.multiply mul", ops="multiply", np="multiply"),
    _binary(
        "div",
        tf="divide math.divide truediv math.truediv div realdiv",
        ops="divide true_divide",
        np="divide true_divide",
    ),
    _binary("pow", tf="pow math.pow", ops="power", K="pow", np="power"),
    _binary("mod", tf="math.floormod math.mod mod", ops="mod", np="mod"),
    _binary("floordiv", tf="math.floordiv floordiv", ops="floor_divide", np="floor_divide"),
    _binary("maximum", **_same("maximum")),
    _binary("minimum", **_same("minimum")),
    _binary("squared_difference", tf="math.squared_difference squared_difference"),
    _binary("divide_no_nan", tf="math.divide_no_nan", ops="divide_no_nan"),
    _binary("multiply_no_nan", tf="math.multiply_no_nan"),
    _binary("xlogy", tf="math.xlogy"),
    _binary("logaddexp", tf="experimental.numpy.logaddexp", ops="logaddexp", np="logaddexp"),
    _op(
        "clip",
        f"{_X} low|clip_value_min|x_min|min_value|a_min high|clip_value_max|x_max|max_value|a_max",
        tf="clip_by_value",
        ops="clip",
        K="clip",
        np="clip",
    ),
    # choices
    _op(
        "where",
        "condition|cond|pred x|x1|then_expression|true_fn y|x2|else_expression|false_fn",
        tf="where select",
        ops="where",
        K="switch",
        np="where",
    ),
    _binary("greater", tf="greater math.greater", ops="greater", K="greater", np="greater"),
    _binary(
        "greater_equal",
        tf="greater_equal math.greater_equal",
        ops="greater_equal",
        K="greater_equal",
        np="greater_equal",
    ),
    _binary("less", tf="less math.less", ops="less", K="less", np="less"),
    _binary(
        "less_equal",
        tf="less_equal math.less_equal",
        ops="less_equal",
        K="less_equal",
        np="less_equal",
    ),
    _binary("equal", tf="equal math.equal", ops="equal", K="equal", np="equal"),
    _binary(
        "not_equal", tf="not_equal math.not_equal", ops="not_equal", K="not_equal", np="not_equal"
    ),
    _binary("logical_and", tf="logical_and math.logical_and", ops="logical_and", np="logical_and"),
    _binary("logical_or", tf="logical_or math.logical_or", ops="logical_or", np="logical_or"),
    _unary("logical_not", tf="logical_not math.logical_not", ops="logical_not", np="logical_not"),
    # reductions
    _reduction("sum", tf="reduce_sum math.reduce_sum", ops="sum", K="sum", np="sum"),
    _reduction("mean", tf="reduce_mean math.reduce_mean", ops="mean", K="mean", np="mean average"),
    _reduction("max", tf="reduce_max math.reduce_max", ops="max amax", K="max", np="max amax"),
    _reduction("min", tf="reduce_min math.reduce_min", ops="min amin", K="min", np="min amin"),
    _reduction("prod", tf="reduce_prod math.reduce_prod", ops="prod", K="prod", np="prod"),
    _reduction(
        "logsumexp",
        tf="reduce_logsumexp math.reduce_logsumexp",
        ops="logsumexp",
        K="logsumexp",
    ),
    _reduction("std", tf="math.reduce_std", ops="std", K="std", np="std"),
    _reduction("variance", tf="math.reduce_variance", ops="var", K="var", np="var"),
    _reduction("any", tf="reduce_any math.reduce_any", ops="any", K="any", np="any"),
    _reduction("all", tf="reduce_all math.reduce_all", ops="all", K="all", np="all"),
    _reduction("euclidean_norm", tf="math.reduce_euclidean_norm"),
    _reduction("count_nonzero", tf="math.count_nonzero count_nonzero", ops="count_nonzero"),
    _op(
        "norm",
        _X,
        "ord=euclidean axis keepdims|keep_dims=False",
        tf="norm linalg.norm",
        ops="norm",
        np="linalg.norm",
    ),
    _op(
        "argmax",
        _X,
        "axis|dimension output_type",
        tf="argmax math.argmax",
        ops="argmax",
        K="argmax",
        np="argmax",
    ),
    _op(
        "argmin",
        _X,
        "axis|dimension output_type",
        tf="argmin math.argmin",
        ops="argmin",
        K="argmin",
        np="argmin",
    ),
    _op("argsort", _X, "axis=-1 direction", tf="argsort", ops="argsort", np="argsort"),
    _op("top_classes", "targets predictions k", tf="math.in_top_k", ops="in_top_k", K="in_top_k"),
    _op(
        "histogram",
        "values|x",
        "value_range|range nbins|bins dtype",
        tf="histogram_fixed_width histogram_fixed_width_bins",
        ops="histogram",
    ),
    _op("bincount", "x|arr", "weights minlength", tf="math.bincount", ops="bincount"),
    _op(
        "searchsorted",
        "sorted_sequence values",
        "side",
        tf="searchsorted",
        ops="searchsorted",
    ),
    _op("digitize", "x bins", ops="digitize"),
    _op("unique", "x", "out_idx", tf="unique"),
    _op("edit_distance", "hypothesis truth", "normalize", tf="edit_distance"),
    _op("cumsum", _X, "axis", tf="cumsum math.cumsum", ops="cumsum", K="cumsum", np="cumsum"),
    _op("cumprod", _X, "axis", tf="math.cumprod cumprod", ops="cumprod", K="cumprod"),
    _unary("det", tf="linalg.det", ops="det", np="linalg.det"),
    _op("softmax", _X, "axis|dim=-1", tf="nn.softmax math.softmax", ops="softmax", K="softmax"),
    _op("log_softmax", _X, "axis|dim=-1", tf="nn.log_softmax math.log_softmax", ops="log_softmax"),
    _op(
        "l2_normalize",
        _X,
        "axis|dim",
        tf="math.l2_normalize nn.l2_normalize linalg.l2_normalize",
        K="l2_normalize",
    ),
    _op(
        "matmul",
        f"{_X} y|b|x2",
        "",
        tf="matmul linalg.matmul",
        ops="matmul dot",
        K="dot",
        np="matmul dot",
    ),
    # losses
    _op(
        "softmax_xent",
        "labels logits",
        "axis|dim=-1",
        tf="nn.softmax_cross_entropy_with_logits nn.softmax_cross_entropy_with_logits_v2",
    ),
    _op("sparse_softmax_xent", "labels logits", tf="nn.sparse_softmax_cross_entropy_with_logits"),
    _op("sigmoid_xent", "labels logits", tf="nn.sigmoid_cross_entropy_with_logits"),
    # losses and metrics of Keras
    _crossentropy("binary_crossentropy", "from_logits=False"),
    _crossentropy("categorical_crossentropy", "from_logits=False axis=-1"),
    _crossentropy("sparse_categorical_crossentropy", "from_logits=False axis=-1"),
    _mean_crossentropy("binary_crossentropy", "from_logits=False label_smoothing axis"),
    _mean_crossentropy("categorical_crossentropy", "from_logits=False label_smoothing axis=-1"),
    _mean_crossentropy("sparse_categorical_crossentropy", "from_logits=False"),
    _accuracy("binary_accuracy", "threshold"),
    _accuracy("categorical_accuracy"),
    _accuracy("sparse_categorical_accuracy"),
    _accuracy("top_k_categorical_accuracy", "k"),
    _accuracy("sparse_top_k_categorical_accuracy", "k"),
    # shapes
    _op("reshape", _X, "shape|newshape", tf="reshape", ops="reshape", K="reshape", np="reshape"),
    _op("squeeze", _X, "axis|squeeze_dims", tf="squeeze", ops="squeeze", K="squeeze", np="squeeze"),
    _op(
        "expand_dims",
        _X,
        "axis|dim",
        tf="expand_dims",
        ops="expand_dims",
        K="expand_dims",
        np="expand_dims",
    ),
    _op(
        "transpose",
        _X,
        "perm|axes|pattern",
        tf="transpose",
        ops="transpose",
        K="permute_dimensions transpose",
        np="transpose",
    ),
    _op(
        "gather",
        f"{_X}|reference indices",
        "validate_indices axis batch_dims",
        tf="gather",
        K="gather",
    ),
    _op("gather_nd", f"{_X} indices", "batch_dims", tf="gather_nd"),
    _op("boolean_mask", f"{_X} mask", "axis", tf="boolean_mask"),
    _op("take", f"{_X} indices", "axis", ops="take", np="take"),
    _op("take_along_axis", f"{_X} indices", "axis", ops="take_along_axis", np="take_along_axis"),
    _op("tile", _X, "multiples|reps|repeats|n", tf="tile", ops="tile", K="tile", np="tile"),
    _op("flatten", _X, "", ops="ravel", K="flatten", np="ravel"),
    _op("column", "x", "index"),  # x[:, i]: one column, and one rank less
    _op("column_kept", "x", "index"),  # x[:, i:i + 1]: one column, the rank kept
    # new values
    _op(
        "ones_like",
        _X,
        "dtype",
        tf="ones_like",
        ops="ones_like",
        K="ones_like",
        np="ones_like",
    ),
    _op(
        "zeros_like",
        _X,
        "dtype",
        tf="zeros_like",
        ops="zeros_like",
        K="zeros_like",
        np="zeros_like",
    ),
    _op(
        "one_hot",
        f"{_X}|indices",
        "depth|num_classes on_value off_value axis dtype",
        tf="one_hot",
        ops="one_hot",
        K="one_hot",
    ),
    # casts and gradient killers
    _op("cast", _X, "dtype", tf="cast", ops="cast", K="cast"),
    _unary("identity", tf="identity convert_to_tensor", ops="convert_to_tensor"),
    _unary("stop_gradient", tf="stop_gradient", ops="stop_gradient", K="stop_gradient"),
    _op("straight_through", "value surrogate", tf="custom_gradient"),  # see rewrite.build
    _unary("variable", tf="Variable", K="variable"),
    _unary("to_numpy", ops="convert_to_numpy", K="eval get_value"),  # and x.numpy()
    _unary("to_float"),  # float(x), x.item()
    _unary("to_int"),  # int(x)
    _op("py_function", "func inp", "Tout", tf="py_function"),
    _op("numpy_function", "func inp", "Tout stateful", tf="numpy_function py_func"),
)

NUMPY_TWINS = tuple(
    "exp expm1 log log1p sqrt square abs sign sin cos tanh maximum minimum where clip sum mean "
    "max min prod round pow".split()
)
"""Ops whose NumPy function, called on a tensor, takes the value out of the graph."""

OPS: Mapping[str, Op] = {
    **{row.name: row for row in _ROWS},
    **{
        f"np_{row.name}": Op(
            f"np_{row.name}", row.params, row.attrs, row.spellings, row.defaults, {}
        )
        for row in _ROWS
        if row.name in NUMPY_TWINS
    },
}
"""Every op by name. `np_exp` is NumPy's `exp` called on a tensor."""

COMMUTATIVE = frozenset(
    "add mul maximum minimum equal not_equal logical_and logical_or logaddexp".split()
)


def lookup(column: str, name: str) -> Op | None:
    """The op that `name`, relative to the column's root, stands for."""
    return _BY_NAME.get((column, name))


_BY_NAME: Mapping[tuple[str, str], Op] = {
    (column, name): row for row in _ROWS for column, names in row.names.items() for name in names
}


@lru_cache(maxsize=20_000)
def resolve(qualified: str) -> tuple[str, str, Op] | None:
    """The column, the root and the op of a qualified name such as `tensorflow.math.log`."""
    for column, roots in COLUMNS.items():
        for root in roots:
            if qualified.startswith(root + "."):
                row = lookup(column, qualified[len(root) + 1 :])
                if row is not None:
                    return column, root, row
    return None


def emitted(op: str, column: str, root: str = "") -> str | None:
    """The name to write for `op` in `column`, relative to `root`; None where it has none."""
    unwritten = READ_ONLY.get(column, frozenset()) | LACKING.get(root, frozenset())
    return next((n for n in OPS[op].names.get(column, ()) if n not in unwritten), None)
