"""Smooth fixes are steered by rule and by comment; what speaks nearest holds."""

import pytest

from lossfix.config import Config, config_for, flags_from, rules_for
from lossfix.errors import ConfigError, RuleError
from lossfix.mend import Settings, mend_file
from lossfix.rules.registry import all_rules, every_rule
from lossfix.rules.rule import Rule
from lossfix.rules.steer import kernel_names, steered

RULES = all_rules()
LOSS = """import tensorflow as tf


def count_loss(y_true, y_pred):
    above = tf.cast(y_pred > 0.5, tf.float32){comment}
    return tf.abs(tf.reduce_sum(y_true - above, axis=-1))
"""
BYTES = """import tensorflow as tf


def count_loss(y_true, y_pred):
    grey = 255.0 * tf.sigmoid(y_pred)
    above = tf.cast(grey > 100.0, tf.float32)
    return tf.abs(tf.reduce_sum(y_true - above, axis=-1))
"""


def mended(tmp_path, text, rules=RULES, allow=("relaxed",), **asked):
    path = tmp_path / "loss.py"
    path.write_text(text)
    row = mend_file(path, Settings(rules, frozenset(allow), write=True, **asked))
    return path.read_text(), row


def step_of(text):
    return next(line for line in text.splitlines() if "above =" in line).partition("= ")[2]


@pytest.mark.parametrize(
    ("comment", "by_rule", "general", "k"),
    [
        ("", (), None, "10.0"),
        ("", (), 30.0, "30.0"),
        ("", (("LF201", 20.0),), 30.0, "20.0"),
        ("  # lossfix: smooth k = 5", (("LF201", 20.0),), 30.0, "5.0"),
    ],
)
def test_the_nearest_sharpness_holds(tmp_path, comment, by_rule, general, k):
    rules = steered(RULES, by_rule, ())
    text, _ = mended(tmp_path, LOSS.format(comment=comment), rules, sharpness=general)
    assert step_of(text).startswith(f"tf.sigmoid({k} * (y_pred - 0.5))")


def test_the_default_fits_the_width_of_the_data(tmp_path):
    text, row = mended(tmp_path, BYTES)
    assert step_of(text) == "tf.sigmoid(0.04 * (grey - 100.0))"
    assert row.findings[0].note.startswith("k = 0.04, for values 255 wide; within 0.0067 of the")


@pytest.mark.parametrize(
    ("k", "says"), [(10.0, "beyond 0.5 of"), (1000.0, "warning: too sharp, the gradient is ex")]
)
def test_a_fix_quotes_its_error_and_warns_of_a_gradient_that_vanishes(tmp_path, k, says):
    _, row = mended(tmp_path, LOSS.format(comment=""), sharpness=k)
    assert says in row.findings[0].note
    assert ("warning" in row.findings[0].note) == (k > 100)


def test_a_comment_names_a_kernel(tmp_path):
    asked = LOSS.format(comment="  # lossfix: smooth smoothstep, k = 4")
    text, _ = mended(tmp_path, asked)
    assert "ramp = tf.clip_by_value(4.0 * (y_pred - 0.5) / 5, -1, 1)" in text
    assert step_of(text).startswith("0.5 + ramp * (3 - tf.square(ramp)) / 4")


def test_a_kernel_may_promise_something_else(tmp_path):
    asked = LOSS.format(comment="  # lossfix: smooth straight-through")
    text, row = mended(tmp_path, asked)
    assert text == asked
    assert row.findings[0].reason == "needs-opt-in: --allow straight-through"
    text, _ = mended(tmp_path, asked, allow=["straight-through"])
    assert "tf.stop_gradient(tf.cast(y_pred > 0.5, tf.float32)) + (" in text


def test_a_kernel_that_the_rule_does_not_have_withholds_the_fix(tmp_path):
    asked = LOSS.format(comment="  # lossfix: smooth gauss")
    text, row = mended(tmp_path, asked)
    assert text == asked
    assert "its kernels are sigmoid, smoothstep, straight-through" in row.findings[0].reason


def test_a_comment_that_asks_for_nothing_is_a_finding(tmp_path):
    asked = LOSS.format(comment="  # lossfix: smooth very much")
    _, row = mended(tmp_path, asked, every_rule())
    assert any("asks for nothing" in finding.message for finding in row.findings)


def test_the_command_line_and_the_configuration_steer_rules(tmp_path):
    (tmp_path / "lossfix.toml").write_text(
        'sharpness = 7.0\n[rule-sharpness]\nLF201 = 20.0\n[kernels]\nsoft-round = "smoothstep"\n'
    )
    flags = flags_from(sharpness=("12", "LF203=5"), kernels=("LF201=smoothstep",))
    config = config_for(tmp_path / "loss.py", flags)
    by_code = {rule.code: rule for rule in rules_for(config, tmp_path / "loss.py")}
    assert config.sharpness == 12.0
    assert [by_code[c].sharpness for c in ("LF201", "LF203", "LF204")] == [20.0, 5.0, None]
    assert [by_code[c].kernel for c in ("LF201", "LF204")] == ["smoothstep", "smoothstep"]


@pytest.mark.parametrize("text", ["0", "-3", "much", "LF203=", "LF203=none", "=4"])
def test_what_is_no_sharpness_is_an_error(text):
    with pytest.raises(ConfigError):
        flags_from(sharpness=(text,))


def test_a_rule_without_a_sharpness_cannot_be_given_one():
    with pytest.raises(RuleError, match="no rule called 'LF101' has a sharpness"):
        steered(RULES, (("LF101", 3.0),), ())


def test_without_a_wish_the_rules_are_the_installed_ones(tmp_path):
    rules = rules_for(Config(), tmp_path / "loss.py")
    assert all(one is other for one, other in zip(rules[1:], RULES, strict=False))


@pytest.mark.parametrize("rule", [r for r in RULES if r.kernels], ids=lambda rule: rule.code)
def test_kernels_are_for_the_patterns_of_their_rule(rule: Rule):
    assert len(set(kernel_names(rule))) == 1 + len(rule.kernels)
    for kernel in rule.kernels:
        assert [r.before for r in kernel.rewrites] == [r.before for r in rule.rewrites]
        assert kernel.words


@pytest.mark.parametrize("door", [("rewrite", "--no-verify"), ("migrate", "--diff")])
def test_every_door_takes_what_is_asked_for_a_rule(lossfix, tmp_path, monkeypatch, door):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loss.py").write_text(LOSS.format(comment=""))
    asked = ("--sharpness", "LF201=20", "--kernel", "soft-threshold=smoothstep")
    ran = lossfix(*door, "--no-config", "--allow", "relaxed", *asked, ".")
    assert "+    ramp = tf.clip_by_value(20.0 * (y_pred - 0.5) / 5, -1, 1)" in ran.out
