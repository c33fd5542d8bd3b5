"""Shared fixtures: the command line run in-process, and the skip of what needs TensorFlow."""

import gc
import importlib.util
import sys

import pytest
from hypothesis import HealthCheck, settings

from lossfix.cache.folder import FOLDER_VARIABLE
from lossfix.cli.main import main
from lossfix.config import forget

# Generated programs are slow to make, and a shared machine is slow at times.
_ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("default", derandomize=True, max_examples=100, **_ALWAYS)
settings.register_profile("deep", max_examples=3000, print_blob=True, **_ALWAYS)
settings.load_profile("default")


def pytest_collection_modifyitems(items):
    if importlib.util.find_spec("tensorflow") is not None:
        return
    skip = pytest.mark.skip(reason="TensorFlow is not installed")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    yield
    gc.enable()  # what checks files turns it off for good


class Ran:
    """What a command printed, and its exit code."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def lossfix(capfdbinary, monkeypatch):
    """Runs `lossfix ARGS...` and gives what came of it."""

    def run(*arguments):
        forget()  # a command is a process of its own
        monkeypatch.setattr(sys, "argv", ["lossfix", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        gc.unfreeze()  # nor does this process end with the command, which collects no garbage
        gc.enable()
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Ran(leaving.value.code or 0, out.decode(), err.decode())

    return run
