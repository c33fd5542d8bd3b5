"""Capabilities: what root may do beyond other users, given up."""

from __future__ import annotations

import ctypes
import struct

_VERSION_3 = 0x20080522
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4
_DAC_READ_SEARCH = 1 << 2  # reading stays as it was: root may read what another user owns


def give_up() -> bool:
    """Drops every capability but that of reading; False where that cannot be.

    With them, root reads the environment of any process, Landlock or not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    if libc.capget(header, held) != 0:
        return False
    effective, permitted, *_ = struct.unpack("=6I", held.raw)
    effective, permitted = effective & _DAC_READ_SEARCH, permitted & _DAC_READ_SEARCH
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    return bool(libc.capset(header, struct.pack("=6I", effective, permitted, 0, 0, 0, 0)) == 0)
