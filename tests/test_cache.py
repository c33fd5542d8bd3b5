"""What is known of a file is told again exactly while it holds, and no damage is ever an error."""

import os
import sqlite3
import subprocess
import sys
import time

import pytest

from lossfix import examine
from lossfix.cache import recall, stamps, store
from lossfix.cache.folder import FOLDER_VARIABLE
from lossfix.cache.packed import packed, unpacked
from lossfix.cache.program import program_digest
from lossfix.check import check_file
from lossfix.job import Job
from lossfix.many import check_many
from lossfix.report.rows import FileRow, State
from lossfix.rules.registry import all_rules, every_rule

CODES = tuple(rule.code for rule in every_rule())
HEAD = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
BAD = f"{HEAD}    return tf.sign(y_pred) - y_true\n"
GOOD = f"{HEAD}    return y_true - y_pred\n"
NAMES = ["bad.py", "good.py", "plain.py"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of three files, and a cache of its own."""
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.chdir(code)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    for name, text in zip(NAMES, (BAD, GOOD, "x = 1\n"), strict=True):
        (code / name).write_text(text)
    return code


@pytest.fixture
def checked(monkeypatch):
    """The names of the files that were checked, and not recalled."""
    names = []
    real = examine.check_file

    def counting(path, *rest):
        names.append(path.name)
        return real(path, *rest)

    monkeypatch.setattr(examine, "check_file", counting)
    return names


@pytest.fixture
def no_ticks(monkeypatch):
    """A clock so fine that every stamp is settled."""
    monkeypatch.setattr(stamps, "_RACE_NS", -60_000_000_000)


def check(names=NAMES, codes=CODES, predictions=()):
    roles = (tuple(predictions), (), ())
    return check_many([Job(str(name), None, codes, roles) for name in names])


def database(project):
    (path,) = (project.parent / "cache").glob("results-*.sqlite")
    return path


def test_a_second_run_checks_nothing_and_tells_the_same(project, checked):
    first = check()
    assert [row.state for row in first] == [State.FINDINGS, State.CLEAN, State.SKIPPED]
    del checked[:]
    assert check() == first
    assert checked == []


def test_rows_come_back_under_the_path_that_was_asked_for(project, checked):
    check()
    (row,) = check([str(project / "bad.py")])
    assert checked == NAMES
    assert (row.path, row.findings[0].path) == (str(project / "bad.py"),) * 2


def test_every_kind_of_row_survives_packing(project):
    rules = all_rules()
    (project / "broken.py").write_text("import tensorflow\ndef my_loss(:\n")
    rows = [check_file(project / name, rules) for name in [*NAMES, "broken.py", "nope.py"]]
    assert [unpacked(packed(row), row.path) for row in rows] == rows


def test_a_settled_file_is_not_even_read(project, checked, no_ticks, monkeypatch):
    first = check()
    monkeypatch.setattr(recall, "read", lambda path: pytest.fail(f"{path} was read"))
    assert check() == first


def test_changed_bytes_are_checked_anew_and_old_bytes_are_remembered(project, checked, no_ticks):
    first = check()
    (project / "bad.py").write_text(GOOD)
    del checked[:]
    assert [row.state for row in check()] == [State.CLEAN, State.CLEAN, State.SKIPPED]
    assert checked == ["bad.py"]
    (project / "bad.py").write_text(BAD)  # as a branch does that is checked out and left again
    assert check() == first
    assert checked == ["bad.py"]


def test_the_same_size_and_time_do_not_hide_a_change(project, checked, no_ticks):
    check()
    path = project / "bad.py"
    times = path.stat()
    time.sleep(0.02)  # more than a tick of the clock
    path.write_text(BAD.replace("tf.sign", "tf.tanh"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert check()[0].state is State.CLEAN


@pytest.mark.parametrize(("age", "state"), [(0, State.CLEAN), (60, State.FINDINGS)])
def test_a_stamp_within_a_tick_of_the_reading_is_not_trusted(project, monkeypatch, age, state):
    """The clock stands still, so no stamp shows the change; an old stamp would be believed."""
    moment = time.time_ns() - age * 1_000_000_000
    for module in (stamps, recall):
        monkeypatch.setattr(module, "stamp_of", lambda path: f"{moment} {moment} 99 1")
    check(["bad.py"])
    (project / "bad.py").write_text(GOOD)
    assert check(["bad.py"])[0].state is state


def test_other_rules_another_configuration_or_a_function_are_another_question(project, checked):
    check(["bad.py"])
    assert check(["bad.py"], tuple(c for c in CODES if c[:3] != "LF2"))[0].state is State.CLEAN
    check(["bad.py"], predictions=["z"])
    check_many([Job("bad.py", "my_loss", CODES)])
    assert checked == ["bad.py"] * 4
    check(["bad.py"], predictions=["z"])
    check_many([Job("bad.py", "my_loss", CODES)])
    assert checked == ["bad.py"] * 4


def test_a_file_that_failed_is_not_kept(project, checked):
    (project / "broken.py").write_text("import tensorflow\ndef my_loss(:\n")
    for _ in range(2):
        assert check(["broken.py", "nope.py"])[0].state is State.FAILED
    assert checked == ["broken.py", "nope.py"] * 2


@pytest.fixture
def reading(project, monkeypatch):
    """Every answer rests on `helper.py`, and on there being no `__init__.py`."""
    (project / "helper.py").write_text("EPSILON = 1e-7\n")
    real = examine.check_file

    def with_reads(path, *rest):
        row = real(path, *rest)
        return FileRow(row.path, row.state, row.reason, reads=("helper.py", "__init__.py"))

    monkeypatch.setattr(examine, "check_file", with_reads)
    return project


@pytest.mark.parametrize("settled", [True, False])
def test_a_file_that_an_answer_rests_on_is_looked_at(reading, checked, request, settled):
    if settled:
        request.getfixturevalue("no_ticks")
    first = check(["good.py"])
    assert check(["good.py"]) == first
    assert checked == ["good.py"]
    (reading / "helper.py").write_text("EPSILON = 1e-8\n")
    check(["good.py"])
    assert checked == ["good.py"] * 2
    (reading / "__init__.py").write_text("")
    check(["good.py"])
    (reading / "__init__.py").unlink()
    check(["good.py"])
    check(["good.py"])
    assert checked == ["good.py"] * 4


def test_nothing_is_kept_when_what_it_rests_on_changed_meanwhile(reading, checked, monkeypatch):
    real = examine.check_file

    def changing(path, *rest):
        time.sleep(0.02)  # more than a tick of the clock
        (reading / "helper.py").write_text(f"EPSILON = {len(checked)}\n")
        return real(path, *rest)

    monkeypatch.setattr(examine, "check_file", changing)
    for _ in range(2):
        check(["good.py"])
    assert checked == ["good.py"] * 2


LOSS = "import tensorflow as tf\nfrom {} import squash\n\n\ndef my_loss(y_true, y_pred):\n"
LOSS += "    return tf.reduce_mean(y_true * tf.math.log(squash(y_pred)))\n"
SQUASH = "import tensorflow as tf\n\n\ndef squash(x):\n    return tf.nn.softmax(x)\n"


@pytest.mark.parametrize("others", [[], ["first.py"]])
@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("helpers", "helpers.py"),
        ("helpers", "helpers/__init__.py"),
        (".helpers", "helpers.py"),
        ("a.b.helpers", "a/b/helpers.py"),
        ("a.b.helpers", "a/b/helpers/__init__.py"),
    ],
)
def test_a_file_that_was_missing_is_found_when_it_is_there(
    project, checked, no_ticks, module, path, others
):
    for name in [*others, "loss.py"]:
        (project / name).write_text(LOSS.format(module))
    assert {row.state for row in check([*others, "loss.py"])} == {State.CLEAN}
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text(SQUASH)
    assert check(["loss.py"])[0].findings
    (project / path).unlink()
    assert not check(["loss.py"])[0].findings


def test_a_file_that_comes_to_hand_on_the_framework_counts(project, checked, no_ticks):
    text = "import keras\nfrom backend import nn\n\n\ndef my_loss(y_true, y_pred):\n"
    text += "    return -keras.ops.mean(y_true * keras.ops.log(nn.softmax(y_pred)))\n"
    for name in ("first.py", "loss.py"):
        (project / name).write_text(text)
    (project / "backend.py").write_text("import numpy as nn\n")
    assert [row.state for row in check(["first.py", "loss.py"])] == [State.CLEAN] * 2
    (project / "backend.py").write_text("import tensorflow as tf\nfrom tensorflow import nn\n")
    assert check(["loss.py"])[0].findings


def pack(folder, text):
    """A rule pack as it lies there when it is installed."""
    (folder / "acme_rules").mkdir(parents=True, exist_ok=True)
    (folder / "acme_rules" / "__init__.py").write_text(text)
    (folder / "acme-1.0.dist-info").mkdir(exist_ok=True)
    entry = "[lossfix.rules]\nacme = acme_rules:RULES\n"
    (folder / "acme-1.0.dist-info" / "entry_points.txt").write_text(entry)


def run(project, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "lossfix", "check", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_a_rule_pack_that_changed_makes_every_answer_void(project, tmp_path):
    pack(tmp_path / "packs", "RULES = ()\n")
    environment = {"PYTHONPATH": str(tmp_path / "packs")}
    assert run(project, ".", **environment).returncode == 1
    pack(tmp_path / "packs", "raise ImportError('no more')\n")
    ran = run(project, ".", **environment)
    assert ran.returncode == 2
    assert "rule pack 'acme' cannot be loaded: no more" in ran.stderr


def test_the_program_is_its_source_and_its_packs(tmp_path, monkeypatch):
    alone = program_digest()
    pack(tmp_path / "packs", "RULES = ()\n")
    monkeypatch.syspath_prepend(str(tmp_path / "packs"))
    first = program_digest()
    assert first not in (alone, None)
    (tmp_path / "packs" / "other.txt").write_text("no source")
    assert program_digest() == first
    (tmp_path / "packs" / "acme_rules" / "more.py").write_text("")
    assert program_digest() != first


def test_a_warm_run_imports_neither_processes_nor_the_parser_of_arguments(project):
    code = (
        "import sys; sys.argv = ['lossfix', 'check', '.']\n"
        "from lossfix.cli.main import main\n"
        "try: main()\n"
        "finally: print([m for m in sys.modules if m.startswith(('lossfix.check',"
        " 'lossfix.examine', 'typer', 'rich', 'multiprocessing', 'libcst'))])\n"
    )
    cold, warm = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert "lossfix.check" in cold.splitlines()[-1]
    assert warm.splitlines() == [*cold.splitlines()[:-1], "[]"]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_the_middle(path):
    data = bytearray(path.read_bytes())
    data[200:] = bytes(len(data) - 200)
    path.write_bytes(data)


def execute(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def other_tables(path):
    execute(path, "DROP TABLE results", "CREATE TABLE results (a)")


def half_made(path):
    execute(path, "DROP TABLE results", "PRAGMA user_version = 0")


def other_types(path):
    execute(path, "UPDATE results SET value = x'ff00ff', sum = 1.5", "UPDATE seen SET stamp = 7")


DAMAGES = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"no database at all" * 1000),
    cut,
    spoil_the_middle,
    lambda path: execute(path, "PRAGMA user_version = 99"),
    other_tables,
    half_made,
    other_types,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_made_anew(project, checked, damage):
    first = check()
    damage(database(project))
    assert check() == first
    check()  # by now it is whole again, whichever part was damaged
    del checked[:]
    assert check() == first
    assert checked == []


@pytest.mark.parametrize(
    ("change", "altered"),
    [
        ("value = replace(value, 'LF207', 'LF999')", ["bad.py"]),
        ("""value = '[{"state":"clean"},{}]'""", ["bad.py", "plain.py"]),
        ("value = 'nonsense', sum = 0", NAMES),
    ],
)
def test_an_altered_answer_is_not_told(project, checked, change, altered):
    first = check()
    execute(database(project), f"UPDATE results SET {change}")
    assert check() == first
    assert checked == NAMES + altered


def limited(monkeypatch, pragma):
    real = sqlite3.connect

    def connect(*arguments, **options):
        connection = real(*arguments, **options)
        connection.execute(pragma)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)


@pytest.mark.parametrize("pragma", ["PRAGMA query_only = 1", "PRAGMA max_page_count = 1"])
def test_a_store_that_cannot_be_written_is_left_alone(project, checked, monkeypatch, pragma):
    check()
    before = database(project).read_bytes()
    limited(monkeypatch, pragma)
    big = [f"loss_{number}.py" for number in range(30)]
    for name in big:
        (project / name).write_text(BAD)
    for _ in range(2):
        assert {row.state for row in check(big)} == {State.FINDINGS}
    assert database(project).read_bytes() == before
    assert check()[0].state is State.FINDINGS
    assert checked == [*NAMES, *big, *big]


def test_a_folder_that_cannot_be_made_keeps_nothing(project, checked, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(project / "good.py"))
    for _ in range(2):
        assert check(["bad.py"])[0].state is State.FINDINGS
    assert checked == ["bad.py"] * 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_read_only_folder_is_read_and_not_written(project, checked):
    check(["bad.py"])
    folder = database(project).parent
    folder.chmod(0o500)
    try:
        assert check()[0].state is State.FINDINGS
    finally:
        folder.chmod(0o700)
    assert checked == NAMES


def test_a_folder_in_the_place_of_the_store_is_left_alone(project, checked):
    (project.parent / "cache" / f"results-{store.SCHEMA}.sqlite").mkdir(parents=True)
    for _ in range(2):
        check(["bad.py"])
    assert checked == ["bad.py"] * 2


def test_a_store_that_another_process_holds_is_done_without(project, checked, monkeypatch):
    first = check()
    monkeypatch.setattr(store, "_PATIENCE_S", 0.05)
    holder = sqlite3.connect(database(project), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert check() == first
    assert checked == NAMES * 2
    holder.execute("ROLLBACK")
    holder.close()
    assert check() == first
    assert checked == NAMES * 2


def test_several_processes_at_once_share_one_store(project, checked):
    names = [f"loss_{number}.py" for number in range(40)]
    for number, name in enumerate(names):
        (project / name).write_text(f"{BAD}# {number}\n")
    command = [sys.executable, "-m", "lossfix", "check", "-j", "1", "."]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    told = {process.communicate() for process in running}
    assert len(told) == 1
    ((out, err),) = told
    assert err == b""
    assert out.count(b"LF207") == 41
    check([*NAMES, *names])
    assert checked == []


def test_the_store_does_not_grow_without_end(project, checked, monkeypatch):
    monkeypatch.setattr(store, "MOST_BYTES", 60_000)
    for number in range(40):
        (project / "bad.py").write_text(f"{BAD}# {number}\n" + "x = 1\n" * number)
        check(predictions=[str(number) * 200])
    execute(database(project), "VACUUM")
    assert database(project).stat().st_size < 90_000
    del checked[:]
    check(predictions=["39" * 200])
    assert checked == []  # what is new is there


def test_an_empty_variable_keeps_nothing(project, checked, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    for _ in range(2):
        check(["bad.py"])
    assert checked == ["bad.py"] * 2
    assert not (project.parent / "cache").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_a_name_that_is_no_text_is_known_too(project, checked):
    name = os.fsdecode(b"loss_\xff.py")
    (project / name).write_text(BAD)
    assert check([name]) == check([name])
    assert len(checked) == 1
