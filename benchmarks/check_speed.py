"""How fast `lossfix check` is, next to reading, to `ast.parse`, and to other tools; one run.

    python benchmarks/check_speed.py [--full] [--no-peers] [--sample 150] [--seed 20]

Three tables. The corpus as it is: whole processes, wall and CPU seconds (of all their processes),
and CPU next to `ast.parse` of the same files; lossfix's cold runs start with an empty cache.
A sample of files with a line `# torch` appended to each, because TorchFix looks at no other: the
tools that parse with LibCST, on the same bytes, one process each where a tool can be told so.
Long files: one call of `check_file` in process, parsing included, next to `ast.parse` alone, in
CPU time.
Fixit takes many minutes on the whole corpus, and runs on it with --full.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from corpus import corpus, corpus_files
from peers import PEERS, peer

import lossfix
from lossfix.check import check_file
from lossfix.rules.registry import all_rules
from lossfix.source.gate import may_hold_a_loss

READ = """import sys
for path in sys.stdin:
    open(path.rstrip("\\n"), "rb").read()
"""
PARSE = """import ast, sys
for path in sys.stdin:
    ast.parse(open(path.rstrip("\\n"), "rb").read())
"""
PATTERN = "tf.exp($X) / $Y"
CHECK = [sys.executable, "-m", "lossfix", "check"]
LONG_LINES = 5_000
TURNS = 7


@dataclass(frozen=True)
class Row:
    """One measured run of a tool. `looked_at` says at which files, in words."""

    name: str
    wall: float = 0.0  # seconds
    cpu: float = 0.0  # seconds, of the process and all its children
    looked_at: str = ""
    command: str = ""
    size: int = 0  # bytes that it looked at, where these are not all


def main() -> None:
    options = _options()
    root, files = corpus(), corpus_files()
    tools = {} if options.no_peers else {command: peer(command) for command in PEERS}
    print(_versions(tools))
    size = sum(path.stat().st_size for path in files)
    rows = whole_corpus(root, files, tools, options.full)
    print(f"\n{root}: {len(files):,} files, {size / 1e6:.1f} MB\n{_table(rows, size)}")
    with tempfile.TemporaryDirectory() as folder:
        copies = sample(files, options.sample, options.seed, Path(folder))
        size = sum(path.stat().st_size for path in copies)
        rows = on_sample(Path(folder), copies, tools)
        told = f"{len(copies)} of these files (seed {options.seed}), `# torch` appended to each"
        print(f"\n{told}: {size / 1e6:.2f} MB\n{_table(rows, size)}")
        told = f"one long file, in process, CPU time, the least of {TURNS}"
        print(f"\n{told}\n{long_files(files, Path(folder))}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="Fixit on the whole corpus too")
    parser.add_argument("--no-peers", action="store_true", help="lossfix and ast.parse alone")
    parser.add_argument("--sample", type=int, default=150, help="files in the sample")
    parser.add_argument("--seed", type=int, default=20, help="of the sample")
    return parser.parse_args()


def whole_corpus(
    root: Path, files: Sequence[Path], tools: dict[str, tuple[str, str]], full: bool
) -> list[Row]:
    every = f"{len(files):,} files"
    listed = "".join(f"{path}\n" for path in files)
    where = str(root)
    rows = [
        _best(3, "bare read", [sys.executable, "-c", READ], every, listed),
        _best(3, "ast.parse", [sys.executable, "-c", PARSE], every, listed),
        *_lossfix(where, every),
    ]
    if "ruff" in tools:
        shown = ["check", "--isolated", "--no-respect-gitignore"]
        seen = _lines([tools["ruff"][0], *shown, "--show-files", where])
        arguments = [*shown, "--no-cache", "--exit-zero", "-q", where]
        rows.append(_peer(tools, "ruff", arguments, f"{seen:,} files, its default rules"))
    if "ast-grep" in tools:
        arguments = ["run", "-l", "python", "-p", PATTERN, "--no-ignore", "vcs", where]
        rows.append(_peer(tools, "ast-grep", arguments, f"{every}, one pattern"))
    if "torchfix" in tools:
        seen = [path for path in files if b"torch" in path.read_bytes()]
        row = _peer(tools, "torchfix", [where], f"{len(seen):,} files, that hold `torch`")
        rows.append(replace(row, size=sum(map(_size, seen))))
    if "fixit" in tools and full:
        rows.append(_peer(tools, "fixit", ["lint", where], f"{every}, its default rules"))
    return rows


def _lossfix(where: str, every: str) -> list[Row]:
    """Cold with one process and with two, and warm."""
    rows = []
    for jobs in ("1", "2"):
        with tempfile.TemporaryDirectory() as cache:
            cold = _run([*CHECK, "-j", jobs, where], cache=cache)
            rows.append(_named(cold, f"lossfix check -j {jobs}, cold", every))
            if jobs == "1":
                time.sleep(2.5)  # a file that changed just before it was read is read again
                _run([*CHECK, where], cache=cache)
                warm = min((_run([*CHECK, where], cache=cache) for _ in range(5)), key=_cpu)
                rows.append(_named(warm, "lossfix check, warm", every))
    return rows


def sample(files: Sequence[Path], number: int, seed: int, folder: Path) -> list[Path]:
    """Copies of some of the files that TorchFix does not pass over."""
    chosen = random.Random(seed).sample(list(files), min(number, len(files)))
    copies = [folder / f"f{index:04}.py" for index in range(len(chosen))]
    for path, copy in zip(chosen, copies, strict=True):
        copy.write_bytes(path.read_bytes().rstrip() + b"\n# torch\n")
    return copies


def on_sample(folder: Path, copies: Sequence[Path], tools: dict[str, tuple[str, str]]) -> list[Row]:
    every = f"{len(copies)} files"
    listed = "".join(f"{path}\n" for path in copies)
    gated = sum(may_hold_a_loss(path.read_bytes()) for path in copies)
    rows = [_best(3, "ast.parse", [sys.executable, "-c", PARSE], every, listed)]
    with tempfile.TemporaryDirectory() as cache:
        cold = _run([*CHECK, "-j", "1", str(folder)], cache=cache)
        rows.append(_named(cold, "lossfix check -j 1, cold", f"{every}; {gated} are lifted"))
    if "torchfix" in tools:
        rows.append(_peer(tools, "torchfix", ["-j", "1", str(folder)], every))
    if "fixit" in tools:
        rows.append(_peer(tools, "fixit", ["lint", str(folder)], f"{every}, its default rules"))
    return rows


def long_files(files: Sequence[Path], folder: Path) -> str:
    """A written file with ten losses, and the longest of the corpus that may hold one."""
    written = folder / "long.py"
    written.write_text(_long_text())
    gated = (path for path in sorted(files, key=_size, reverse=True) if _holds(path))
    rules = all_rules()
    lines = []
    for path in (written, *(next(gated) for _ in range(3))):
        data = path.read_bytes()
        text = data.decode("utf-8")
        parse = _least(lambda text=text: compile(text, "x", "exec", 0x400))
        check = _least(lambda path=path, data=data: check_file(path, rules, data=data))
        name = path.name if path == written else "/".join(path.parts[-3:])
        row = check_file(path, rules, data=data)
        lines.append(
            f"{name:44} {text.count(chr(10)):6,} lines  check {check * 1e3:7.1f} ms  "
            f"ast.parse {parse * 1e3:6.1f} ms  {check / parse:5.1f} x  {len(row.findings)} findings"
        )
    return "\n".join(lines)


def _long_text() -> str:
    """Ten losses, each with something to find, among ordinary code."""
    lines = ["import tensorflow as tf"]
    number = 0
    while len(lines) < LONG_LINES:
        if number % 50 == 25:
            lines += [
                f"def focal_loss_{number}(y_true, y_pred, gamma=2.0):",
                "    logits = tf.cast(y_pred, tf.float32)",
                "    e = tf.exp(logits)",
                "    p = e / tf.reduce_sum(e, axis=-1, keepdims=True)",
                "    weight = tf.pow(1.0 - p, gamma)",
                "    return -tf.reduce_mean(tf.reduce_sum(y_true * weight * tf.math.log(p), -1))",
            ]
        lines += [
            f"class Reader{number}:",
            "    def __init__(self, path, limit=None):",
            "        self.path, self.limit, self.rows = path, limit, {}",
            "",
            "    def read(self, names):",
            "        for index, name in enumerate(names):",
            "            if self.limit is not None and index >= self.limit:",
            "                break",
            "            self.rows[name] = [float(x) * 0.5 + index for x in name.split(',')]",
            "        return {key: sum(value) for key, value in self.rows.items() if value}",
        ]
        number += 1
    return "\n".join(lines) + "\n"


def _run(command: Sequence[str], told: str = "", cache: str = "") -> Row:
    environment = {**os.environ, "LOSSFIX_CACHE_DIR": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles the tool on each start
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ran = subprocess.run(
        command, input=told, env=environment, capture_output=True, text=True, errors="replace"
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode < 0 or "Traceback" in ran.stderr[:2000]:
        raise SystemExit(f"{shlex.join(command)} failed:\n{ran.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row("", wall, cpu, command=shlex.join(command))


def _best(turns: int, name: str, command: Sequence[str], looked_at: str, told: str) -> Row:
    return _named(min((_run(command, told) for _ in range(turns)), key=_cpu), name, looked_at)


def _named(row: Row, name: str, looked_at: str) -> Row:
    return replace(row, name=name, looked_at=looked_at)


def _peer(
    tools: dict[str, tuple[str, str]], command: str, arguments: Sequence[str], looked_at: str
) -> Row:
    program, version = tools[command]
    if not program:
        return Row(f"{command}: cannot be installed", looked_at=version)
    return _named(_run([program, *arguments]), f"{command} {version}", looked_at)


def _table(rows: Sequence[Row], size: int) -> str:
    base = next(row.cpu for row in rows if row.name == "ast.parse")
    lines = [f"{'':28} {'wall s':>8} {'CPU s':>8} {'CPU s/MB':>9} {'ast.parse':>10}  looked at"]
    for row in rows:
        per_mb = row.cpu / (row.size or size) * 1e6
        figures = f"{row.wall:8.2f} {row.cpu:8.2f} {per_mb:9.3f} {row.cpu / base:8.2f} x"
        figures = figures if row.command else " " * len(figures)
        lines.append(f"{row.name:28} {figures}  {row.looked_at}")
    commands = [f"  {row.command}" for row in rows if row.command and " -c " not in row.command]
    return "\n".join([*lines, *commands])


def _versions(tools: dict[str, tuple[str, str]]) -> str:
    load = "" if not hasattr(os, "getloadavg") else f", load {os.getloadavg()[0]:.1f}"
    ours = [f"lossfix {lossfix.__version__}", f"Python {platform.python_version()}"]
    theirs = [f"{PEERS[name].partition('=')[0]} {tool[1]}" for name, tool in tools.items()]
    return f"{', '.join([*ours, *theirs])}; {os.cpu_count()} processors{load}"


def _lines(command: Sequence[str]) -> int:
    if not command[0]:
        return 0
    return len(subprocess.run(command, capture_output=True, text=True).stdout.splitlines())


def _least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(TURNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _cpu(row: Row) -> float:
    return row.cpu


def _size(path: Path) -> int:
    return path.stat().st_size


def _holds(path: Path) -> bool:
    return may_hold_a_loss(path.read_bytes())


if __name__ == "__main__":
    main()
