"""An answer is told again while nothing that it rests on has changed, and never after."""

import os
import time

import pytest

from lossfix.cache.folder import FOLDER_VARIABLE
from lossfix.cli import checking
from lossfix.cli.memory import Answer, recall, remember

HEAD = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
BAD = f"{HEAD}    return tf.sign(y_pred) - y_true\n"


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """How many times a check was worked out, and not recalled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "loss.py").write_text(BAD)
    calls = []
    real = checking.check_paths

    def check_paths(paths, *rest):
        calls.extend(paths)
        return real(paths, *rest)

    monkeypatch.setattr(checking, "check_paths", check_paths)
    return calls


def test_the_second_answer_is_recalled_and_is_the_same(lossfix, counted):
    first, second = lossfix("check", "loss.py"), lossfix("check", "loss.py")
    assert counted == ["loss.py"]
    assert (first.code, first.out, first.err) == (second.code, second.out, second.err)
    assert second.code == 1


def test_another_text_is_another_question_even_with_the_same_time_and_size(
    lossfix, counted, tmp_path
):
    lossfix("check", "loss.py")
    path = tmp_path / "loss.py"
    times = path.stat()
    path.write_text(BAD.replace("tf.sign", "tf.tanh"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert lossfix("check", "loss.py").code == 0
    assert len(counted) == 2


def test_other_options_are_another_question(lossfix, counted):
    lossfix("check", "loss.py")
    assert lossfix("check", "--ignore", "LF2", "loss.py").code == 0


def test_a_file_that_was_read_beside_it_is_compared_too(counted, tmp_path):
    beside = [tmp_path / "helper.py", tmp_path / "__init__.py"]
    beside[0].write_text("EPSILON = 1e-7\n")
    arguments, answer = ["check", "loss.py"], Answer("no findings", "", 0, list(map(str, beside)))
    remember(arguments, ["loss.py"], answer, time.time_ns())
    assert recall(arguments, ["loss.py"]).out == "no findings"
    beside[1].write_text("")
    assert recall(arguments, ["loss.py"]) is None
    beside[1].unlink()
    beside[0].write_text("EPSILON = 1e-8\n")
    assert recall(arguments, ["loss.py"]) is None


def test_a_file_that_changed_while_it_was_checked_is_not_remembered(counted, tmp_path):
    asked = time.time_ns()
    time.sleep(0.02)  # more than a tick of the clock
    (tmp_path / "loss.py").write_text(BAD.replace("tf.sign", "tf.tanh"))
    remember(["check", "loss.py"], ["loss.py"], Answer("1 finding", "", 1), asked)
    assert recall(["check", "loss.py"], ["loss.py"]) is None


def test_a_program_that_changed_is_asked_anew(lossfix, counted, tmp_path, monkeypatch):
    pack = tmp_path / "pack"
    pack.mkdir()
    monkeypatch.syspath_prepend(str(pack))
    lossfix("check", "loss.py")
    (pack / "new.py").write_text("")
    lossfix("check", "loss.py")
    assert len(counted) == 2


def test_errors_and_folders_are_not_remembered(lossfix, counted):
    for _ in range(2):
        lossfix("check", "nope.py")
        lossfix("check", ".")
    assert counted == ["nope.py", "."] * 2


def test_a_spoilt_entry_is_no_answer(lossfix, counted, tmp_path):
    lossfix("check", "loss.py")
    (entry,) = (tmp_path / "cache").glob("check-*")
    entry.write_bytes(entry.read_bytes()[:40])
    assert lossfix("check", "loss.py").code == 1
    assert len(counted) == 2


def test_an_empty_variable_keeps_nothing(lossfix, counted, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    lossfix("check", "loss.py")
    assert not (tmp_path / "cache").exists()


def test_a_configuration_that_comes_changes_or_goes_is_another_question(lossfix, counted, tmp_path):
    config = tmp_path / "lossfix.toml"
    answers = []
    for text in (None, 'ignore = ["LF2"]\n', 'ignore = ["LF1"]\n', None):
        if text is None:
            config.unlink(missing_ok=True)
        else:
            config.write_text(text)
        answers.append(lossfix("check", "loss.py").code)
    assert answers == [1, 0, 1, 1]
    assert len(counted) == 4
    lossfix("check", "loss.py")
    assert len(counted) == 4


def test_a_configuration_further_up_is_one_of_them(lossfix, counted, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "loss.py").write_text(BAD)
    assert lossfix("check", "sub/loss.py").code == 1
    (tmp_path / "pyproject.toml").write_text('[tool.lossfix]\nignore = ["LF2"]\n')
    assert lossfix("check", "sub/loss.py").code == 0


def test_a_baseline_that_changed_is_another_question(lossfix, counted, tmp_path):
    lossfix("check", "--write-baseline", "base.json", "loss.py")
    ask = ("check", "--baseline", "base.json", "loss.py")
    assert lossfix(*ask).code == 0
    once = len(counted)
    assert lossfix(*ask).code == 0
    assert len(counted) == once
    (tmp_path / "base.json").write_text('{"version": 1, "findings": []}')
    assert lossfix(*ask).code == 1
