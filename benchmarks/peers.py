"""Other tools, in a virtual environment that is made for them and left alone afterwards.

It lies in `~/.cache/lossfix-peers`, or where LOSSFIX_PEERS says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

PEERS = {  # the command -> what is installed for it
    "torchfix": "torchfix==0.7.0",
    "fixit": "fixit==2.2.1",
    "ast-grep": "ast-grep-cli",
    "ruff": "ruff",
}


def peer(command: str) -> tuple[str, str]:
    """Its executable and its version; "" and the reason where it cannot be installed."""
    folder = Path(os.environ.get("LOSSFIX_PEERS") or Path.home() / ".cache" / "lossfix-peers")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    python, program = programs / "python", programs / command
    if not python.exists():
        print(f"making {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
    requirement = PEERS[command]
    if not program.exists():
        install = [str(python), "-m", "pip", "install", "-q", requirement]
        ran = subprocess.run(install, capture_output=True, text=True)
        if ran.returncode != 0:
            said = ran.stderr.strip().splitlines() or ["pip failed"]
            return "", said[-1]
    name = requirement.partition("==")[0]
    version = f"import importlib.metadata as m; print(m.version({name!r}))"
    shown = subprocess.run([str(python), "-c", version], capture_output=True, text=True)
    return str(program), shown.stdout.strip()
