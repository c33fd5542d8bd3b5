"""What is found is confirmed by an input at which it shows, or it is said why not."""

import json
import textwrap

import numpy as np
import pytest

from lossfix.check import check_file
from lossfix.confirming import Confirmer
from lossfix.mend import Settings, mend_file
from lossfix.rules.registry import selected
from lossfix.verify import Options

pytestmark = pytest.mark.tensorflow

HEAD = "import tensorflow as tf\n\n\n"


@pytest.fixture
def confirmed(tmp_path, session):
    """What becomes of the findings of one rule in a text."""

    def confirm(text, code, **options):
        path = tmp_path / "loss.py"
        path.write_text(textwrap.dedent(text))
        rules = selected([code], ())
        row = check_file(path, rules)
        file = Confirmer(session, Options(device="cpu", **options)).file(row, rules)
        assert file.findings
        return [finding.confirmation for finding in file.findings]

    return confirm


def loss(body, arguments="y_true, y_pred"):
    return f"{HEAD}def my_loss({arguments}):\n    return {body}\n"


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        ("LF102", "-tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred)))", "is born here"),
        ("LF140", "tf.norm(y_true - y_pred)", "NaN gradient; the derivative here is NaN"),
        ("LF203", "tf.reduce_mean(tf.where(y_pred > 0.5, y_true - y_pred, 0.0))", "no gradient"),
        ("LF207", "tf.reduce_mean(tf.square(y_true - tf.sign(y_pred)))", "a gradient of 0"),
        ("LF103", "-tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred) + 1e-7))",
         "most of it is lost to the guard"),
        ("LF404", "tf.reduce_mean(tf.square(y_true - y_pred))", "with sample_weight"),
        ("LF401", "tf.reduce_mean(tf.square(y_true[:, 0] - y_pred), axis=-1)", "row by row"),
        ("LF127", "tf.reduce_mean(tf.exp(y_pred) - 1)", "with this mended"),
        ("LF148", "tf.reduce_mean(y_pred ** 2) - tf.reduce_mean(y_pred) ** 2", "with this mended"),
        ("LF301", "tf.reduce_mean(tf.square(y_true - y_pred.numpy()))", "no gradient passes"),
    ],
)  # fmt: skip
def test_a_defect_is_confirmed_with_its_input(confirmed, code, body, reason):
    (found,) = confirmed(loss(body), code)
    assert found.status.value == "confirmed", found.reason
    assert reason in found.reason
    assert set(found.inputs) == {"y_true", "y_pred"}


def test_the_witness_shows_the_defect_to_who_runs_it_again(confirmed):
    (found,) = confirmed(loss("-tf.reduce_mean(tf.math.log(tf.nn.softmax(y_pred)))"), "LF101")
    logits = np.array(found.inputs["y_pred"], dtype=np.float32)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    assert (powers / powers.sum(-1, keepdims=True) == 0.0).any()


# Healthy, with a finding.
FLAT = "tf.reduce_mean(tf.math.log(tf.sigmoid(y_pred / (1.0 + tf.abs(y_pred)))))"


def test_digits_that_are_lost_are_traced_to_where_no_fix_is_known(confirmed):
    text = HEAD + textwrap.dedent("""
        def window_loss(y_true, y_pred):
            kernel = tf.ones([2, 2, 3, 1])
            total = tf.nn.conv2d(y_pred, filters=kernel, strides=1, padding="VALID")
            squares = tf.nn.conv2d(y_pred * y_pred, filters=kernel, strides=1, padding="VALID")
            average = total / 12.0
            return tf.reduce_mean(squares - average * total)
    """)
    (found,) = confirmed(text, "LF148")
    assert found.status.value == "confirmed", found.reason
    assert "is an error, of exact numbers (line 10, squares - average * total)" in found.reason


def test_what_cannot_happen_is_not_reproduced_and_it_says_what_was_tried(confirmed):
    (found,) = confirmed(loss(FLAT), "LF106")
    assert found.status.value == "not reproduced"
    assert "in the regimes typical" in found.reason
    assert found.inputs is None


def test_code_behind_a_flag_is_reached_by_turning_it(confirmed):
    text = HEAD + textwrap.dedent("""
        def my_loss(y_true, y_pred, hard=False):
            if hard:
                y_pred = tf.cast(y_pred > 0.5, tf.float32)
            return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


        class MyLoss(tf.keras.losses.Loss):
            def __init__(self, hard=False):
                super().__init__()
                self.hard = hard

            def call(self, y_true, y_pred):
                if self.hard:
                    y_pred = tf.cast(y_pred > 0.5, tf.float32)
                return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)
    """)
    first, second = confirmed(text, "LF201")
    assert first.status.value == second.status.value == "confirmed"
    assert first.reason.startswith("with hard=True: no gradient")
    assert second.reason.startswith("with self.hard=True: no gradient")


def test_code_that_is_never_reached_is_not_run(confirmed):
    text = HEAD + textwrap.dedent("""
        def my_loss(y_true, y_pred, kind="soft"):
            if kind == "hard":
                y_pred = tf.cast(y_pred > 0.5, tf.float32)
            return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)
    """)
    (found,) = confirmed(text, "LF201")
    assert found.status.value == "not run"
    assert "never came to this code" in found.reason


def test_a_loss_that_cannot_be_built_is_not_run(confirmed):
    text = f"import nowhere_to_be_found\n{loss('nowhere_to_be_found.f(tf.norm(y_pred))')}"
    (found,) = confirmed(text, "LF140")
    assert found.status.value == "not run"
    assert "nowhere_to_be_found" in found.reason


def test_each_of_two_defects_is_found_at_its_own_place(confirmed):
    text = HEAD + textwrap.dedent("""
        def my_loss(y_true, y_pred):
            p = tf.sigmoid(y_pred)
            hit = y_true * tf.math.log(p)
            miss = (1 - y_true) * tf.math.log(1 - p)
            return -tf.reduce_mean(hit + miss)
    """)
    (hit,) = confirmed(text, "LF106")
    (miss,) = confirmed(text, "LF107")
    assert "line 7" in hit.reason
    assert "line 8" in miss.reason


def test_a_loss_at_module_level_is_run_without_the_script(confirmed, tmp_path):
    text = f"""
        import tensorflow as tf
        open({str(tmp_path / 'trained')!r}, "w").write("the script ran")
        data = tf.random.normal([8, 4])
        weights = tf.Variable(tf.zeros([4, 1]))
        error = tf.matmul(data, weights) - 1.0
        loss = tf.sqrt(tf.reduce_mean(tf.square(error)))
    """
    (found,) = confirmed(text, "LF141")
    assert found.status.value == "confirmed", found.reason
    assert "(line 7, tf.sqrt" in found.reason
    assert list(found.inputs) == ["error"]
    assert not (tmp_path / "trained").exists()


def test_only_confirmed_findings_are_fixed(tmp_path, session):
    path = tmp_path / "loss.py"
    path.write_text(HEAD + textwrap.dedent("""
        def sharp_loss(y_true, y_pred):
            return -tf.reduce_mean(tf.math.log(tf.nn.softmax(y_pred)))


        def flat_loss(y_true, y_pred):
            return FLAT
    """).replace("FLAT", FLAT))
    confirmer = Confirmer(session, Options(device="cpu"))
    rules = selected(["LF101", "LF106"], ())
    row = mend_file(path, Settings(rules, write=True, confirmer=confirmer))
    sharp, flat = row.findings
    assert sharp.applied
    assert not flat.applied
    assert flat.reason.startswith("not-confirmed: not reproduced")
    assert "log_softmax" in path.read_text()
    assert "tf.math.log(tf.sigmoid" in path.read_text()


def test_the_command_line_tells_it_to_people_and_programs(lossfix, tmp_path):
    path = tmp_path / "loss.py"
    path.write_text(loss("tf.norm(y_true - y_pred)"))
    ran = lossfix("check", "--confirm", "--select", "LF140", path)
    assert ran.code == 1
    assert "    confirmed: the loss has a NaN gradient" in ran.out
    assert "        y_pred = [[0, 0" in ran.out
    assert "; 1 confirmed." in ran.out
    data = json.loads(lossfix("check", "--confirm", "--output-format", "json", path).out)
    assert data["findings"][0]["confirmation"]["status"] == "confirmed"
    assert data["findings"][0]["confirmation"]["inputs"]["y_pred"][0][0] == 0.0


def test_nothing_is_run_unless_it_was_asked_for(lossfix, tmp_path):
    path = tmp_path / "loss.py"
    path.write_text(loss("tf.norm(y_true - y_pred)"))
    data = json.loads(lossfix("check", "--output-format", "json", path).out)
    assert all("confirmation" not in finding for finding in data["findings"])
