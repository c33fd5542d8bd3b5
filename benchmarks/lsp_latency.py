"""What the language server costs a person who types.

Prints, for files of 300, 1,000 and 5,000 lines with ten losses, the time from a change to its
diagnostics beside `ast.parse` of the same text; the time from the start to the first diagnostics
beside a bare interpreter that imports pygls; and the memory after many edits.

    python benchmarks/lsp_latency.py [--edits 100] [--memory-edits 10000]
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SIZES = (300, 1_000, 5_000)
LOSSES = 10
FACTOR, SLACK_MS = 4.0, 20.0
URI = "file:///tmp/lossfix-benchmark/losses.py"

HEAD = "import tensorflow as tf\n\n\n"
LOSS = '''\
def loss_{n}(y_true, y_pred):
    """A cross entropy with a penalty."""
    p = tf.nn.softmax(y_pred, axis=-1)
    logp = tf.math.log(p)
    per = -tf.reduce_sum(y_true * logp, axis=-1)
    weight = tf.where(y_true > 0.5, 2.0, 1.0)
    norm = tf.sqrt(tf.reduce_sum(tf.square(y_pred), axis=-1))
    return tf.reduce_mean(per * weight) + 0.1 * tf.reduce_mean(norm)


'''
OTHER = """\
class Table_{n}:
    def __init__(self, width, depth):
        self.width = width
        self.rows = [[index * depth for index in range(width)] for _ in range(depth)]

    def totals(self, values, scale=1):
        found = {{}}
        for index, value in enumerate(values):
            if index % 2 == 0 and value > self.width:
                found[index] = value * scale + self.rows[0][index % self.width]
        return {{"found": found, "width": self.width}}


"""


def text_of(lines: int) -> str:
    """A file of about so many lines: ten losses, spread among code that is none."""
    others = max(0, (lines - LOSSES * LOSS.count("\n")) // OTHER.count("\n"))
    parts = [HEAD]
    for number in range(max(LOSSES, others)):
        if number < LOSSES:
            parts.append(LOSS.format(n=number))
        if number < others:
            parts.append(OTHER.format(n=number))
    return "".join(parts)


class Client:
    """A client that waits for each answer."""

    def __init__(self, pull: bool) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-m", "lossfix", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.pull = pull
        self.number = 0
        asked = {"textDocument": {"diagnostic": {}}} if pull else {}
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": asked})
        self.send({"method": "initialized", "params": {}})

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.server.stdin is not None
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.server.stdin.flush()

    def receive(self) -> dict[str, Any]:
        out = self.server.stdout
        assert out is not None
        length = 0
        while (line := out.readline()) != b"\r\n":
            if not line:
                raise SystemExit("the server has ended")
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(out.read(length))
        return message

    def request(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                return message.get("result")

    def diagnostics(self) -> int:
        """How many findings the newest text has, once the server says."""
        if self.pull:
            params = {"textDocument": {"uri": URI}}
            return len(self.request("textDocument/diagnostic", params)["items"])
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics":
                return len(message["params"]["diagnostics"])

    def open(self, text: str) -> None:
        item = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})

    def change(self, version: int, line: int, start: int, end: int, text: str) -> None:
        place = {
            "start": {"line": line, "character": start},
            "end": {"line": line, "character": end},
        }
        params = {
            "textDocument": {"uri": URI, "version": version},
            "contentChanges": [{"range": place, "text": text}],
        }
        self.send({"method": "textDocument/didChange", "params": params})

    def memory_mb(self) -> float:
        """The resident memory of the server; 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self.server.pid}/status").read_text()
        except OSError:
            return 0.0
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor time that the server has used; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.request("shutdown", None)
        self.send({"method": "exit"})
        self.server.wait(20)


def edits(text: str, count: int) -> Any:
    """Edits of a number in the losses, one after the other: version, line, columns, new text."""
    lines = text.split("\n")
    places = [i for i, line in enumerate(lines) if "0.1 * tf.reduce_mean" in line]
    widths = dict.fromkeys(places, 3)
    for number in range(count):
        line = places[number % len(places)]
        start = lines[line].index("0.1")
        new = f"0.{number % 9 + 1}"
        yield number + 2, line, start, start + widths[line], new
        widths[line] = len(new)


def median_and_tail(values: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def latency(lines: int, count: int, pull: bool) -> str:
    text = text_of(lines)
    client = Client(pull)
    client.open(text)
    found = client.diagnostics()
    waits: list[float] = []
    parses: list[float] = []
    used = client.cpu_s()
    for edit in edits(text, count):
        started = time.perf_counter()
        client.change(*edit)
        found = client.diagnostics()
        waits.append((time.perf_counter() - started) * 1e3)
        started = time.perf_counter()  # beside it, so that both have the machine as it is
        ast.parse(text)
        parses.append((time.perf_counter() - started) * 1e3)
    cpu = (client.cpu_s() - used) * 1e3 / count
    client.close()
    middle, tail = median_and_tail(waits)
    parse, parse_tail = median_and_tail(parses)
    limits = (FACTOR * parse + SLACK_MS, FACTOR * parse_tail + SLACK_MS)
    held = "yes" if middle <= limits[0] and tail <= limits[1] else "NO"
    mode = "pull" if pull else "push"
    return (
        f"{text.count(chr(10)):6} {mode:5} {found:8} {parse:8.1f} {middle:8.1f} {limits[0]:8.1f} "
        f"{tail:8.1f} {limits[1]:8.1f}  {held:4} {cpu:8.1f}"
    )


def start(count: int) -> str:
    """What the first diagnostics take, and a bare interpreter with pygls; the best of some."""
    text = text_of(SIZES[0])
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    for _ in range(count):
        started = time.perf_counter()
        client = Client(pull=False)
        client.open(text)
        client.diagnostics()
        ours.append((time.perf_counter() - started, client.cpu_s()))
        client.close()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import pygls.lsp.server"], check=True)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        bare.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    (wall, cpu), (bare_wall, bare_cpu) = (
        map(min, zip(*each, strict=True)) for each in (ours, bare)
    )
    return (
        f"start to first diagnostics {wall:.2f} s (CPU {cpu:.2f}), "
        f"bare interpreter with pygls {bare_wall:.2f} s (CPU {bare_cpu:.2f})"
    )


def memory(count: int) -> tuple[float, float]:
    """Megabytes after a hundred edits and after all of them."""
    text = text_of(SIZES[0])
    client = Client(pull=False)
    client.open(text)
    client.diagnostics()
    first = 0.0
    for number, edit in enumerate(edits(text, count), 1):
        client.change(*edit)
        client.diagnostics()
        if number == 100:
            first = client.memory_mb()
    last = client.memory_mb()
    client.close()
    return first, last


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--memory-edits", type=int, default=10_000)
    asked = parser.parse_args()
    print(" lines mode  findings  parse ms   median    limit      p95    limit  held   cpu ms")
    for lines in SIZES:
        for pull in (False, True):
            print(latency(lines, asked.edits, pull), flush=True)
    print(start(5))
    if asked.memory_edits >= 100:
        first, last = memory(asked.memory_edits)
        print(f"memory after 100 edits {first:.1f} MB, after {asked.memory_edits} {last:.1f} MB")


if __name__ == "__main__":
    main()
