"""Verdicts are told again exactly while all that they rest on is as it was."""

import json
import time

import pytest

from lossfix.cache import verdicts
from lossfix.cache.folder import FOLDER_VARIABLE
from lossfix.cache.store import Store
from lossfix.cli.rewriting import mend_plans
from lossfix.proving import Prover, loaded_part
from lossfix.rules.contracts import Exact
from lossfix.verify import Options, Outcome, Program, Session, not_run
from lossfix.verify.verdict import Verdict

HEAD = "import tensorflow as tf\n\n\n"
LOSS = (
    f"{HEAD}def my_loss(y_true, y_pred):\n    return tf.reduce_mean(tf.square(y_true - y_pred))\n"
)
VERIFIED = Verdict(Outcome.VERIFIED, "exact", "held")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def kept(folder):
    return verdicts.Verdicts(Store(str(folder / "cache")), b"context")


def test_an_answer_is_told_again_to_the_same_question_alone(kept):
    kept.keep({"a": 1, "b": [2]}, {"verdict": "verified"})
    assert kept.known({"b": [2], "a": 1}) == {"verdict": "verified"}
    assert kept.known({"a": 2, "b": [2]}) is None
    assert verdicts.Verdicts(kept.store, b"other").known({"a": 1, "b": [2]}) is None


@pytest.mark.parametrize("change", ["written", "removed", "made"])
def test_an_answer_holds_while_the_files_it_rests_on_do(kept, folder, change):
    there, missing = folder / "there.py", folder / "missing.py"
    there.write_text("x = 1\n")
    kept.keep({"q": 1}, "answer", [str(there), str(missing)], time.time_ns())
    assert kept.known({"q": 1}) == "answer"
    if change == "written":
        there.write_text("x = 2\n")
    elif change == "removed":
        there.unlink()
    else:
        missing.write_text("")
    assert kept.known({"q": 1}) is None


def test_nothing_is_kept_where_a_file_changed_meanwhile(kept, folder):
    asked = time.time_ns() - 10**9
    (folder / "there.py").write_text("x = 1\n")
    kept.keep({"q": 1}, "answer", [str(folder / "there.py")], asked)
    assert kept.known({"q": 1}) is None


def test_a_damaged_answer_is_none(kept):
    kept.store.write([], [(verdicts._key({"q": 1}), kept.context, b"verdict", "[1")])
    assert kept.known({"q": 1}) is None


def test_a_distribution_is_told_with_its_version(folder):
    for name in ("numpy-2.0.dist-info", "mine.egg-link", "numpy"):
        (folder / name).mkdir()
    assert verdicts.installed([str(folder), "/nowhere"]) == ["mine.egg-link", "numpy-2.0.dist-info"]


def test_a_loss_is_told_by_what_is_loaded_and_said_of_it():
    loss = "def f(a, b):\n    return a - b\n"
    told = [
        loaded_part(Program(text, "l.py", "f", "/x"))
        for text in (
            f"train()\n{loss}",
            f"other()\n{loss}",
            f"train()\n{loss.replace('-', '+')}",
            f"# lossfix: input a=float32[4]\n{loss}",
            f"\n{loss}",
        )
    ]
    assert told[0] == told[1]
    assert all(other != told[0] for other in told[2:])


def test_what_was_not_run_is_run_again(folder, monkeypatch):
    from lossfix import proving

    answers = [not_run("exact", "it hangs"), VERIFIED]
    monkeypatch.setattr(proving, "verify_pair", lambda *_, **__: answers.pop(0))
    monkeypatch.setattr(Session, "_start", None)
    loss = Program(LOSS, "/nowhere/loss.py", "my_loss")
    found = []
    for _ in range(3):
        with Prover(Options(device="cpu")) as prover:
            found.append(prover.pair(loss, loss, Exact(), None))
    assert [verdict.outcome.value for verdict in found] == ["not run", "verified", "verified"]
    assert found[2] == VERIFIED
    assert answers == []


def test_a_stopped_run_calls_nothing_a_verdict(monkeypatch):
    from lossfix import proving
    from lossfix.errors import VerifyError

    loss = Program(LOSS, "/nowhere/loss.py", "my_loss")
    with Prover(Options(device="cpu")) as prover:

        def stopped(*_, **__):
            prover.close()
            return not_run("exact", "the loss took its worker down")

        monkeypatch.setattr(proving, "verify_pair", stopped)
        with pytest.raises(VerifyError, match="stopped"):
            prover.pair(loss, loss, Exact(), None)


BAD = """import tensorflow as tf

from helpers import scale


def {name}(y_true, y_pred):
    p = tf.nn.softmax(y_pred * scale)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))
"""


@pytest.mark.tensorflow
def test_a_second_rewrite_starts_no_worker_until_a_neighbour_changes(lossfix, folder, monkeypatch):
    source, helpers = folder / "losses.py", folder / "helpers.py"
    source.write_text(BAD.format(name="my_loss"))
    helpers.write_text("scale = 1.0\n")
    arguments = ["rewrite", "--device", "cpu", source, "--output-format", "json"]
    first = lossfix(*arguments)
    (found,) = json.loads(first.out)["findings"]
    assert found["verdict"] == "verified"
    assert found["verification"]["reads"] == [
        str(folder / n) for n in ("__init__.py", "helpers.py")
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_start", None)
        assert lossfix(*arguments).out == first.out
    helpers.write_text("raise RuntimeError('not today')\n")
    (found,) = json.loads(lossfix(*arguments).out)["findings"]
    assert found["verdict"] == "not run"
    assert "not today" in found["verification"]["reason"]


@pytest.mark.tensorflow
def test_several_files_at_a_time_end_as_one_after_the_other(folder):
    from lossfix.cli.targets import plans_of

    (folder / "code").mkdir()
    (folder / "code" / "helpers.py").write_text("scale = 1.0\n")
    for number in range(3):
        text = BAD.format(name="first") + "\n\n" + BAD.format(name="second").partition("\n\n\n")[2]
        (folder / "code" / f"losses{number}.py").write_text(text)
    plans = plans_of([str(folder / "code")])
    seen = []
    with Prover(Options(device="cpu", modes=("eager",)), jobs=3) as prover:
        rows = mend_plans(plans, prover=prover, jobs=3, step=seen.append)
    assert [row.path for row in rows] == [str(plan.target.path) for plan in plans]
    outcomes = [row.verdict.outcome.value for file in rows for row in file.findings]
    assert outcomes == ["verified"] * 6
    assert sorted(seen) == [row.path for row in rows]
