"""`lossfix rewrite`: previews, writes, opt-ins, and files that must not change."""

import json
import os
import subprocess
import sys

import pytest

HEAD = "import tensorflow as tf\n\n\n"
SOFTPLUS = HEAD + (
    "def my_loss(y_true, y_pred):\n"
    "    return tf.reduce_mean(tf.math.log(1 + tf.exp(-y_true * y_pred)), axis=-1)\n"
)
GATE = HEAD + (
    "def gate_loss(y_true, y_pred):\n"
    "    return tf.reduce_mean(tf.where(y_pred > 0.5, y_true - y_pred, 0.0), axis=-1)\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plus.py").write_text(SOFTPLUS)
    (tmp_path / "gate.py").write_text(GATE)
    return tmp_path


def test_nothing_is_written_without_write_and_git_takes_the_preview(lossfix, folder):
    ran = lossfix("rewrite", "--no-verify", "plus.py")
    assert ran.code == 1
    assert (folder / "plus.py").read_text() == SOFTPLUS
    assert "not verified" in ran.err
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "-"], input=ran.out, text=True, check=True)
    assert "tf.nn.softplus(-y_true * y_pred)" in (folder / "plus.py").read_text()


def test_write_writes_and_a_second_run_changes_nothing(lossfix, folder):
    lossfix("rewrite", "--no-verify", "--write", ".")
    once = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    assert b"softplus" in once["plus.py"]
    second = lossfix("rewrite", "--no-verify", "--write", ".")
    assert second.out == ""
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == once


def test_a_relaxed_fix_wants_to_be_allowed(lossfix, folder):
    left = lossfix("rewrite", "--no-verify", "gate.py")
    assert left.out == ""
    assert "needs-opt-in: --allow relaxed" in left.err
    for name in ("relaxed", "LF203", "soft-gate"):
        ran = lossfix("rewrite", "--no-verify", "--allow", name, "--sharpness", "7", "gate.py")
        assert "+    return tf.reduce_mean(tf.sigmoid(7.0 * (y_pred - 0.5))" in ran.out


def test_a_fix_that_changes_the_loss_is_allowed_by_its_own_name_only(lossfix, folder):
    (folder / "mean.py").write_text(
        HEAD + "def my_loss(y_true, y_pred):\n    return tf.reduce_mean(y_true - y_pred)\n"
    )
    refused = lossfix("rewrite", "--no-verify", "--allow", "meaning", "mean.py")
    assert refused.code == 2
    assert "name the rule" in refused.err
    ran = lossfix("rewrite", "--no-verify", "--allow", "LF404", "mean.py")
    assert "axis=-1" in ran.out
    assert "sample_weight" in ran.err


def test_json_has_a_verdict_for_each_finding_and_a_diff_for_each_file(lossfix, folder):
    ran = lossfix("rewrite", "--no-verify", "--output-format", "json", ".")
    data = json.loads(ran.out)
    by_code = {finding["code"]: finding for finding in data["findings"]}
    assert by_code["LF115"]["applied"] is True
    assert by_code["LF115"]["verdict"] is None
    assert by_code["LF203"]["reason"] == "needs-opt-in: --allow relaxed"
    files = {file["path"]: file for file in data["files"]}
    assert files["plus.py"]["state"] == "fixed"
    assert files["plus.py"]["diff"].startswith("--- a/plus.py\n+++ b/plus.py\n")
    assert (files["gate.py"]["state"], files["gate.py"]["diff"]) == ("findings", "")


def test_a_broken_file_stays_and_the_others_are_rewritten(lossfix, folder):
    (folder / "broken.py").write_text("import tensorflow as tf\ndef my_loss(:\n")
    ran = lossfix("rewrite", "--no-verify", "--write", ".")
    assert ran.code == 2
    assert "broken.py:2: syntax error" in ran.err
    assert (folder / "broken.py").read_text() == "import tensorflow as tf\ndef my_loss(:\n"
    assert "softplus" in (folder / "plus.py").read_text()


@pytest.mark.parametrize(
    "arguments", [["--allow", "nonsense"], ["--sharpness", "-1"], ["--device", "tpu"]]
)
def test_a_wrong_option_is_an_error_before_anything_is_done(lossfix, folder, arguments):
    ran = lossfix("rewrite", "--write", *arguments, "plus.py")
    assert ran.code == 2
    assert (folder / "plus.py").read_text() == SOFTPLUS


def test_interactive_asks_for_each_fix_and_makes_those_that_were_wanted(folder):
    both = SOFTPLUS + "\n\n" + GATE.removeprefix(HEAD)
    (folder / "both.py").write_text(both)
    command = [sys.executable, "-m", "lossfix", "rewrite", "-i", "--no-verify", "--write"]
    ran = subprocess.run([*command, "both.py"], input="n\ny\n", text=True, capture_output=True)
    new = (folder / "both.py").read_text()
    assert "tf.math.log(1 + tf.exp" in new
    assert "tf.sigmoid(10.0 * (y_pred - 0.5))" in new
    assert "LF115" in ran.stderr
    assert "LF203" in ran.stderr


@pytest.mark.tensorflow
class TestVerified:
    """With both versions run."""

    def test_the_seed_gate_is_verified_as_relaxed(self, lossfix, folder):
        ran = lossfix("rewrite", "--allow", "relaxed", "--output-format", "json", "gate.py")
        (finding,) = json.loads(ran.out)["findings"]
        assert (finding["code"], finding["verdict"]) == ("LF203", "verified")
        modes = {c["mode"] for c in finding["verification"]["contexts"]}
        assert modes == {"eager", "graph", "xla"}

    def test_a_refuted_fix_is_dropped_and_shown_with_its_counterexample(
        self, lossfix, folder, monkeypatch
    ):
        from dataclasses import replace

        from lossfix.rules import registry
        from lossfix.rules.pattern import Rewrite
        from lossfix.rules.terms import Var, ops

        x = Var("x")
        wrong = Rewrite(ops.log(1 + ops.exp(x)), ops.softplus(-x))
        rules = [
            replace(r, rewrites=(wrong,)) if r.code == "LF115" else r for r in registry.all_rules()
        ]
        monkeypatch.setattr(registry, "all_rules", lambda: tuple(rules))
        ran = lossfix("rewrite", "--write", "plus.py")
        assert (folder / "plus.py").read_text() == SOFTPLUS
        assert "LF115 softplus left: refuted" in ran.err
        assert "counterexample:" in ran.err
        assert "y_pred = " in ran.err

    @pytest.mark.parametrize(
        "body",
        [
            "raise RuntimeError('no')",
            "os._exit(3)",
            "while True: pass",
        ],
    )
    def test_a_loss_that_cannot_run_is_not_called_verified(
        self, lossfix, folder, body, monkeypatch
    ):
        from lossfix.verify import request

        monkeypatch.setattr(request.Options, "__init__", _short(request.Options.__init__))
        (folder / "stuck.py").write_text(
            "import os\n" + SOFTPLUS.replace("    return", f"    if True: {body}\n    return")
            if body != "while True: pass"
            else "import os\n" + SOFTPLUS.replace("    return", f"    {body}\n    return")
        )
        ran = lossfix("rewrite", "--output-format", "json", "stuck.py")
        for finding in json.loads(ran.out)["findings"]:
            assert finding["verdict"] == "not run"
            assert finding["verification"]["reason"]


def _short(init):
    def shorter(self, *args, **options):
        init(self, *args, **{**options, "timeout_s": 20.0})

    return shorter
