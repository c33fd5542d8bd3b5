"""The files by which others call lossfix name commands and options that there are."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOOKS = ROOT / ".pre-commit-hooks.yaml"


@pytest.mark.skipif(not HOOKS.exists(), reason="these files are in no package")
def test_hooks_and_action_call_what_there_is(lossfix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text("x = 1\n")
    for entry in re.findall(r"entry: lossfix (.*)", HOOKS.read_text()):
        ran = lossfix(*shlex.split(entry), *([] if "migrate" in entry else ["plain.py"]))
        assert (ran.code, ran.err.count("error")) == (0, 0)
    action = (ROOT / "action.yml").read_text()
    given = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", action))
    told = set(re.findall(r"^  ([\w-]+):\n    description", action, re.MULTILINE))
    assert given == told


@pytest.mark.skipif(not HOOKS.exists(), reason="these files are in no package")
def test_the_page_about_ci_uses_options_that_there_are(lossfix):
    page = (ROOT / "docs" / "ci.md").read_text()
    for command in ("check", "migrate"):
        helped = lossfix(command, "--help").out
        for line in re.findall(rf"lossfix {command} (.*)", page):
            for option in re.findall(r"--[\w-]+", line):
                assert option in helped, (command, option)


def test_a_shell_completes_commands():
    program = "import sys; sys.argv = ['lossfix']\nfrom lossfix.cli.main import main\nmain()"
    asked = {"_LOSSFIX_COMPLETE": "complete_bash", "COMP_WORDS": "lossfix mig", "COMP_CWORD": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env={**os.environ, **asked}
    )
    assert ran.stdout.split() == [b"migrate"]
