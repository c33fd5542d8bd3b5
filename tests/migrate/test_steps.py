"""The three steps over one journal: what each does, and what it finds done."""

import json
import os
import subprocess
import sys

import pytest
from repositories import HEAD, contents, fixed, git, loss, softplus

from lossfix import workers
from lossfix.migrate import run as running

HOLDING = """
import pathlib, sys
from lossfix.migrate.lock import only_one
folder = pathlib.Path(".lossfix")
folder.mkdir()
with only_one(folder):
    print("held", flush=True)
    sys.stdin.read()
"""


def apply(lossfix, *more):
    return lossfix("migrate", ".", "--until", "apply", "-j", "1", *more)


def test_a_plan_is_all_that_is_made_unless_more_is_asked_for(lossfix, repository):
    before = contents(repository)
    ran = lossfix("migrate", ".")
    assert ran.code == 1
    assert "3 files would change; nothing written, --until apply writes." in ran.out
    assert contents(repository) == before
    assert git("status", "--porcelain") == b""  # the journal is nobody's business


def test_only_what_was_verified_is_written(lossfix, repository):
    ran = apply(lossfix)
    assert ran.code == 1
    assert (repository / "plus.py").read_text() == fixed(softplus())
    for name in ("unrunnable", "wrong"):
        assert (repository / f"{name}.py").read_text() == softplus(f"{name}_loss")
    assert "unrunnable.py:5:27: LF115 softplus needs a person" in ran.out
    assert "wrong.py:5:27: LF115 softplus needs a person" in ran.out
    assert "1 file written in 2 rounds." in ran.out


def test_what_could_not_be_run_is_written_where_that_is_asked_for(lossfix, repository):
    apply(lossfix, "--include-not-run")
    assert (repository / "unrunnable.py").read_text() == fixed(softplus("unrunnable_loss"))
    assert (repository / "wrong.py").read_text() == softplus("wrong_loss")


def test_a_second_migration_has_nothing_to_do(lossfix, repository, monkeypatch):
    apply(lossfix)
    before = contents(repository)
    monkeypatch.setattr(workers, "handed_out", lambda *_: pytest.fail("something was done again"))
    monkeypatch.setattr("lossfix.migrate.engine.handed_out", workers.handed_out)
    ran = apply(lossfix)
    assert "0 files planned (5 known from the journal); 0 files verified (2 known" in ran.out
    assert "0 files written." in ran.out
    assert contents(repository) == before


def test_each_step_takes_up_what_the_one_before_left(lossfix, repository):
    lossfix("migrate", ".")
    verified = lossfix("migrate", ".", "--until", "verify")
    assert "0 files planned (5 known from the journal); 3 files verified" in verified.out
    applied = apply(lossfix, "--output-format", "json")
    steps = json.loads(applied.out)["steps"]
    assert steps["done"] == {"plan": 1, "verify": 0}  # what was written is looked at once more
    assert steps["written"] == 1


def test_a_file_that_changed_since_the_plan_is_planned_again(lossfix, repository):
    lossfix("migrate", ".", "--until", "verify")
    (repository / "plus.py").write_text(softplus() + "\n# mine\n")
    apply(lossfix)
    assert (repository / "plus.py").read_text() == fixed(softplus()) + "\n# mine\n"


def test_a_file_that_changes_under_way_is_never_overwritten(lossfix, repository, monkeypatch):
    real = running.carry_out

    def carry_out(root, journal, writes, done):
        text = (root / "plus.py").read_text()
        if "# mine" not in text:
            (root / "plus.py").write_text(text + "\n# mine\n")
        return real(root, journal, writes, done)

    monkeypatch.setattr(running, "carry_out", carry_out)
    apply(lossfix)
    assert (repository / "plus.py").read_text() == fixed(softplus()) + "\n# mine\n"


def test_a_plan_rests_on_the_files_that_it_looked_into(lossfix, repository):
    (repository / "__init__.py").write_text("")
    (repository / "helpers.py").write_text(
        "import tensorflow as tf\n\n\ndef soft(z):\n    return tf.nn.softmax(z)\n"
    )
    (repository / "user.py").write_text(
        "import tensorflow as tf\nfrom .helpers import soft\n\n\n"
        "def my_loss(y_true, y_pred):\n"
        "    return -tf.reduce_sum(y_true * tf.math.log(soft(y_pred)), axis=-1)\n"
    )
    first = json.loads(lossfix("migrate", ".", "--output-format", "json").out)
    assert "user.py" in {row["path"] for row in first["findings"]}
    (repository / "helpers.py").write_text(
        "import tensorflow as tf\n\n\ndef soft(z):\n    return tf.sqrt(tf.square(z) + 1.0)\n"
    )
    second = json.loads(lossfix("migrate", ".", "--output-format", "json").out)
    assert "user.py" not in {row["path"] for row in second["findings"]}
    assert second["steps"]["done"]["plan"] == 2


def test_a_fix_is_not_written_where_what_it_rests_on_changed_under_way(
    lossfix, repository, monkeypatch
):
    (repository / "__init__.py").write_text("")
    (repository / "helpers.py").write_text(
        "import tensorflow as tf\n\n\ndef soft(z):\n    return tf.nn.softmax(z)\n"
    )
    user = (
        "import tensorflow as tf\nfrom .helpers import soft\n\n\n"
        "def my_loss(y_true, y_pred):\n"
        "    return -tf.reduce_sum(y_true * tf.math.log(soft(y_pred)), axis=-1)\n"
    )
    (repository / "user.py").write_text(user)
    real = running.Migration._applied

    def applied(self, results):
        (repository / "helpers.py").write_text(
            "import tensorflow as tf\n\n\ndef soft(z):\n" "    return tf.sqrt(tf.square(z) + 1.0)\n"
        )
        return real(self, results)

    with monkeypatch.context() as patch:
        patch.setattr(running.Migration, "_applied", applied)
        apply(lossfix)
    assert (repository / "user.py").read_text() == user
    assert (repository / "plus.py").read_text() == fixed(softplus())


def test_a_second_migration_at_the_same_time_says_so_and_stops(lossfix, repository):
    held = subprocess.Popen(
        [sys.executable, "-c", HOLDING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert held.stdout.readline() == b"held\n"
        ran = apply(lossfix)
    finally:
        held.communicate(b"")
    assert ran.code == 2
    said = f"error: {repository}: another migration is at work here (process {held.pid})"
    assert ran.err.startswith(said)
    assert (repository / "plus.py").read_text() == softplus()
    assert apply(lossfix).code == 1  # the lock went with its holder


def test_writes_that_were_recorded_and_not_made_are_made_first(lossfix, repository, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("lossfix.migrate.apply.replace_at", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(lossfix)
    assert (repository / "plus.py").read_text() == softplus()
    (repository / ".lossfix-left-over.tmp").write_text("")
    apply(lossfix)
    assert (repository / "plus.py").read_text() == fixed(softplus())


def test_undo_puts_back_what_was_written_and_leaves_what_was_edited(lossfix, repository):
    (repository / "more.py").write_text(softplus())
    before = contents(repository)
    apply(lossfix)
    (repository / "more.py").write_text("# mine\n")
    ran = lossfix("undo", ".")
    assert ran.code == 2
    assert "1 file as before the migration; 1 left." in ran.out
    assert "more.py: was edited since the migration; left as it is" in ran.err
    assert contents(repository) == {**before, b"more.py": b"# mine\n"}
    assert lossfix("undo", ".").out == "Nothing to undo.\n"


def test_undo_takes_back_one_migration_after_the_other(lossfix, repository):
    before = contents(repository)
    apply(lossfix)
    between = contents(repository)
    (repository / "sign.py").write_text(
        "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
        "    return tf.reduce_mean(tf.sign(y_pred) - y_true)\n"
    )
    apply(lossfix, "--allow", "relaxed")
    lossfix("undo")
    assert {
        name: data for name, data in contents(repository).items() if name != b"sign.py"
    } == between
    lossfix("undo")
    (repository / "sign.py").unlink()
    assert contents(repository) == before


def test_a_read_only_file_is_an_error_and_the_others_are_written(lossfix, repository):
    (repository / "more.py").write_text(softplus())
    os.chmod(repository / "more.py", 0o444)
    ran = apply(lossfix)
    assert ran.code == 2
    assert "more.py: is read-only; nothing written. chmod u+w and run again" in ran.err
    assert (repository / "more.py").read_text() == softplus()
    assert (repository / "plus.py").read_text() == fixed(softplus())
    os.chmod(repository / "more.py", 0o644)
    assert apply(lossfix).code == 1
    assert (repository / "more.py").read_text() == fixed(softplus())


def test_a_file_that_cannot_be_parsed_is_an_error_and_stays(lossfix, repository):
    (repository / "bad.py").write_text("import tensorflow as tf\ndef my_loss(:\n")
    ran = apply(lossfix)
    assert ran.code == 2
    assert "error: bad.py:2: syntax error" in ran.err
    assert (repository / "plus.py").read_text() == fixed(softplus())


def test_a_folder_that_is_none_is_one_line(lossfix, repository):
    ran = lossfix("migrate", "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: nowhere: is no folder; name the one that is to be migrated\n"
    assert lossfix("undo", ".").err.endswith("has no journal, so no migration to undo\n")


def test_a_damaged_journal_is_one_line(lossfix, repository):
    lossfix("migrate", ".")
    for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (repository / ".lossfix" / name).unlink(missing_ok=True)
    (repository / ".lossfix" / "journal.sqlite").write_bytes(b"no journal at all" * 999)
    ran = lossfix("migrate", ".")
    assert ran.code == 2
    assert "the journal cannot be used" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.tensorflow
def test_only_what_shows_when_it_is_run_is_written_where_that_is_asked_for(lossfix, tmp_path):
    """Both are logarithms of a sigmoid; the argument of the second one is between -1 and 1."""
    sharp = HEAD + loss("sharp_loss", "tf.math.log(tf.sigmoid(y_true * y_pred))")
    flat = HEAD + loss("flat_loss", "tf.math.log(tf.sigmoid(y_pred / (1.0 + tf.abs(y_pred))))")
    (tmp_path / "sharp.py").write_text(sharp)
    (tmp_path / "flat.py").write_text(flat)
    asked = ("migrate", tmp_path, "-j", "1", "--select", "LF106", "--confirmed")
    report = json.loads(lossfix(*asked, "--until", "apply", "--output-format", "json").out)
    assert (tmp_path / "sharp.py").read_text() != sharp
    assert (tmp_path / "flat.py").read_text() == flat
    assert report["left"] == {"not-confirmed": 1}
