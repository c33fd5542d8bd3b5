"""Landlock: no write outside the folders that are named, no TCP, no signal to who is outside.

See https://docs.kernel.org/userspace-api/landlock.html. Reading stays allowed everywhere; the
memory and the environment of processes outside are not readable.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

# write file, remove dir and file, make char/dir/reg/sock/fifo/block/sym; then by version
_WRITES_V1 = 0b1_1111_1111_0010
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_FILE_RIGHTS = (1 << 1) | _TRUNCATE  # all that a rule on a mere file may name
_TCP = 0b11  # bind, connect: from version 4
_SCOPES = 0b11  # abstract Unix sockets, signals: from version 6


def version() -> int:
    """The version of the kernel's Landlock; 0 where it has none."""
    return max(0, int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, 0, 1)))


def fence_writes(allowed: Sequence[str]) -> bool:
    """Forbids this process all writes but those beneath `allowed`; False where that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    known = version()
    if known < 1:
        return False
    rights = _WRITES_V1 | (_REFER if known >= 2 else 0) | (_TRUNCATE if known >= 3 else 0)
    words = [rights]
    if known >= 4:
        words.append(_TCP)
    if known >= 6:
        words.append(_SCOPES)
    attribute = struct.pack(f"={len(words)}Q", *words)
    ruleset = libc.syscall(_CREATE, attribute, len(attribute), 0)
    if ruleset < 0:
        return False
    try:
        if not all(_allow(libc, ruleset, path, rights) for path in allowed):
            return False
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> bool:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, fd)
        return bool(libc.syscall(_ADD, ruleset, _PATH_BENEATH, rule, 0) == 0)
    finally:
        os.close(fd)
