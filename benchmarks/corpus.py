"""The corpus that benchmarks and surveys run on: public packages, unpacked and never executed.

It lies in `~/.cache/lossfix-corpus`, or where LOSSFIX_CORPUS says, a folder NAME-VERSION a package,
with a file `.done` in each that is whole. Running it again fetches what is missing.
    python benchmarks/corpus.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = {
    "auraloss": "0.4.0",
    "bpmll": "1.0.0",
    "deepctr": "0.9.4",
    "deepreg": "0.1.2",
    "keras-cv": "0.9.0",
    "keras-unet-collection": "0.1.13",
    "monai": "1.6.1",
    "multiple-annotators-segmentation": "0.1.0.2",
    "optax": "0.2.8",
    "pytorch-toolbelt": "0.8.0",
    "segmentation-models": "1.0.1",
    "spektral": "1.3.1",
    "stardist": "0.9.2",
    "tensorflow-graphics": "2021.12.3",
    "tensorflow-probability": "0.25.0",
    "tensorflow-ranking": "0.5.5",
    "tf-agents": "0.19.0",
}


def corpus_folder() -> Path:
    named = os.environ.get("LOSSFIX_CORPUS")
    return Path(named) if named else Path.home() / ".cache" / "lossfix-corpus"


def corpus() -> Path:
    """The corpus, whole. Raises CalledProcessError where a package cannot be had."""
    for name, version in PACKAGES.items():
        folder = corpus_folder() / f"{name}-{version}"
        if not (folder / ".done").exists():
            print(f"fetching {name} {version}", file=sys.stderr)
            _fetch(f"{name}=={version}", folder)
    return corpus_folder()


def corpus_files() -> list[Path]:
    """Every Python file of the packages in the table, in order."""
    folders = [corpus_folder() / f"{name}-{version}" for name, version in PACKAGES.items()]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def _fetch(requirement: str, folder: Path) -> None:
    """Only a wheel is taken: a source distribution would run its author's code to be built."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    command = [sys.executable, "-m", "pip", "download", "-q", *wanted, "-d", str(folder)]
    subprocess.run([*command, requirement], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
    (folder / ".done").touch()


if __name__ == "__main__":
    files = (corpus(), corpus_files())[1]
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files):,} files, {size / 1e6:.1f} MB in {corpus_folder()}")
