"""A fix where few people would put a loss: made right, or withheld with a reason."""

import ast
from pathlib import Path

import pytest

from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules

HEAD = "import tensorflow as tf\n\n\n"
LOG = "tf.math.log(tf.nn.softmax(y_pred))"
FIXED = "tf.nn.log_softmax(y_pred)"
NORM = "tf.norm(y_true - y_pred, axis=-1)"


def rewritten(text):
    return rewrite_text(text, Path("loss.py"), all_rules(), lambda finding: "")


def body(*lines):
    inner = "".join(f"    {line}\n" for line in lines)
    return f"{HEAD}def my_loss(y_true, y_pred, flag=True):\n{inner}"


@pytest.mark.parametrize(
    "lines",
    [
        [f"return y_true - (\\\n{LOG})"],
        [f"if flag: return y_true - {LOG}", "return y_true"],
        [f"x = 1; y = {LOG}; return y - y_true"],
        ["match flag:", f"    case True: return {LOG} - y_true", "return y_true"],
        [f"a = b = {LOG}", "return a + b - y_true"],
        [f"a, *b = {LOG} - y_true, 1", "return a"],
        [f"return sum([i * {LOG} for i in (1.0, 2.0)]) - y_true"],
        [f"return tf.add(*[y_true, {LOG}])"],
        [f"return dict(a={LOG} - y_true,)"],
        [f"return (yield {LOG} - y_true)"],
        [f"while flag: return {LOG} - y_true"],
        [f"with tf.name_scope('a'): return {LOG} - y_true"],
        [f"assert flag, {LOG}", f"return {LOG} - y_true"],
        [f"x: 'tf.Tensor' = {LOG}", "return x - y_true"],
        [f"return y_true if flag else -{LOG}"],
        [f"return (w := {LOG}) - y_true + w"],
        [f"return y_true - {LOG}[..., 0]"],
    ],
)
def test_a_fix_without_a_variable_fits_anywhere(lines):
    text = body(*lines)
    new = rewritten(text)
    assert new.text == text.replace(LOG, FIXED)
    assert new.applied


@pytest.mark.parametrize(
    "lines",
    [
        [f"if flag: return {NORM}", "return y_true"],
        [f"x = 1; return {NORM}"],
        [f"if flag: \\\n return {NORM}", "return y_true"],
        [f"return y_true if flag else {NORM}"],
        [f"return flag and {NORM}"],
        [f"return [i * {NORM} for i in (1.0, 2.0)]"],
        ["return sum(tf.norm(i * y_pred, axis=-1) for i in (1.0, 2.0))"],
        ["return (w := note(y_pred)) + tf.norm(w - y_true, axis=-1)"],
        ["return note(y_true) + tf.norm(note(y_pred), axis=-1)"],
        [f"while (z := {NORM}) is not None:", "    return z"],
        ["if flag:", "    pass", f"elif (z := {NORM}) is not None:", "    return z"],
    ],
)
def test_a_fix_that_needs_a_variable_is_withheld_where_none_can_stand(lines):
    text = body(*lines)
    new = rewritten(text)
    assert new.text == text
    reasons = [
        left.reason.partition(":")[0] for left in new.left if left.finding.rule.code == "LF140"
    ]
    assert reasons == ["no-place-for-variable"]


def test_a_variable_stands_before_the_statement_that_needs_it():
    text = body("match flag:", "    case True:", f"        return {NORM}", "return y_true")
    assert "        squared = tf.reduce_sum(" in rewritten(text).text
    ast.parse(rewritten(text).text)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}@note({LOG})\ndef my_loss(y_true, y_pred):\n    return y_true\n",
        f"{HEAD}table = {{'loss': lambda y_true, y_pred: {LOG}}}\n",
        f"{HEAD}def my_loss(y_true, y_pred, z={LOG}):\n    return y_true\n",
        f"{HEAD}class MyLoss:\n    y_pred = tf.ones(3)\n    loss = {LOG}\n",
    ],
    ids=["decorator", "lambda", "default", "class body"],
)
def test_outside_a_body_a_fix_is_made_in_place_or_not_at_all(text):
    assert rewritten(text).text in (text, text.replace(LOG, FIXED))


def test_a_fix_in_an_f_string_leaves_the_string_whole():
    text = body(f"print(f'{{{LOG}:>9}}')", f"return y_true - {LOG}")
    new = rewritten(text).text
    assert new.endswith(f"return y_true - {FIXED}\n")
    assert new in (text.replace(LOG, FIXED), text.replace(f"- {LOG}", f"- {FIXED}"))


def test_a_part_with_a_name_that_would_be_lost_withholds_the_fix():
    text = body("return tf.math.log(1 + tf.exp(v := y_pred)) + v - y_true")
    new = rewritten(text)
    assert new.text == text
    assert [left.reason.partition(":")[0] for left in new.left] == ["named-in-range"]


def test_a_part_with_a_name_is_kept_with_it():
    text = body("return tf.math.log(1 + tf.exp((v := y_pred * 2) + 1)) + v - y_true")
    assert "return tf.nn.softplus((v := y_pred * 2) + 1) + v" in rewritten(text).text


@pytest.mark.parametrize(
    ("imports", "reason"),
    [
        ("from keras import backend as K\nimport numpy as np\n", "no-such-op"),
        ("def other():\n    import tensorflow as tf\n\nfrom keras import backend as K\n", ""),
    ],
)
def test_only_names_that_are_bound_at_the_place_are_written(imports, reason):
    code = "K.log(1 + K.exp(y_pred))" if not reason else "np.log(y_pred) + K.int_shape(y_pred)[0]"
    text = f"{imports}\n\ndef my_loss(y_true, y_pred):\n    return y_true - {code}\n"
    new = rewritten(text)
    assert {left.reason.partition(":")[0] for left in new.left} == ({reason} if reason else set())
    assert ("K.softplus(y_pred)" in new.text) == (not reason)


def test_a_module_level_loss_with_a_global_is_mended_in_place():
    text = HEAD + "x = tf.ones(3)\nloss = tf.reduce_sum(tf.math.log(tf.nn.softmax(x)))\n"
    assert rewritten(text).text == text.replace(
        "tf.math.log(tf.nn.softmax(x))", "tf.nn.log_softmax(x)"
    )


def test_a_definition_that_goes_takes_no_lone_carriage_return_along():
    text = (
        "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
        "    p = tf.nn.softmax(y_pred)\n    z = tf.math.log(p)\n    return y_true * z\n\n\n"
        "def other(y):\n    return y\n"
    ).replace("\n", "\r")
    assert "\r    return y_true * tf.nn.log_softmax(y_pred)\r\r\rdef other" in rewritten(text).text
