"""The cage around a process that runs somebody's loss.

It contains accidents and casual malice, not an exploit of the kernel. Every fence is tried, and
those that stand are told, so that a verdict can say under which it came about.
"""

from lossfix.verify.cage.environment import environment, inside
from lossfix.verify.cage.fences import FENCES, SANDBOXES, enter, level, missing
from lossfix.verify.cage.processes import adopt_orphans, die_with_parent, end_orphans

__all__ = [
    "FENCES",
    "SANDBOXES",
    "adopt_orphans",
    "die_with_parent",
    "end_orphans",
    "enter",
    "environment",
    "inside",
    "level",
    "missing",
]
