"""TensorFlow's ops by NumPy, in its widest float: enough to run generated losses at once."""

import builtins
from types import SimpleNamespace

import numpy as np

WIDE = np.longdouble  # so that what the original loses by cancelling stays small


class Tensor(np.ndarray):
    """An array that, as a tensor, never changes: `x += y` makes a new one."""

    def __iadd__(self, other):
        return self + other

    def __isub__(self, other):
        return self - other

    def __imul__(self, other):
        return self * other

    def __itruediv__(self, other):
        return self / other


def tensor(value):
    return np.asarray(value).view(Tensor)


def _made_of_tensors(function):
    def call(*args, **named):
        return tensor(function(*map(_number, args), **named))

    return call


def _number(value):
    """NumPy computes with booleans in half precision; TensorFlow has no such functions."""
    is_flags = isinstance(value, np.ndarray) and value.dtype == bool
    return value.astype(WIDE) if is_flags else value


def _reduced(function):
    def reduce(x, axis=None, keepdims=False, reduction_indices=None, keep_dims=False):
        axis = reduction_indices if axis is None else axis
        return function(np.asarray(x), axis=axis, keepdims=keepdims or keep_dims)

    return reduce


def _softmax(x, axis=-1, dim=None):
    x = np.asarray(x, dtype=WIDE)
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x, axis=-1, dim=None):
    x = np.asarray(x, dtype=WIDE)
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _log_sum_exp(x, axis=None, keepdims=False):
    top = np.max(x, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    return np.squeeze(total, axis=axis) if axis is not None else total.reshape(())


def _norm(x, ord="euclidean", axis=None, keepdims=False):
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


class _Scope:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def _softplus(x):
    return np.logaddexp(0.0, x)


def _where(condition, x, y):
    return np.where(np.asarray(condition) != 0, x, y)


_PLAIN = {
    name: getattr(np, name)
    for name in "exp sqrt square abs sign sin cos sinh cosh tanh floor round where maximum minimum "
    "add subtract multiply divide negative greater greater_equal less less_equal equal not_equal "
    "logical_and logical_or logical_not ones_like zeros_like".split()
}
_REDUCTIONS = {
    f"reduce_{name}": _reduced(getattr(np, name)) for name in "sum mean max min prod".split()
}
_MATH = {
    **_PLAIN,
    **_REDUCTIONS,
    "where": _where,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "log_sigmoid": lambda x: -_softplus(-np.asarray(x)),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "reduce_logsumexp": _log_sum_exp,
    "reduce_euclidean_norm": _norm,
    "truediv": np.divide,
    "pow": np.power,
    "acos": np.arccos,
    "asin": np.arcsin,
    "is_nan": np.isnan,
    "is_finite": np.isfinite,
    "logical_and": lambda x, y: (np.asarray(x) != 0) & (np.asarray(y) != 0),
    "logical_or": lambda x, y: (np.asarray(x) != 0) | (np.asarray(y) != 0),
    "logical_not": lambda x: np.asarray(x) == 0,
    "divide_no_nan": lambda x, y: np.where(y == 0, 0.0, x / np.where(y == 0, 1.0, y)),
    "multiply_no_nan": lambda x, y: np.where(y == 0, 0.0, x * y),
    "xlogy": lambda x, y: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y))),
    "reduce_variance": _reduced(np.var),
    "reduce_std": _reduced(np.std),
    "l2_normalize": lambda x, axis=None, epsilon=1e-12: (
        x / np.sqrt(np.maximum(np.sum(np.square(x), axis=axis, keepdims=True), epsilon))
    ),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / np.asarray(x),
    "squared_difference": lambda x, y: np.square(x - y),
}
_MATH = {name: _made_of_tensors(function) for name, function in _MATH.items()}
MATH = SimpleNamespace(**_MATH)
NN = SimpleNamespace(
    relu=_made_of_tensors(lambda x: np.maximum(x, 0)),
    **{name: _MATH[name] for name in "softmax log_softmax sigmoid softplus tanh".split()},
)
_IN_MATH_ALONE = frozenset(
    "log log1p expm1 softplus is_nan is_finite rsqrt reciprocal log_sigmoid divide_no_nan "
    "multiply_no_nan xlogy reduce_variance reduce_std l2_normalize reduce_euclidean_norm "
    "squared_difference log_softmax softmax".split()
)
TENSORFLOW = SimpleNamespace(
    **{name: function for name, function in _MATH.items() if name not in _IN_MATH_ALONE},
    math=MATH,
    nn=NN,
    linalg=SimpleNamespace(norm=_made_of_tensors(_norm)),
    norm=_made_of_tensors(_norm),
    float32=WIDE,
    float64=WIDE,
    cast=lambda x, dtype: tensor(x).astype(dtype),
    identity=lambda x: x,
    stop_gradient=lambda x: x,
    clip_by_value=_made_of_tensors(np.clip),
    name_scope=lambda name: _Scope(),
    function=lambda f: f,
)


def run(text, *inputs):
    """What `LOSSES` of the module in `text` give on `inputs`, and what `note` was told meanwhile.

    `note(x)` gives another value each time it is called, so that a call that is lost, repeated
    or moved is seen.
    """
    told = []

    def note(x):
        told.append(np.asarray(x, dtype=float))
        return x * (1 + len(told) / 8)

    def imported(name, *rest):
        return TENSORFLOW if name == "tensorflow" else builtins.__import__(name, *rest)

    space = {"__builtins__": {**vars(builtins), "__import__": imported}, "note": note}
    exec(compile(text, "generated.py", "exec"), space)
    wide = [tensor(np.asarray(value, dtype=WIDE)) for value in inputs]
    values = [np.asarray(loss(*wide), dtype=float) for loss in space["LOSSES"]]
    return [*values, *told]
