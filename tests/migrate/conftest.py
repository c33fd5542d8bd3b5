"""A repository to migrate, and a prover that knows what to say without running anything."""

import pytest
from repositories import HEAD, git, loss, prove, softplus

from lossfix.proving import Prover


@pytest.fixture
def proved(monkeypatch):
    monkeypatch.setattr(Prover, "prove", prove)


@pytest.fixture
def repository(tmp_path, monkeypatch, proved):
    """Committed: one loss to mend, one that cannot be run, one whose fix is wrong, clean files."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    (root / "plus.py").write_text(softplus())
    (root / "unrunnable.py").write_text(softplus("unrunnable_loss"))
    (root / "wrong.py").write_text(softplus("wrong_loss"))
    (root / "clean.py").write_text(HEAD + loss("fine_loss", "tf.square(y_true - y_pred)"))
    (root / "plain.py").write_text("x = 1\n")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "start")
    return root
