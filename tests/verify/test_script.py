"""A loss that stands bare in a script becomes a function of what nothing is known of."""

import ast
import textwrap

import pytest

from lossfix.graph.module import lift_module
from lossfix.rules.find import find
from lossfix.rules.registry import all_rules
from lossfix.verify.script import FUNCTION, ScriptError, script_of


def script(text):
    text = textwrap.dedent(text)
    finding = next(f for f in find(text, all_rules()) if not f.function)
    return script_of(text, finding.unit, finding.match.root)


def function_in(made):
    tree = ast.parse(made.text)
    return ast.unparse(next(n for n in tree.body if getattr(n, "name", "") == FUNCTION))


def test_placeholders_and_products_with_weights_become_parameters():
    made = script("""
        import tensorflow.compat.v1 as tf
        X = tf.placeholder(tf.float32)
        Y = tf.placeholder(tf.float32)
        W = tf.Variable(tf.zeros([4, 3]))
        logits = tf.matmul(X, W)
        probs = tf.nn.softmax(logits)
        picked = Y * tf.log(probs)
        cost = -tf.reduce_mean(picked)
        train = tf.train.AdamOptimizer().minimize(cost)
    """)
    assert set(made.parameters) == {"logits", "Y"}
    assert function_in(made) == (
        f"def {FUNCTION}(Y, logits):\n    probs = tf.nn.softmax(logits)\n"
        "    picked = Y * tf.log(probs)\n    return -tf.reduce_mean(picked)"
    ).replace("(Y, logits)", f"({', '.join(made.parameters)})")


def test_nothing_else_of_the_script_is_in_the_text():
    made = script("""
        import tensorflow as tf
        SCALE = 2.0
        model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        for x, y in load_data():
            with tf.GradientTape() as tape:
                error = model(x) - y
                loss = SCALE * tf.sqrt(tf.reduce_mean(tf.square(error)))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    """)
    assert made.parameters == ("error",)
    assert "SCALE = 2.0" in made.text
    for word in ("Sequential", "load_data", "GradientTape", "apply_gradients"):
        assert word not in made.text


def test_lines_lead_back_to_the_script():
    made = script("""
        import tensorflow as tf
        logits = net(images)
        loss = -tf.reduce_mean(
            labels * tf.math.log(tf.nn.softmax(logits))
        )
        step(loss)
    """)
    for new, (old, by) in made.lines.items():
        line = made.text.splitlines()[new - 1]
        assert made.here(old, 1 - by if by < 0 else 1)[0] == new
        assert ("tf.nn.softmax" in line) == (old == 5)


def test_a_loss_that_depends_on_no_name_cannot_be_run():
    text = "import tensorflow as tf\nloss = tf.math.log(tf.nn.softmax(tf.constant([1.0, 2.0])))\n"
    unit = lift_module(ast.parse(text)).unit("")
    with pytest.raises(ScriptError, match="could be an input"):
        script_of(text, unit, unit.nodes[-1])
