"""Programs whose every finding has a fix: mended across helpers, methods and files, at one go."""

import ast
import re
from pathlib import Path

import pytest

from lossfix.mend import Settings, mend_file
from lossfix.report.rows import State
from lossfix.rules.contracts import CONTRACTS
from lossfix.rules.registry import all_rules

FIXTURES = Path(__file__).parents[1] / "fixtures"
RULES = all_rules()
EVERYTHING = frozenset(kind.name for kind in CONTRACTS) | frozenset(rule.code for rule in RULES)

FIXED = {
    "programs/classification_functions.py": (
        "tf.gather_nd(tf.nn.log_softmax(logits), places)",
        "labels * tf.math.log_sigmoid(score)",
        "(labels, logits, from_logits=True)",
        "tf.exp(gamma * tf.math.log_sigmoid(-logits))",
    ),
    "programs/convnet_v1.py": ("y_ * tf.nn.log_softmax(",),
    "programs/exponential_penalty_tape.py": ("tf.reduce_logsumexp(miss)", "tf.nn.softplus("),
    "programs/focal_keras_model.py": ("log_sigmoid(logits)", "log_sigmoid(-logits)"),
    "programs/gaussian_policy_tape.py": ("tf.sinh(tf.clip_by_value(raw, -1, 1) / 2)",),
    "programs/generative_functions.py": (
        "* tf.exp(-log_variance)",
        "tf.exp(z_log_var / 2)",
        "tf.nn.softplus(total)",
        "tf.nn.softmax(log_scale * cost)",
    ),
    "programs/gan_v1.py": ("log_sigmoid(D_logit_real)", "log_sigmoid(-D_logit_fake)"),
    "programs/keras_compile_custom.py": ("log_softmax(y_pred)", "mean_square > 0"),
    "programs/logistic_by_hand_v1.py": ("log_sigmoid(score)", "log_sigmoid(-score)"),
    "programs/lstm_unrolled_v1.py": ("log_softmax(ys)",),
    "programs/name_scope_multitask_v1.py": ("log_softmax(tf.matmul(trunk, w_kind))",),
    "programs/policy_gradient_v1.py": ("log_softmax(all_act)",),
    "programs/rbm_free_energy.py": ("tf.nn.softplus(wx_b)", "tf.sign(probs"),
    "programs/rmse_regression_notebook.py": ("mean_square > 0",),
    "programs/siamese_embedding.py": ("tf.where(total > 0,",),
    "programs/skip_gram.py": ("log_sigmoid(score(words, contexts))",),
    "programs/softmax_regression_v1.py": ("labels * tf.nn.log_softmax(",),
    "programs/text_cnn_class.py": ("log_softmax(self.logits)",),
    "programs/two_encoders_nce_v1.py": ("reduce_logsumexp(similarity, axis=1)",),
    "lifting/base_class_method.py": ("log_sigmoid(logits)",),
    "lifting/closure_factory.py": ("log_sigmoid(y_pred)", "log_softmax(y_pred)"),
    "lifting/compat_v1.py": ("log_softmax(logits)", "log_sigmoid(logits)"),
    "lifting/decorators.py": ("log_sigmoid(scores)", "log_softmax(scores)"),
    "lifting/helper_class_instance.py": ("log_sigmoid(scores)",),
    "lifting/helper_tuple.py": ("log_softmax(scores)", "log_sigmoid(scores)"),
    "lifting/keras_backend.py": ("log_softmax(y_pred)", "log_sigmoid(y_pred)"),
    "lifting/keras_ops.py": ("ops.log_softmax(y_pred)", "ops.log_sigmoid(-y_pred)"),
    "lifting/kin/base.py": ("log_softmax(logits / self.temperature)",),
    "lifting/kin/losses.py": (
        "log_softmax(logits)",
        "log_softmax(logits / self.temperature)",
    ),
    "lifting/label_masks.py": ("tf.sigmoid(10.0 * (y_pred - 0.5))", "tf.cast(y_true > 0.5"),
    "lifting/labels_only_helper.py": ("return tf.round(values)", "squared > 0"),
    "lifting/lambda_name.py": ("log_sigmoid(logits)", "log_softmax(logits)"),
    "lifting/max_subtracted.py": ("return tf.nn.softmax(z)", "reduce_logsumexp(z"),
    "lifting/metrics.py": ("K.sum(K.clip(y_true * y_pred, 0, 1), axis=-1)", "K.round(y_pred)"),
    "lifting/module_helper.py": ("log_softmax(scores)", "log_sigmoid("),
    "lifting/module_level.py": ("log_softmax(features @ w)", "squared > 0"),
    "lifting/nested_function.py": ("log_softmax(scaled)",),
    "lifting/self_method.py": ("log_softmax(logits / self.temperature)", "log_sigmoid(logits)"),
    "lifting/settings.py": ("tf.abs(y_true - y_pred)",),
    "lifting/shadowed_names.py": ("log_softmax(scores)", "tf.math.log(softmax(scores))"),
    "lifting/softmax_in_helper.py": ("log_softmax(z)", "log_softmax(z / temperature)"),
    "lifting/star_import.py": ("log_softmax(scores)", "tf.math.log(probability(scores))"),
    "lifting/stop_gradient.py": ("tf.stop_gradient(tf.round(y_pred) - y_pred)", "squared > 0"),
    "lifting/tuple_assignment.py": ("log_softmax(scores)", "log_sigmoid(scores)"),
    "lifting/while_loop.py": ("log_sigmoid(scores)", "log_softmax(z)"),
    "lifting/with_blocks.py": ("log_softmax(scores)", "log_sigmoid(scores)"),
}
"""Files of which every finding has a fix, each with pieces of text that the result must hold."""

ONCE = {"lifting/drawn_once.py": ("tf.random.normal(", "jitter(", "tf.nn.dropout(")}
"""Calls that give another value each time: the result holds each as often as the original."""

KEPT = ("lifting/template_method.py",)
"""Files whose findings have no fix that is right for every caller: nothing changes."""


def stripped(name, folder):
    """A copy of the fixture in `folder`, with the files of its package, without labels."""
    original = FIXTURES / name
    package = original.parent / "__init__.py"
    for source in original.parent.glob("*.py") if package.exists() else (original,):
        copy = folder / source.relative_to(FIXTURES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"  # finds .*$", "", source.read_text(), flags=re.MULTILINE))
    return folder / name


def mended(path):
    row = mend_file(path, Settings(RULES, EVERYTHING, write=True))
    left = [f"{f.code} at line {f.line}: {f.reason}" for f in row.findings if f.reason]
    return row.state, left, path.read_text()


@pytest.mark.parametrize("name", FIXED)
def test_every_finding_is_fixed_and_a_second_run_changes_nothing(name, tmp_path):
    path = stripped(name, tmp_path)
    state, left, text = mended(path)
    assert state is State.FIXED, "\n".join(left) or state.value
    ast.parse(text)
    for piece in FIXED[name]:
        assert piece in text
    again, left, same = mended(path)
    assert again is State.CLEAN, "\n".join(left)
    assert same == text


@pytest.mark.parametrize(
    "name", [n for n in FIXED if (FIXTURES / n).with_suffix(".after.py").exists()]
)
def test_the_result_is_the_golden_one(name, tmp_path):
    _, _, text = mended(stripped(name, tmp_path))
    assert text == (FIXTURES / name).with_suffix(".after.py").read_text()


@pytest.mark.parametrize("name", ONCE)
def test_what_gives_another_value_each_time_is_not_called_more_often(name, tmp_path):
    path = stripped(name, tmp_path)
    before = path.read_text()
    _, _, after = mended(path)
    ast.parse(after)
    for call in ONCE[name]:
        assert after.count(call) == before.count(call)


@pytest.mark.parametrize("name", KEPT)
def test_what_has_no_right_fix_stays_as_it_is(name, tmp_path):
    path = stripped(name, tmp_path)
    before = path.read_text()
    state, _, after = mended(path)
    assert state is State.FINDINGS
    assert after == before
