"""Configuration at the command line: what it changes for `check`, `rewrite` and `config`."""

import json

import pytest

HEAD = "import tensorflow as tf\n\n\n"
BAD = f"{HEAD}def my_loss(y_true, y_pred):\n    return tf.sign(y_pred) - y_true\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


def test_rules_are_chosen_by_the_file_and_by_the_command_line(lossfix, folder):
    (folder / "pyproject.toml").write_text('[tool.lossfix]\nignore = ["LF2"]\n')
    assert lossfix("check", "bad.py").code == 0
    assert lossfix("check", "--select", "LF207", "bad.py").code == 1
    assert lossfix("check", "--ignore", "LF1", "bad.py").code == 1
    assert lossfix("check", "--no-config", "bad.py").code == 1


def test_each_file_has_the_configuration_that_is_closest_to_it(lossfix, folder):
    (folder / "pyproject.toml").write_text('[tool.lossfix]\nignore = ["LF2"]\n')
    (folder / "strict").mkdir()
    (folder / "strict" / "lossfix.toml").write_text("")
    (folder / "strict" / "bad.py").write_text(BAD)
    ran = lossfix("check", ".")
    assert ran.out.count("LF207") == 1
    assert "strict/bad.py:5:12: LF207" in ran.out


def test_per_file_ignores(lossfix, folder):
    (folder / "lossfix.toml").write_text('[per-file-ignores]\n"bad.py" = ["soft-sign"]\n')
    assert lossfix("check", "bad.py").code == 0


def test_excluded_files_are_left_out_of_folders_and_taken_where_they_are_named(lossfix, folder):
    (folder / "lossfix.toml").write_text('exclude = ["ba*.py", "gen"]\n')
    (folder / "gen").mkdir()
    (folder / "gen" / "other.py").write_text(BAD)
    assert "no Python files there" in lossfix("check", ".").out
    assert lossfix("check", "bad.py").code == 1
    assert lossfix("check", "gen").code == 1
    assert "Nothing was checked" in lossfix("rewrite", "--no-verify", ".").err


@pytest.mark.parametrize("form", [["--exclude", "ba*.py"], ["--exclude=x,ba*.py"]])
def test_the_command_line_excludes_as_well(lossfix, folder, form):
    assert lossfix("check", *form, ".").code == 0
    assert lossfix("rewrite", "--no-verify", *form, ".").code == 0


@pytest.mark.parametrize("command", [["check"], ["rewrite", "--no-verify", "--write"]])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('slect = ["LF1"]\n', "there is no key 'slect'"),
        ('select = ["LF9"]\n', "no rule is called 'LF9'"),
        ('select = ["LF1"\n', "is no valid TOML"),
        ("sharpness = 'high'\n", "must be a number above 0"),
    ],
)
def test_with_a_broken_configuration_nothing_is_done(lossfix, folder, command, text, said):
    (folder / "sub").mkdir()
    (folder / "sub" / "lossfix.toml").write_text(text)
    (folder / "sub" / "loss.py").write_text(BAD)
    ran = lossfix(*command, "--ignore", "LF404", ".")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: sub/lossfix.toml:1: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_windows_line_endings(lossfix, folder):
    (folder / "pyproject.toml").write_bytes(b'[tool.lossfix]\r\nignore = [\r\n  "LF2",\r\n]\r\n')
    assert lossfix("check", "bad.py").code == 0
    (folder / "pyproject.toml").write_bytes(b'[tool.lossfix]\r\nignore = [\r\n  "LF9",\r\n]\r\n')
    assert lossfix("check", "bad.py").err.startswith("error: pyproject.toml:3: ignore: ")


def test_a_configuration_file_can_be_named(lossfix, folder):
    (folder / "ci.toml").write_text('ignore = ["LF2"]\n')
    assert lossfix("check", "--config", "ci.toml", "bad.py").code == 0
    assert lossfix("check", "--config=ci.toml", "bad.py").code == 0
    both = lossfix("check", "--config", "ci.toml", "--no-config", "bad.py")
    assert (both.code, both.out) == (2, "")
    missing = lossfix("check", "--config", "nope.toml", "bad.py")
    assert missing.err == "error: nope.toml: there is no such file; check the path\n"


def test_allow_and_sharpness_are_for_rewrite(lossfix, folder):
    (folder / "lossfix.toml").write_text('allow = ["relaxed"]\nsharpness = 3\n')
    assert "tf.tanh(3.0 * y_pred)" in lossfix("rewrite", "--no-verify", "bad.py").out
    ran = lossfix("rewrite", "--no-verify", "--sharpness", "7", "bad.py")
    assert "tf.tanh(7.0 * y_pred)" in ran.out
    assert lossfix("rewrite", "--no-verify", "--no-config", "bad.py").out == ""


class TestShown:
    """`lossfix config PATH`."""

    def test_every_key_with_its_value_and_where_it_comes_from(self, lossfix, folder):
        (folder / "pyproject.toml").write_text(
            '[tool.lossfix]\nselect = ["LF2"]\nexclude = ["ba*"]\n\n'
            '[tool.lossfix.per-file-ignores]\n"bad.py" = ["LF207"]\n'
        )
        ran = lossfix("config", "bad.py")
        assert ran.code == 0
        lines = [" ".join(line.split()) for line in ran.out.splitlines()]
        assert lines[0] == "bad.py: pyproject.toml applies"
        assert "select LF2 (pyproject.toml:2)" in lines
        assert "per-file-ignores bad.py: LF207 (pyproject.toml:5)" in lines
        assert "sharpness - (default)" in lines
        assert "LF207" in lines[-2]
        assert lines[-1] == "Left out of folders that are walked, by ba*."

    def test_without_a_file(self, lossfix, folder):
        out = lossfix("config", "bad.py").out
        assert out.startswith("bad.py: no configuration file applies\n")
        assert "every rule" in out

    def test_as_json(self, lossfix, folder):
        (folder / "lossfix.toml").write_text("sharpness = 4\n")
        data = json.loads(lossfix("config", "--output-format", "json", ".").out)
        assert data["keys"]["sharpness"] == {"value": 4.0, "source": "lossfix.toml:1"}
        assert "LF101" in data["rules"]

    def test_what_is_not_there_or_broken(self, lossfix, folder):
        assert lossfix("config", "nope.py").code == 2
        (folder / "lossfix.toml").write_text("zzz = 1\n")
        assert lossfix("config", "bad.py").err.startswith("error: lossfix.toml:1: there is no key")
