"""`lossfix verify` and `lossfix why` on the seed losses: exactly these outcomes."""

import json
from pathlib import Path

import pytest

SEED = Path(__file__).parents[2] / "fixtures" / "seed"
TWO_LOSSES = SEED.parent / "wild" / "gan.before.py"
pytestmark = pytest.mark.tensorflow


def loss(name, function):
    return f"{SEED / name}.py::{function}"


@pytest.mark.parametrize(
    ("before", "after", "options", "code"),
    [
        ("threshold_gate", "right_gate_fix", ["relaxed", "--sharpness", "k"], 0),
        ("threshold_gate", "published_gate_fix", ["relaxed", "--sharpness", "k"], 1),
    ],
)
def test_the_gate_and_the_published_fix_that_turns_it_upside_down(
    lossfix, before, after, options, code
):
    pair = [loss(before, "threshold_gate"), loss(after, "threshold_gate")]
    ran = lossfix("verify", *pair, "--contract", *options, "--output-format", "json")
    data = json.loads(ran.out)
    assert ran.code == code
    assert data["verdict"] == ("refuted" if code else "verified")
    assert bool(data["counterexample"]) == bool(code)
    assert {"verdict", "contract", "reason", "counterexample", "contexts"} <= set(data)


@pytest.mark.parametrize(("contract", "code"), [("monotone", 0), ("exact", 1)])
def test_log_sum_exp_is_monotone_in_the_mean_and_not_equal_to_it(lossfix, contract, code):
    pair = [loss("overflow_exp", "overflow_exp"), loss("overflow_exp_published", "overflow_exp")]
    ran = lossfix("verify", *pair, "--contract", contract)
    assert ran.code == code
    assert ran.out.startswith("refuted (exact)" if code else "verified (monotone)")


def test_one_loss_alone_tells_which_regimes_are_bad(lossfix):
    ran = lossfix("verify", loss("overflow_exp", "overflow_exp"), "--output-format", "json")
    data = json.loads(ran.out)
    regimes = {row["regime"]: (row["value"], row["gradient"]) for row in data["regimes"]}
    assert ran.code == 1
    assert regimes["typical"] == ("ok", "ok")
    assert regimes["large"] == ("inf", "inf")


@pytest.mark.parametrize(
    ("name", "function", "line", "status", "code"),
    [
        ("no_gradient_round", "rounded_loss", 6, "none", "LF204"),
        ("no_gradient_argmax", "accuracy_loss", 6, "none", "LF217"),
        ("no_gradient_numpy", "detached_loss", 6, "none", "LF301"),
        ("no_gradient_cast", "counted_loss", 5, "none", "LF201"),
        ("nan_at_one_input", "distance_loss", 7, "nan", "LF140"),
    ],
)
def test_why_names_the_line_and_the_rule_that_mends_it(lossfix, name, function, line, status, code):
    ran = lossfix("why", loss(name, function), "--output-format", "json")
    data = json.loads(ran.out)
    assert ran.code == 1
    assert (data["line"], data["status"]) == (line, status)
    assert data["rules"] == [code]
    assert data["inputs"]


def test_why_as_text_starts_with_the_place(lossfix):
    ran = lossfix("why", loss("no_gradient_round", "rounded_loss"))
    assert ran.out.splitlines()[0].endswith("the gradient is None from `tf.round(scaled)`")
    assert "LF204 soft-round mends it" in ran.out
    *_, head, rule = ran.out.partition("5  y_pred * 2.0")[0].split("\n")[-4:-1]
    assert head.split() == ["line", "expression", "range", "gradient", "went", "bad", "at"]
    assert set(rule.strip()) == {"-"}
    assert "None      line 6: tf.round(scaled)\n" in ran.out


def test_a_loss_that_is_nan_under_xla_alone_is_a_finding(lossfix, tmp_path):
    (tmp_path / "norm.py").write_text(
        "import tensorflow as tf\n\ndef loss(y_true, y_pred):\n"
        "    return tf.norm(y_true - y_pred) ** 2\n"
    )
    ran = lossfix("verify", f"{tmp_path / 'norm.py'}::loss")
    told = "finding: the original's gradient in float32 is finite in eager, graph and not in xla"
    assert ran.code == 1
    assert told in ran.out


@pytest.mark.parametrize(("bound", "code"), [("1e-2", 0), ("1e-9", 1)])
def test_a_bounded_pair_is_held_to_its_bound(lossfix, tmp_path, bound, code):
    text = "import tensorflow as tf\n\ndef loss(y_true, y_pred):\n    return tf.reduce_mean({})\n"
    (tmp_path / "old.py").write_text(text.format("tf.abs(y_true - y_pred)"))
    (tmp_path / "new.py").write_text(text.format("tf.sqrt((y_true - y_pred) ** 2 + 1e-6)"))
    pair = [f"{tmp_path / name}::loss" for name in ("old.py", "new.py")]
    ran = lossfix("verify", *pair, "--contract", "bounded", "--bound", bound)
    assert ran.code == code
    assert "the largest gradient of the new loss" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [loss("batch_mean", "batch_mean_loss")] * 2 + ["--contract", "bounded"],
            "needs its bound",
        ),
        ([loss("batch_mean", "batch_mean_loss")] * 2 + ["--bound", "1"], "add --contract bounded"),
        (["nope.py::f", "nope.py::g"], "there is no such file"),
        ([loss("batch_mean", "f"), loss("batch_mean", "g")], "there is no function"),
        ([str(TWO_LOSSES), str(TWO_LOSSES)], "name one function"),
        ([loss("batch_mean", "batch_mean_loss")] * 2 + ["--contract", "best"], "no contract"),
        (
            [loss("batch_mean", "batch_mean_loss")] * 2
            + ["--contract", "relaxed", "--sharpness", "q"],
            "has no argument 'q'",
        ),
    ],
)
def test_what_cannot_be_verified_is_not_run(lossfix, arguments, said):
    ran = lossfix("verify", *arguments)
    assert ran.code == 2
    assert said in ran.err + ran.out


def test_the_only_loss_of_a_file_needs_no_name(lossfix):
    file = f"{SEED / 'overflow_exp.py'}"
    assert lossfix("why", file).out == lossfix("why", f"{file}::overflow_exp").out
    said = lossfix("why", str(TWO_LOSSES)).err
    assert "discriminator" in said.partition("its functions are: ")[2]


@pytest.mark.parametrize("command", ["verify", "why"])
def test_a_gpu_that_is_not_there_is_an_error_and_never_a_silent_cpu_run(
    lossfix, command, monkeypatch
):
    from lossfix.verify.session import Session

    monkeypatch.setattr(Session, "_gpus", lambda self: [])
    pair = [loss("batch_mean", "batch_mean_loss")] * (2 if command == "verify" else 1)
    ran = lossfix(command, *pair, "--device", "gpu")
    assert ran.code == 2
    assert ran.err.startswith("error: --device gpu: TensorFlow sees no GPU")
