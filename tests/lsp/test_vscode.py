"""The extension in a real VS Code: code-server, in a headless browser, from squiggle to file.

What it needs is brought by `editors/vscode/test/setup.sh FOLDER` and `npm ci` in `editors/vscode`;
`LOSSFIX_VSCODE` names the folder.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.lsp.conftest import MENDED, SEED

pytestmark = pytest.mark.vscode
_ROOT = Path(__file__).parents[2]
_EXTENSION = _ROOT / "editors" / "vscode"
_FOLDER = "LOSSFIX_VSCODE"
_VERIFIES = importlib.util.find_spec("tensorflow") is not None


@pytest.fixture(scope="module")
def parts():
    """The folder with code-server and playwright-core."""
    folder = Path(os.environ.get(_FOLDER) or Path.home() / ".cache" / "lossfix-vscode")
    if not (folder / "ready").exists():
        pytest.skip(f"{folder} has no VS Code; editors/vscode/test/setup.sh brings it")
    for program in ("node", "npm", "chromium"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    if not (_EXTENSION / "node_modules").exists():
        pytest.skip("the extension's tools are not installed; run npm ci in editors/vscode")
    return folder


@pytest.fixture(scope="module")
def vsix(parts):
    """The extension, packaged without any network."""
    subprocess.run(["npm", "run", "package"], cwd=_EXTENSION, check=True, capture_output=True)
    return _EXTENSION / "lossfix.vsix"


@pytest.fixture
def code_server(parts, vsix, tmp_path):
    """The address of a VS Code with the extension, and the folder that it has open."""
    entry = parts / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    work, data, extensions = (tmp_path / name for name in ("work", "data", "extensions"))
    work.mkdir()
    (work / "losses.py").write_text(SEED)
    settings = data / "User" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        json.dumps(
            {
                "lossfix.command": [sys.executable, "-m", "lossfix", "lsp"],
                "workbench.startupEditor": "none",
                "workbench.colorTheme": "Default Light Modern",
                "editor.minimap.enabled": False,
                "workbench.tips.enabled": False,
                "telemetry.telemetryLevel": "off",
                "chat.commandCenter.enabled": False,
                "workbench.layoutControl.enabled": False,
                "diffEditor.renderSideBySide": False,
            }
        )
    )
    path = os.pathsep.join(
        [str(_ROOT), str(_ROOT / "transforms"), os.environ.get("PYTHONPATH", "")]
    )
    environment = {
        **os.environ,
        "PYTHONPATH": path.rstrip(os.pathsep),
        "LOSSFIX_CACHE_DIR": "",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "share"),
    }
    base = ["node", str(entry), "--extensions-dir", str(extensions), "--user-data-dir", str(data)]
    subprocess.run(
        [*base, "--install-extension", str(vsix)], env=environment, check=True, capture_output=True
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    flags = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry"]
    flags += ["--disable-update-check", "--disable-workspace-trust"]
    flags += ["--disable-getting-started-override"]
    log = (tmp_path / "server.log").open("wb")
    server = subprocess.Popen(
        [*base, *flags], env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        _wait_for(address)
        yield address, work
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
        log.close()


def _wait_for(address):
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("code-server did not start")


def drive(scene, parts, code_server, tmp_path):
    """What was seen on the way through a scene of `drive.mjs`."""
    address, work = code_server
    screenshots = Path(os.environ.get("LOSSFIX_SCREENSHOTS") or tmp_path)
    seen_path = tmp_path / "seen.json"
    subprocess.run(
        [
            *("node", str(_EXTENSION / "test" / "drive.mjs"), scene, str(parts), address),
            *(str(work), str(screenshots), shutil.which("chromium"), str(seen_path)),
            *(["verify"] if _VERIFIES else []),
        ],
        check=True,
        timeout=900,
    )
    seen = json.loads(seen_path.read_text())
    assert "failed" not in seen, seen
    return seen


def test_a_loss_is_mended_in_vs_code(parts, code_server, tmp_path):
    seen = drive("file", parts, code_server, tmp_path)
    assert seen["squiggles"] >= 1
    assert seen["status"].endswith("lossfix: 1")
    assert "LF102 cross-entropy-from-softmax" in seen["hover"]
    assert "Contract: exact" in seen["hover"]
    assert "Replace by log_softmax (exact, unverified)" in seen["menu"]
    assert "Suppress LF102 here with a reason" in seen["menu"]
    assert "# LF102 cross-entropy-from-softmax" in seen["explained"]
    if _VERIFIES:
        assert seen["lens"].endswith("verified")
        assert "Replace by log_softmax (exact, verified)" in seen["menuAfter"]
        assert "log" in seen["why"]
        assert "LF102" in seen["report"]
    assert "tf.nn.log_softmax(y_pred)" in seen["diff"]
    assert (code_server[1] / "losses.py").read_text() == MENDED
    assert seen["left"] == 0


def test_a_cell_of_a_notebook_is_mended_in_vs_code(parts, code_server, tmp_path):
    place = code_server[1] / "losses.ipynb"
    head, loss = SEED.split("\n\n\n")
    place.write_text(notebook_text(head, "%matplotlib inline", loss))
    seen = drive("notebook", parts, code_server, tmp_path)
    assert "Replace by log_softmax (exact, unverified)" in seen["menu"]
    cells = ["".join(cell["source"]) for cell in json.loads(place.read_text())["cells"]]
    assert cells == [head, "%matplotlib inline", MENDED.split("\n\n\n")[1].rstrip("\n")]
    assert seen["left"] == 0


def notebook_text(*cells):
    """A notebook with these cells of code."""
    about = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    made = [
        {**about, "id": f"cell{number}", "source": text.rstrip("\n").splitlines(keepends=True)}
        for number, text in enumerate(cells)
    ]
    metadata = {"language_info": {"name": "python"}}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
