"""The baseline: old findings are known, new ones are shown, gone ones are said."""

import json
import stat

import pytest

HEAD = "import tensorflow as tf\n\n\n"
OLD = "def my_loss(y_true, y_pred):\n    return tf.sign(y_pred) - y_true\n"
NEW = "\n\ndef new_loss(y_true, y_pred):\n    return tf.sign(y_pred) - y_true\n"
NAME = "lossfix-baseline.json"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(HEAD + OLD)
    return tmp_path


@pytest.fixture
def recorded(lossfix, folder):
    ran = lossfix("check", "--write-baseline", NAME, ".")
    assert (ran.code, ran.out) == (0, f"{NAME}: 1 finding recorded.\n")
    return folder


def test_what_is_recorded_is_sorted_one_a_line_and_without_line_numbers(recorded):
    text = (recorded / NAME).read_text()
    (entry,) = json.loads(text)["findings"]
    assert len(entry.pop("hash")) == 16
    assert entry == {"path": "src/a.py", "code": "LF207", "function": "my_loss", "count": 1}
    assert len(text.splitlines()) == 6
    assert stat.S_IMODE((recorded / NAME).stat().st_mode) == 0o644


def test_what_is_known_is_not_shown_and_is_counted(lossfix, recorded):
    ran = lossfix("check", "--baseline", NAME, ".")
    assert (ran.code, ran.out) == (0, "No findings in 1 file; 1 in the baseline.\n")
    data = json.loads(lossfix("check", "--baseline", NAME, "--output-format", "json", ".").out)
    assert data["findings"] == []
    assert data["baseline"] == {"known": 1, "gone": 0}
    assert [row["code"] for row in data["files"][0]["known"]] == ["LF207"]


def test_what_is_new_is_shown(lossfix, recorded):
    (recorded / "src" / "a.py").write_text(HEAD + OLD + NEW)
    ran = lossfix("check", "--baseline", NAME, ".")
    assert ran.code == 1
    assert "src/a.py:9:12: LF207" in ran.out
    assert "1 finding in 1 file" in ran.out
    assert "1 in the baseline" in ran.out


def test_a_second_of_the_same_kind_is_new(lossfix, recorded):
    twice = OLD.replace(
        "return tf.sign(y_pred)", "a = tf.sign(y_pred)\n    return a + tf.sign(y_pred)"
    )
    (recorded / "src" / "a.py").write_text(HEAD + twice)
    ran = lossfix("check", "--baseline", NAME, ".")
    assert ran.out.count("LF207") == 1


@pytest.mark.parametrize(
    "changed",
    [
        HEAD + "\n\n# moved\n" + OLD,
        HEAD + OLD.replace("tf.sign(y_pred)", "tf.sign(  # why\n        y_pred\n    )"),
        (HEAD + OLD).replace("\n", "\r\n"),
    ],
    ids=["moved", "laid out anew", "windows"],
)
def test_lines_and_layout_do_not_matter(lossfix, recorded, changed):
    (recorded / "src" / "a.py").write_bytes(changed.encode())
    assert lossfix("check", "--baseline", NAME, ".").code == 0


def test_paths_are_those_of_the_baselines_folder(lossfix, recorded, monkeypatch):
    monkeypatch.chdir(recorded / "src")
    assert lossfix("check", "--baseline", f"../{NAME}", "a.py").code == 0


class TestGone:
    """Entries that no longer occur."""

    def test_they_are_said_and_a_new_record_drops_them(self, lossfix, recorded):
        (recorded / "src" / "a.py").write_text(HEAD + OLD.replace("tf.sign", "tf.tanh"))
        ran = lossfix("check", "--baseline", NAME, ".")
        said = "1 baseline entry is gone; --write-baseline brings it up to date."
        assert (ran.code, ran.out.splitlines()[-1]) == (0, said)
        lossfix("check", "--write-baseline", NAME, ".")
        assert json.loads((recorded / NAME).read_text())["findings"] == []
        assert "gone" not in lossfix("check", "--baseline", NAME, ".").out

    def test_a_rule_that_is_no_more_takes_its_entries_along(self, lossfix, recorded):
        (recorded / NAME).write_text((recorded / NAME).read_text().replace("LF207", "LF998"))
        assert "1 baseline entry is gone" in lossfix("check", "--baseline", NAME, ".").out

    def test_a_deleted_file_takes_its_entries_along(self, lossfix, recorded):
        (recorded / "src" / "a.py").unlink()
        (recorded / "b.py").write_text("x = 1\n")
        assert "1 baseline entry is gone" in lossfix("check", "--baseline", NAME, ".").out

    @pytest.mark.parametrize(
        "arguments", [["b.py"], ["src/a.py::other"], ["--ignore", "LF207", "."]]
    )
    def test_what_was_not_looked_at_is_not_gone_and_is_kept(self, lossfix, recorded, arguments):
        (recorded / "b.py").write_text(HEAD + NEW)
        other = "def other(y_true, y_pred):\n    return y_true - y_pred\n"
        (recorded / "src" / "a.py").write_text(HEAD + OLD + other)
        assert "gone" not in lossfix("check", "--baseline", NAME, *arguments).out
        ran = lossfix("check", "--write-baseline", NAME, *arguments)
        assert "1 of files not looked at kept" in ran.out
        entries = json.loads((recorded / NAME).read_text())["findings"]
        assert "src/a.py" in {entry["path"] for entry in entries}

    def test_a_file_that_cannot_be_parsed_keeps_its_entries(self, lossfix, recorded):
        (recorded / "src" / "a.py").write_text("import tensorflow as tf\ndef my_loss(:\n")
        ran = lossfix("check", "--write-baseline", NAME, ".")
        assert ran.code == 2
        assert "src/a.py:2: syntax error" in ran.err
        assert len(json.loads((recorded / NAME).read_text())["findings"]) == 1


def test_the_configuration_can_name_it(lossfix, folder):
    (folder / "lossfix.toml").write_text(f'baseline = "{NAME}"\n')
    missing = lossfix("check", ".")
    assert (missing.code, missing.out) == (2, "")
    assert f"lossfix check --write-baseline {NAME} PATHS" in missing.err
    assert lossfix("check", "--write-baseline", NAME, ".").code == 0
    assert "1 in the baseline" in lossfix("check", "src/a.py").out
    assert lossfix("check", "--no-config", ".").code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no valid JSON"),
        ("[]", "is no baseline"),
        ('{"version": 9, "findings": []}', "version 9"),
        ('{"version": 1, "findings": [{"path": "a"}]}', "is no baseline"),
        ('{"version": 1, "findings": [1]}', "is no baseline"),
    ],
)
def test_a_broken_baseline_is_one_line_and_nothing_is_checked(lossfix, folder, text, said):
    (folder / NAME).write_text(text)
    for option in ("--baseline", "--write-baseline"):
        ran = lossfix("check", option, NAME, ".")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"error: {NAME}")
        assert said in ran.err
        assert ran.err.count("\n") == 1
    assert (folder / NAME).read_text() == text


def test_a_baseline_that_cannot_be_written_is_an_error(lossfix, folder):
    ran = lossfix("check", "--write-baseline", "nowhere/b.json", ".")
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere/b.json: cannot be written" in ran.err


def test_comments_without_effect_are_told_apart(lossfix, folder):
    text = f"{HEAD}{OLD.replace('tf.sign', 'tf.tanh')}# lossfix: ignore[LF101] a\n"
    (folder / "src" / "a.py").write_text(text)
    lossfix("check", "--write-baseline", NAME, ".")
    assert lossfix("check", "--baseline", NAME, ".").code == 0
    (folder / "src" / "a.py").write_text(text.replace("LF101", "LF102"))
    assert lossfix("check", "--baseline", NAME, ".").code == 1


def test_rewrite_fixes_what_the_baseline_knows(lossfix, recorded):
    (recorded / "lossfix.toml").write_text(f'baseline = "{NAME}"\nallow = ["relaxed"]\n')
    assert "+    return tf.tanh(" in lossfix("rewrite", "--no-verify", "src").out
