"""The plugin in a real, headless Neovim, from a seed loss to the file on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lsp.conftest import GATED, MENDED, SEED

pytestmark = pytest.mark.neovim
_ROOT = Path(__file__).parents[2]
_PLUGIN = _ROOT / "editors" / "neovim"

_DRIVE = """
local seen = {}
local function wait(what, done)
  if not vim.wait(90000, done, 50) then
    seen.failed = what
  end
  return not seen.failed
end
local function finish()
  vim.fn.writefile({ vim.json.encode(seen) }, vim.env.LOSSFIX_SEEN)
  vim.cmd('qa!')
end
vim.lsp.config('lossfix', { cmd = vim.json.decode(vim.env.LOSSFIX_CMD) })
vim.cmd.edit(vim.env.LOSSFIX_FILE)
local function found()
  return #vim.diagnostic.get(0) > 0
end
local function changed()
  return vim.bo.modified
end
if wait('diagnostics', found) then
  local first = vim.diagnostic.get(0)[1]
  seen.code, seen.line = first.code, first.lnum + 1
  seen.encoding = vim.lsp.get_clients({ name = 'lossfix' })[1].offset_encoding
  %s
end
finish()
"""


def drive(nvim, folder, text, steps):
    """What Neovim saw, with steps of Lua run once there are diagnostics; and the file after it."""
    path = folder / "losses.py"
    path.write_text(text)
    script, seen = folder / "drive.lua", folder / "seen.json"
    script.write_text(_DRIVE % steps)
    code = os.pathsep.join(
        [str(_ROOT), str(_ROOT / "transforms"), os.environ.get("PYTHONPATH", "")]
    )
    environment = {
        **os.environ,
        "PYTHONPATH": code.rstrip(os.pathsep),
        "LOSSFIX_CACHE_DIR": "",
        "LOSSFIX_CMD": json.dumps([sys.executable, "-m", "lossfix", "lsp"]),
        "LOSSFIX_FILE": str(path),
        "LOSSFIX_SEEN": str(seen),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
    }
    command = [nvim, "--headless", "--clean", "--cmd", f"set runtimepath^={_PLUGIN}"]
    ran = subprocess.run(
        [*command, "-c", f"luafile {script}"],
        env=environment,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert seen.exists(), ran.stderr.decode()
    return json.loads(seen.read_text()), path.read_text()


_APPLY = """
  vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action) return vim.startswith(action.title, '%s') end,
  })
  if wait('the edit', changed) then vim.cmd.write() end
"""


def test_a_quick_fix_ends_up_on_disk(nvim_binary, tmp_path):
    seen, text = drive(nvim_binary, tmp_path, SEED, _APPLY % "Replace by log_softmax")
    assert seen == {"code": "LF102", "line": 7, "encoding": "utf-8"}
    assert text == MENDED


def test_a_relaxed_fix_is_made_when_it_is_chosen(nvim_binary, tmp_path):
    seen, text = drive(nvim_binary, tmp_path, GATED, _APPLY % "Smooth with sigmoid")
    assert "failed" not in seen
    assert "tf.sigmoid(10.0 * (y_pred - 0.5))" in text


def test_fix_all_is_a_command(nvim_binary, tmp_path):
    steps = "vim.cmd.LossfixFixAll() if wait('the edit', changed) then vim.cmd.write() end"
    seen, text = drive(nvim_binary, tmp_path, SEED, steps)
    assert "failed" not in seen
    assert text == MENDED


def test_the_fix_of_a_line_is_shown_as_a_diff(nvim_binary, tmp_path):
    steps = """
      vim.api.nvim_win_set_cursor(0, { first.lnum + 1, 0 })
      vim.cmd.LossfixPreview()
      if wait('the diff', function() return vim.bo.buftype == 'nofile' and vim.wo.diff end) then
        seen.after = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n') .. '\\n'
      end
    """
    seen, text = drive(nvim_binary, tmp_path, SEED, steps)
    assert seen["after"] == MENDED
    assert text == SEED


@pytest.mark.tensorflow
def test_verify_is_a_command(nvim_binary, tmp_path):
    steps = """
      vim.api.nvim_win_set_cursor(0, { first.lnum + 1, 0 })
      vim.cmd.LossfixVerify()
      wait('a verdict', function() return vim.g.lossfix_last_outcome ~= nil end)
      seen.outcome = vim.g.lossfix_last_outcome
    """
    seen, _ = drive(nvim_binary, tmp_path, SEED, steps)
    assert seen["outcome"] == "verified"


def test_the_help_has_a_tag_for_each_command(nvim_binary, tmp_path):
    plugin = (_PLUGIN / "plugin" / "lossfix.lua").read_text()
    page = (_PLUGIN / "doc" / "lossfix.txt").read_text()
    names = [line.split()[0] for line in plugin.splitlines() if line.startswith("  Lossfix")]
    assert len(names) == 6
    assert all(f"*:{name}*" in page for name in names)
