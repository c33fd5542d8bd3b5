"""The verifier's parts that need no framework."""

from __future__ import annotations

import ast
import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossfix.verify import Hints
from lossfix.verify.inputs import InputError, Tensor, comment_specs, parse_spec, plans
from lossfix.verify.instrument import PROBE, instrument
from lossfix.verify.numerics import error_bits, neighbour, rounded
from lossfix.verify.regimes import draws
from lossfix.verify.sharpness import sharpened, sharpness_in
from lossfix.verify.slice import SliceError, slice_module
from lossfix.verify.widen import widen
from lossfix.verify.widths import width_in

SCRIPT = '''"""Doc."""
from __future__ import annotations
import os, sys
import tensorflow as tf
A = 1.0; train = os.getcwd()
B: float = A
table = {}
table["k"] = 2
class Base:
    pass
@tf.function
def helper(x, scale=B):
    return x * scale * table["k"]
try:
    import fast
except ImportError:
    fast = None
model = make()
model.fit()
class Loss(Base):
    def call(self, y_true, y_pred):
        return helper(y_pred)
if __name__ == "__main__":
    helper(1)
'''


def test_slice_keeps_what_is_used_on_its_lines() -> None:
    part = slice_module(SCRIPT, "Loss.call")
    assert len(part.text.splitlines()) == len(SCRIPT.splitlines())
    for number, line in enumerate(SCRIPT.splitlines(), 1):
        kept = part.text.splitlines()[number - 1]
        if number in (3, 14, 15, 16, 17, 18, 19, 23, 24):
            assert not kept.strip(), line
        elif number == 5:
            assert kept.strip() == "A = 1.0"
        elif number > 1:
            assert kept == line
    ast.parse(part.text)
    assert (18, 18) in part.left_out


def test_slice_of_a_later_statement_on_a_line() -> None:
    part = slice_module("train(); k = 3; more()\ndef f(x):\n    return x * k\n", "f")
    assert part.text.splitlines()[0].strip() == "k = 3"
    ast.parse(part.text)


def test_slice_says_what_is_not_there() -> None:
    with pytest.raises(SliceError, match="no function"):
        slice_module("x = 1\n", "f")
    with pytest.raises(SliceError, match="parse"):
        slice_module("def f(:\n", "f")
    assert slice_module("def f():\n    return unknown\n", "f").missing == ("unknown",)
    assert slice_module("from m import *\ndef f():\n    return g()\n", "f").text.startswith("from")


def test_widen_keeps_lines() -> None:
    text = (
        "def f(y):\n    a = tf.cast(y, tf.float32)\n    return a * tf.constant(0.5) + K.ones(3)\n"
    )
    wide = widen(text)
    assert "tf.float64" in wide
    assert "tf.constant(0.5, dtype='float64')" in wide
    assert wide.count("\n") == text.count("\n")
    assert widen("x = tf.cast(y, 'float32')\n") == "x = tf.cast(y, 'float64')\n"
    assert widen("x = tf.constant(3)\n") == "x = tf.constant(3)\n"


@pytest.mark.parametrize(
    ("source", "sharpness", "doubled"),
    [
        ("def f(x):\n    return tf.sigmoid(10.0 * x)\n", 10.0, "20.0 * x"),
        ("def f(x, k=5):\n    return tf.sigmoid(k * x)\n", 5.0, "k=10.0"),
        ("def f(x):\n    return tf.sigmoid(x / 0.1)\n", 10.0, "x / 0.05"),
        ("TAU = 0.5\ndef f(x):\n    return tf.nn.softmax(x / TAU)\n", 2.0, "TAU = 0.25"),
        (("def make(sharpness=4.0):\n    def f(x):\n        return tf.tanh(sharpness * x)\n"
         "    return f\n"), 4.0, "sharpness=8.0"),
    ],
)  # fmt: skip
def test_sharpness_is_found(source: str, sharpness: float, doubled: str) -> None:
    function = "make.f" if "make" in source else "f"
    assert sharpness_in(source, function) == sharpness
    new = sharpened(source, function, 2.0)
    assert new is not None
    assert doubled in new


def test_a_gate_of_the_original_is_no_sharpness() -> None:
    text = "def f(x):\n    return tf.sigmoid(3.0 * x)\n"
    assert sharpened(text, "f", 2.0, before=text) is None
    assert sharpened("def f(x):\n    return x\n", "f", 2.0) is None


@pytest.mark.parametrize(
    ("spec", "shape", "kind"),
    [
        ("y_pred=float32[8,10] in (0,1)", (8, 10), "range"),
        ("y_true=float32[8,10] in {0,1}", (8, 10), "binary"),
        ("y_true=float32[4] in {0, 1}", (4,), "binary"),
        ("y=float32[2,3] onehot", (2, 3), "onehot"),
        ("p=float32[2,3] softmax", (2, 3), "simplex"),
        ("labels=int32[8] in [0,9]", (8,), "index"),
        ("x=float32[]", (), "any"),
    ],
)
def test_specs(spec: str, shape: tuple[int, ...], kind: str) -> None:
    tensor = parse_spec(spec)
    assert isinstance(tensor, Tensor)
    assert (tensor.shape, tensor.kind) == (shape, kind)


def test_specs_that_cannot_be_read() -> None:
    assert parse_spec("gamma=2.0") == ("gamma", 2.0)
    for spec in ("y_pred", "y=float32[8] in (1,0)", "y=float32[8] sideways", "y=f(x)"):
        with pytest.raises(InputError):
            parse_spec(spec)
    text = "def f(y):\n    # lossfix: input y=float32[3] in (0,1)\n    return y\n"
    assert comment_specs(text, 1, 3) == ("y=float32[3] in (0,1)",)


def test_draws_keep_to_the_range_and_to_the_seed() -> None:
    def loss(y_true: object, y_pred: object) -> None: ...

    signature = inspect.signature(loss)
    plan = next(plans(signature, Hints(), ("y_pred=float32[8,10] in (0,1)",)))
    for draw in draws(plan, "bfloat16", 3, (0.5,)):
        y_pred = np.asarray(draw.values["y_pred"], dtype=np.float64)
        assert np.all((y_pred > 0) & (y_pred < 1)), draw.regime
        assert np.array_equal(rounded(y_pred, "bfloat16"), y_pred)
    first, again, other = (draws(plan, "float32", seed) for seed in (3, 3, 4))
    assert all(
        np.array_equal(a.values[k], b.values[k])
        for a, b in zip(first, again, strict=True)
        for k in a.values
    )
    assert not np.array_equal(first[0].values["y_pred"], other[0].values["y_pred"])


def test_threshold_draw_has_the_threshold_and_its_neighbours() -> None:
    def loss(y_true: object, y_pred: object) -> None: ...

    plan = next(plans(inspect.signature(loss), Hints(), ()))
    draw = next(d for d in draws(plan, "float32", 0, (0.3,)) if "threshold" in d.regime)
    seen = set(np.asarray(draw.values["y_pred"]).ravel().tolist())
    at = float(np.float32(0.3))
    beside = {float(np.nextafter(np.float32(0.3), np.float32(d))) for d in (0, 1)}
    assert {at} | beside <= seen


@given(
    st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from(["float32", "bfloat16", "float64"])
)
def test_neighbours_are_next_to_each_other(x: float, dtype: str) -> None:
    here = rounded(np.asarray([x]), dtype)
    above = neighbour(here, dtype, np.asarray([1.0]))
    assert above[0] > here[0]
    assert np.array_equal(neighbour(above, dtype, np.asarray([-1.0])), here)
    middle = (above[0] - here[0]) / 2 + here[0]
    assert rounded(np.asarray([middle]), dtype)[0] in (here[0], above[0], middle)


def test_error_bits() -> None:
    one = np.asarray([1.0])
    assert error_bits(one, one, "float32") == 0.0
    assert error_bits(one + 2.0**-23, one, "float32") == 1.0
    assert error_bits(np.asarray([math.nan]), one, "float32") == 32.0
    assert error_bits(one, np.asarray([math.inf]), "float32") is None


def test_probes_keep_the_meaning() -> None:
    text = "def f(x, y=2):\n    z = [x + y, -x]\n    return max(z)[0] if y > 1 else z[1]\n"
    new, sites = instrument(text.replace("max(z)[0]", "max(z)"))
    space: dict[str, object] = {PROBE: lambda site, value: value}
    exec(new, space)
    function = space["f"]
    assert callable(function)
    assert function(3) == 5
    codes = {site.code: site for site in sites}
    assert codes["x + y"].line == 2
    assert codes["x + y"].op == "+"
    assert [sites[r].code for r in codes["x + y"].reads] == ["x", "y"]


@pytest.mark.parametrize(
    ("body", "width"),
    [
        ("y_pred[:, :4] - y_pred[:, 4:]", 8),
        ("y_pred[..., 0:2] + y_pred[..., 2:4] + y_pred[..., 4:5]", 5),
        ("y_pred[..., 5:] * y_pred[..., 4]", 10),
        ("tf.split(y_pred, 3, axis=-1)", 12),
        ("tf.split(y_pred, num_or_size_splits=2, axis=-1)", 8),
        ("y_pred[0] - y_pred[:4]", None),  # not of the last axis
        ("y_pred[:, :-1]", None),
        ("y_pred[:, 4000:]", None),
    ],
)
def test_the_last_axis_is_as_long_as_the_parts_that_are_taken_of_it(
    body: str, width: int | None
) -> None:
    assert width_in(f"def my_loss(y_true, y_pred):\n    return {body}\n") == width


def test_plans_try_that_width_first() -> None:
    def loss(y_true: object, y_pred: object) -> None: ...

    found = plans(inspect.signature(loss), Hints(), (), 12)
    shapes = list(dict.fromkeys(plan.tensors[1].shape for plan in found))
    assert shapes[:3] == [(8, 12), (2, 4, 4, 12), (4, 6, 12)]
    assert (8, 10) in shapes


def test_a_setting_by_name_in_the_place_of_a_label_is_one() -> None:
    def loss(counts, rates):
        return rates

    plan = next(plans(inspect.signature(loss), Hints(roles={"counts": "setting"}), ()))
    assert [(t.name, t.role, t.shape) for t in plan.tensors] == [
        ("counts", "label", (8, 10)),
        ("rates", "prediction", (8, 10)),
    ]


def test_a_setting_that_no_convention_knows_is_asked_for() -> None:
    def loss(y_true, y_pred, counts):
        return y_pred

    with pytest.raises(InputError, match="counts"):
        list(plans(inspect.signature(loss), Hints(roles={"counts": "setting"}), ()))
