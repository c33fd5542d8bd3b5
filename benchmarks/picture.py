"""Draws the README's picture: a real diff with the verdict of a real run.

python benchmarks/picture.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lossfix.mend import Settings, mend_file
from lossfix.proving import Prover
from lossfix.report.preview import preview_svg
from lossfix.rules.registry import all_rules
from lossfix.verify import Options

ROOT = Path(__file__).parents[1]
LOSS = Path("fixtures/wild/distillation.before.py")


def main() -> None:
    os.chdir(ROOT)
    with Prover(Options(device="cpu")) as prover:
        row = mend_file(LOSS, Settings(all_rules(), prover=prover))
    svg = preview_svg([row], f"lossfix rewrite {LOSS}")
    # the picture must not fetch a font from anywhere
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "first-fix.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
