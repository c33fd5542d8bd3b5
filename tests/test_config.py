"""The configuration: the closest file holds, globs, what is wrong is said with its line."""

from pathlib import Path

import pytest

from lossfix import config as module
from lossfix.config import Config, config_for, flags_from, forget, is_excluded, rules_for
from lossfix.errors import ConfigError
from lossfix.globs import Glob, well_formed
from lossfix.source.roles import RoleOverrides


@pytest.fixture(autouse=True)
def _fresh():
    forget()
    yield
    forget()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes(path, flags=module.NO_FLAGS):
    return {rule.code for rule in rules_for(config_for(Path(path), flags), Path(path))}


def put(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def error_of(name, text):
    """What is said of a file with this text."""
    put(name, text)
    forget()
    with pytest.raises(ConfigError) as raised:
        config_for(Path("loss.py"))
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestWhichFile:
    """The closest file with a table, and nothing of any other."""

    def test_without_a_file_everything_is_as_it_was(self, folder):
        assert config_for(folder / "loss.py") == Config()
        assert {"LF001", "LF101", "LF207"} <= codes("loss.py")

    def test_the_closest_file_holds_alone(self, folder):
        put("pyproject.toml", '[tool.lossfix]\nselect = ["LF1"]\nsharpness = 5\n')
        near = put("deep/er/lossfix.toml", 'ignore = ["LF101"]\n')
        assert config_for(Path("deep/a.py")).select == ("LF1",)
        found = config_for(Path("deep/er/still/a.py"))
        assert found.file == str(near.resolve())
        assert (found.select, found.ignore, found.sharpness) == ((), ("LF101",), None)

    def test_a_pyproject_without_the_table_is_passed_over(self, folder):
        put("pyproject.toml", '[tool.lossfix]\nselect = ["LF1"]\n')
        put("sub/pyproject.toml", '[project]\ndependencies = ["lossfix==0.1"]\n[tool.ruff]\n')
        put("sub2/pyproject.toml", '[tool.poetry.dependencies]\nlossfix = "^0.1"\n')
        for sub in ("sub", "sub2"):
            assert config_for(Path(sub) / "a.py").select == ("LF1",)

    @pytest.mark.parametrize(
        "text",
        [
            '[tool.lossfix]\nselect = ["LF1"]\n',
            '[tool]\nlossfix.select = ["LF1"]\n',
            '[tool]\nlossfix = { select = ["LF1"] }\n',
            'tool.lossfix.select = ["LF1"]\n',
            '[ tool . "lossfix" ]\nselect = ["LF1"]\n',
            '\ufeff[tool.lossfix]\r\nselect = [\r\n  "LF1",\r\n]\r\n',
        ],
    )
    def test_every_way_to_write_the_table_is_found(self, folder, text):
        (folder / "pyproject.toml").write_bytes(text.encode())
        assert config_for(Path("a.py")).select == ("LF1",)

    def test_beside_each_other_the_file_of_its_own_holds(self, folder):
        put("pyproject.toml", '[tool.lossfix]\nselect = ["LF1"]\n')
        put("lossfix.toml", 'select = ["LF2"]\n')
        assert config_for(Path("a.py")).select == ("LF2",)

    def test_a_folder_asks_for_what_stands_in_it(self, folder):
        put("sub/lossfix.toml", 'select = ["LF2"]\n')
        assert config_for(Path("sub")).select == ("LF2",)

    def test_a_broken_pyproject_of_others_is_none_of_our_business(self, folder):
        put("pyproject.toml", "[tool.ruff\n")
        assert config_for(Path("a.py")).file is None

    def test_files_are_read_once_and_anew_after_forgetting(self, folder):
        path = put("lossfix.toml", 'select = ["LF1"]\n')
        config_for(Path("a.py"))
        path.write_text('select = ["LF2"]\n')
        assert config_for(Path("a.py")).select == ("LF1",)
        forget()
        assert config_for(Path("a.py")).select == ("LF2",)


class TestFlags:
    """The command line over the file."""

    def test_select_and_ignore_replace_what_the_file_says(self, folder):
        put("lossfix.toml", 'select = ["LF1", "LF2"]\nignore = ["LF207"]\n')
        assert not {"LF207"} & codes("a.py")
        assert codes("a.py", flags_from(select=("LF207",))) == {"LF207"}
        replaced = codes("a.py", flags_from(ignore=("LF101",)))
        assert "LF207" in replaced
        assert "LF101" not in replaced
        assert {code[:3] for code in replaced} == {"LF1", "LF2"}

    def test_allow_and_exclude_add_and_sharpness_replaces(self, folder):
        put("lossfix.toml", 'allow = ["relaxed"]\nsharpness = 5\nexclude = ["gen"]\n')
        flags = flags_from(allow=("LF404",), sharpness=7.0, exclude=("tmp",))
        found = config_for(Path("a.py"), flags)
        assert (found.allow, found.sharpness) == (("relaxed", "LF404"), 7.0)
        assert [glob.pattern for glob in found.exclude] == ["gen", "tmp"]

    def test_a_file_can_be_named_and_files_can_be_refused(self, folder):
        put("lossfix.toml", 'select = ["LF1"]\n')
        put("elsewhere/other.toml", 'select = ["LF2"]\n')
        named = flags_from(config="elsewhere/other.toml")
        assert config_for(Path("a.py"), named).select == ("LF2",)
        assert config_for(Path("a.py"), flags_from(isolated=True)) == Config()
        with pytest.raises(ConfigError, match="exclude each other"):
            flags_from(config="x.toml", isolated=True)

    def test_a_named_file_must_be_there_and_hold_the_table(self, folder):
        put("pyproject.toml", "[project]\n")
        with pytest.raises(ConfigError, match="no such file"):
            config_for(Path("a.py"), flags_from(config="nope.toml"))
        with pytest.raises(ConfigError, match=r"has no \[tool.lossfix\]"):
            config_for(Path("a.py"), flags_from(config="pyproject.toml"))


class TestWhatIsWrong:
    """One line: where, what, what next."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('slect = ["LF1"]', "lossfix.toml:1: there is no key 'slect'; did you mean 'select'?"),
            ("\n\nzzz = 1", "lossfix.toml:3: there is no key 'zzz'; the keys are select, ignore"),
            ("per_file_ignores = {}", "did you mean 'per-file-ignores'?"),
            ('select = "LF1"', "lossfix.toml:1: select: must be a list of texts"),
            ("select = []", "lossfix.toml:1: select: names no rule"),
            ('labels = ["y", 3]', "lossfix.toml:1: labels: must be a list of texts"),
            ('labels = [" "]', "lossfix.toml:1: labels: holds an empty text"),
            (
                'ignore = [\n  "LF101",\n  "LF9",\n]',
                "lossfix.toml:3: ignore: no rule is called 'LF9'; `lossfix rules` lists them",
            ),
            (
                '[per-file-ignores]\n"a/*" = ["LF1"]\n"b/*" = ["nope"]',
                "lossfix.toml:3: b/*: no rule is called 'nope'",
            ),
            (
                'per-file-ignores = { "b/*" = ["nope"] }',
                "lossfix.toml:1: b/*: no rule is called 'nope'",
            ),
            ('per-file-ignores = ["a"]', "lossfix.toml:1: per-file-ignores: must be a table"),
            ('allow = ["meaning"]', "lossfix.toml:1: allow: meaning is not allowed as a whole"),
            ('allow = ["hope"]', "lossfix.toml:1: allow: no rule is called 'hope'"),
            ("sharpness = true", "lossfix.toml:1: sharpness: must be a number above 0"),
            ("sharpness = nan", "lossfix.toml:1: sharpness: must be a number above 0"),
            ("sharpness = -1", "lossfix.toml:1: sharpness: must be a number above 0"),
            ("baseline = 3", "lossfix.toml:1: baseline: must be a path"),
            ('exclude = ["../x"]', "lossfix.toml:1: exclude: '../x' leaves the folder"),
            ('exclude = ["[z-a]"]', "lossfix.toml:1: exclude: '[z-a]' is no glob"),
            ('select = ["LF1"\n', "lossfix.toml:1: is no valid TOML: "),
            ("sharpness = 1\nselect = = 2\n", "lossfix.toml:2: is no valid TOML: "),
            ("[tool.lossfix]\nselect = []", "lossfix.toml:1: keys stand here without"),
        ],
    )
    def test_a_mistake_is_said_with_its_line(self, folder, text, said):
        assert said in error_of("lossfix.toml", text)

    def test_lines_are_those_of_the_table_and_not_of_another(self, folder):
        text = '[tool.ruff]\nselect = ["E"]\n\n[tool.lossfix]\nselect = "LF1"\n'
        assert error_of("pyproject.toml", text).startswith("pyproject.toml:5: select:")

    def test_a_table_that_is_none(self, folder):
        said = error_of("pyproject.toml", "[tool]\nlossfix = 3\n")
        assert "must be a table" in said

    def test_bytes_that_are_no_text(self, folder):
        (folder / "lossfix.toml").write_bytes(b'# fine\nlabels = ["\xff"]\n')
        with pytest.raises(ConfigError, match=r"lossfix.toml:2: is not valid UTF-8"):
            config_for(Path("a.py"))

    def test_a_half_typed_table_in_a_pyproject(self, folder):
        assert error_of("pyproject.toml", "[project]\n[tool.lossfix\n").startswith(
            "pyproject.toml:2: is no valid TOML"
        )


def test_the_example_of_the_readme_is_taken_whole(folder):
    text = (Path(__file__).parents[1] / "README.md").read_text()
    put("pyproject.toml", text.partition("```toml\n")[2].partition("```")[0])
    found = config_for(Path("a.py"))
    assert all(found), [key for key, value in found._asdict().items() if not value]


class TestGlobs:
    """Paths below the folder of the file."""

    @pytest.mark.parametrize(
        ("pattern", "path", "matches"),
        [
            ("*_test.py", "a_test.py", True),
            ("*_test.py", "deep/er/a_test.py", True),
            ("tests", "tests/deep/a.py", True),
            ("tests/", "pkg/tests/a.py", True),
            ("tests", "my_tests/a.py", False),
            ("tests/*", "tests/deep/a.py", True),
            ("tests/*", "pkg/tests/a.py", False),
            ("tests/*.py", "tests/a.py", True),
            ("tests/*.py", "tests/deep/a.py", False),
            ("tests/**/*.py", "tests/deep/er/a.py", True),
            ("tests/**/*.py", "tests/a.py", True),
            ("**/gen/*.py", "a/b/gen/x.py", True),
            ("./src/a.py", "src/a.py", True),
            ("/src", "src/a.py", True),
            ("src/**", "src/a.py", True),
            ("a?.py", "ab.py", True),
            ("a?.py", "a.py", False),
            ("[ab].py", "a.py", True),
            ("[!ab].py", "a.py", False),
            ("[!ab].py", "c.py", True),
            ("a+b.py", "a+b.py", True),
            ("[x", "[x", True),
        ],
    )
    def test_what_matches(self, pattern, path, matches):
        assert Glob("/repo", pattern).matches(f"/repo/{path}") is matches

    def test_what_stands_elsewhere_does_not(self):
        assert not Glob("/repo", "*.py").matches("/repository/a.py")
        assert Glob("/", "*.py").matches("/a.py")

    def test_a_range_that_holds_nothing_is_no_glob(self):
        assert not well_formed("[z-a]")
        assert well_formed("[a-z]*")

    def test_per_file_ignores_are_seen_from_the_file(self, folder, monkeypatch):
        put("lossfix.toml", '[per-file-ignores]\n"tests/**" = ["LF2"]\n"x.py" = ["soft-sign"]\n')
        (folder / "tests").mkdir()
        monkeypatch.chdir(folder / "tests")
        assert not any(code.startswith("LF2") for code in codes("a.py"))
        assert "LF101" in codes("a.py")
        assert "LF207" not in codes("../x.py")
        assert "LF207" in codes("../y.py")

    def test_an_entry_is_excluded_by_the_file_closest_to_it(self, folder):
        put("lossfix.toml", 'exclude = ["gen", "*_pb2.py"]\n')
        put("own/lossfix.toml", "")
        assert is_excluded(Path("gen"))
        assert is_excluded(Path("pkg/a_pb2.py"))
        assert not is_excluded(Path("pkg/a.py"))
        assert not is_excluded(Path("own/gen"))


class TestRoles:
    """What a configuration says that parameters stand for."""

    def test_a_whole_name_outranks_a_glob_and_the_rest_is_left_to_the_conventions(self, folder):
        put("lossfix.toml", 'predictions = ["z*"]\nlabels = ["z_true", "m"]\nsettings = ["tau"]\n')
        roles = config_for(Path("a.py")).roles
        assert [roles.role_of(n) for n in ("z", "z_hat", "z_true", "m", "tau", "Z", "q")] == [
            "prediction",
            "prediction",
            "label",
            "label",
            "setting",
            None,
            None,
        ]

    def test_nothing_said_is_falsy(self):
        assert not RoleOverrides()
        assert RoleOverrides(labels=("m",))
