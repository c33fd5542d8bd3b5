"""`lossfix check`: findings as text and JSON, exit codes, and every kind of bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
BAD = f"{HEAD}    return tf.sign(y_pred) - y_true\n"
GOOD = f"{HEAD}    return y_true - y_pred\n"
KEYS = [
    "code",
    "rule",
    "message",
    "path",
    "function",
    "line",
    "column",
    "end_line",
    "end_column",
    "contract",
    "fix",
    "reason",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path


def test_findings_are_one_line_each_and_the_exit_code_is_1(lossfix, folder):
    ran = lossfix("check", "bad.py", "good.py")
    assert ran.code == 1
    assert ran.out.startswith("bad.py:5:12: LF207 soft-sign: the gradient of sign is 0")
    assert "--allow relaxed" in ran.out
    assert "1 finding in 2 files" in ran.out
    assert ran.err == ""


def test_a_clean_run_says_so_and_exits_0(lossfix, folder):
    ran = lossfix("check", "good.py")
    assert (ran.code, ran.out) == (0, "No findings in 1 file.\n")


@pytest.mark.parametrize("form", [["--output-format", "json"], ["--output-format=json"]])
def test_json_has_the_keys_that_other_programs_read(lossfix, folder, form):
    ran = lossfix("check", *form, ".")
    data = json.loads(ran.out)
    (finding,) = data["findings"]
    assert list(finding) == KEYS
    assert finding["function"] == "my_loss"
    assert (finding["line"], finding["column"], finding["end_column"]) == (5, 12, 27)
    assert finding["fix"] is True
    assert data["files"] == [
        {"path": "bad.py", "state": "findings", "reason": "", "suppressed": [], "known": []},
        {"path": "good.py", "state": "clean", "reason": "", "suppressed": [], "known": []},
    ]


def test_columns_count_code_points(lossfix, folder):
    (folder / "wide.py").write_text(BAD.replace("return tf", "é = '𝄞'; return tf"))
    ran = lossfix("check", "--output-format", "json", "wide.py")
    assert json.loads(ran.out)["findings"][0]["column"] == 21


def test_functions_are_named_by_their_path_and_module_level_by_nothing(lossfix, folder):
    (folder / "many.py").write_text(
        "import tensorflow as tf\n"
        "class MyLoss(tf.keras.losses.Loss):\n"
        "    def call(self, y_true, y_pred):\n"
        "        return tf.sign(y_pred) - y_true\n"
        "def focal(gamma):\n"
        "    def loss(y_true, y_pred):\n"
        "        return gamma * tf.sign(y_pred) - y_true\n"
        "    return loss\n"
        "logits = tf.random.normal([3])\n"
        "loss = tf.math.log(1 + tf.exp(logits))\n"
    )
    ran = lossfix("check", "--output-format", "json", "many.py")
    names = [f["function"] for f in json.loads(ran.out)["findings"]]
    assert names == ["MyLoss.call", "focal.loss", ""]


def test_one_function_of_a_file_can_be_named(lossfix, folder):
    (folder / "two.py").write_text(BAD + BAD.replace("my_loss", "other")[24:])
    ran = lossfix("check", "two.py::other")
    assert ran.out.count("LF207") == 1
    missing = lossfix("check", "two.py::nope")
    assert missing.code == 2
    assert "there is no function 'nope'" in missing.err


def test_rules_are_chosen_by_code_prefix_or_name(lossfix, folder):
    assert lossfix("check", "--select", "LF1", "bad.py").code == 0
    assert lossfix("check", "--ignore", "soft-sign", "bad.py").code == 0
    assert lossfix("check", "--select", "LF2,LF3", "bad.py").code == 1
    unknown = lossfix("check", "--select", "LF9", "bad.py")
    assert (unknown.code, unknown.out) == (2, "")
    assert "lossfix rules" in unknown.err


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("syntax.py", b"import tensorflow\ndef my_loss(:\n", "syntax.py:2: syntax error"),
        ("latin.py", b"import tensorflow\nx = '\xe9'\n", "latin.py:2: "),
        ("null.py", b"import tensorflow\nloss = '\x00'\n", "null.py"),
        ("deep.py", b"import tensorflow\nloss = " + b"(" * 5000 + b")" * 5000, "deep.py"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_the_others_are_done(
    lossfix, folder, name, data, said
):
    (folder / name).write_bytes(data)
    ran = lossfix("check", ".")
    assert ran.code == 2
    assert "LF207" in ran.out
    (line,) = ran.err.splitlines()
    assert line.startswith(f"error: {said}")
    assert (folder / name).read_bytes() == data


def test_a_missing_path_is_an_error_and_the_others_are_done(lossfix, folder):
    ran = lossfix("check", "nope.py", "bad.py")
    assert ran.code == 2
    assert ran.err == "error: nope.py: there is no such file or folder; check the path\n"
    assert "LF207" in ran.out


def test_nothing_to_check_is_said_and_is_no_error(lossfix, folder):
    (folder / "empty.py").write_text("")
    (folder / "book.ipynb").write_text('{"cells": []}')
    (folder / "sub").mkdir()
    for command in ("check", "rewrite"):
        for path in ("empty.py", "sub", "book.ipynb"):
            ran = lossfix(command, path)
            assert ran.code == 0
            assert "Nothing was checked" in ran.out + ran.err


@pytest.mark.parametrize("command", [["frobnicate"], ["check"], ["check", "--nope", "x.py"]])
def test_a_wrong_command_line_is_one_line_and_exits_2(lossfix, command):
    ran = lossfix(*command)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1


def test_a_check_imports_no_framework_and_nothing_heavy(folder):
    heavy = "{'tensorflow', 'keras', 'numpy', 'libcst', 'rich', 'typer', 'mpmath', 'black'}"
    code = (
        "import sys; sys.argv = ['lossfix', 'check', 'bad.py']\n"
        "from lossfix.cli.main import main\n"
        "try: main()\n"
        f"finally: print(sorted({heavy} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_what_python_would_warn_of_in_the_code_is_not_printed(folder):
    (folder / "good.py").write_text(f"{HEAD}    return (1if y_true else 2) + (y_pred is 3)\n")
    command = [sys.executable, "-W", "error", "-m", "lossfix", "check", "good.py"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_module_runs_as_the_command_does(folder):
    ran = subprocess.run(
        [sys.executable, "-m", "lossfix", "--version"], capture_output=True, text=True
    )
    assert ran.stdout.startswith("lossfix ")


def test_the_rules_are_listed_and_explained(lossfix):
    listed = lossfix("rules")
    assert "LF203  soft-gate" in listed.out
    explained = lossfix("explain", "lf203")
    assert explained.code == 0
    for word in ("Why.", "Contract. relaxed", "--allow relaxed", "Source.", "  - tf.where"):
        assert word in explained.out
    codes = [
        r["code"] for r in json.loads(lossfix("rules", "--output-format", "json").out)["rules"]
    ]
    assert codes[:2] == ["LF001", "LF101"]
    assert lossfix("explain", "nonsense").code == 2


def test_the_seed_losses_are_found():
    from lossfix.rules.find import find
    from lossfix.rules.registry import all_rules

    seed = Path(__file__).parents[2] / "fixtures" / "seed"
    expected = {
        "threshold_gate.py": "LF203",
        "threshold_gate_spread.py": "LF203",
        "overflow_exp.py": "LF179",
        "batch_mean.py": "LF404",
    }
    for name, code in expected.items():
        assert code in [f.rule.code for f in find((seed / name).read_text(), all_rules())]
