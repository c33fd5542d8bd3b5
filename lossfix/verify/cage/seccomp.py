"""A seccomp filter: no socket, no process, no signal to another one, no change of attributes.

It holds what Landlock and an empty network namespace do not. The filter is a program for the
kernel's classic BPF machine; see https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32 = 0x40000000
_CLONE_THREAD = 0x00010000
_AF_UNIX = 1

# system call -> number on x86-64 and on 64-bit ARM; None where there is no such call
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
}
_NEW_PROCESSES = ("fork", "vfork", "execve", "execveat")
_WITH_QUESTIONS = ("socket", "clone", "clone3", "kill", "tgkill", "prlimit64", *_NEW_PROCESSES)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Question:
    """Looks at one argument of a call: allowed where it is among `values`, or has `bit`."""

    argument: int
    values: tuple[int, ...] = ()
    bit: int = 0


def fence_calls(new_processes: bool, unix_sockets: bool) -> bool:
    """Puts the filter around this thread and what it starts; False where that cannot be.

    `new_processes` and `unix_sockets` are what drivers of accelerators need.
    """
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return False
    program = _program(os.getpid(), new_processes, unix_sockets)
    data = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(data, len(data))
    header = struct.pack("@HP", len(program), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0) == 0)


def _program(pid: int, new_processes: bool, unix_sockets: bool) -> list[Instruction]:
    column, architecture = _ARCHITECTURES[platform.machine()]
    itself = _Question(0, (0, pid))
    refused = _REFUSE | errno.EPERM
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, refused)]

    def forbid(name: str, question: _Question | None = None, error: int = refused) -> None:
        number = _NUMBERS[name][column]
        if number is not None:
            program.extend(_forbidden(number, question, error))

    forbid("socket", _Question(0, (_AF_UNIX,)) if unix_sockets else None)
    for name in ("kill", "tgkill", "prlimit64"):
        forbid(name, itself)
    if not new_processes:
        forbid("clone", _Question(0, bit=_CLONE_THREAD))
        forbid("clone3", error=_REFUSE | errno.ENOSYS)  # its flags are out of reach; libc has clone
        for name in _NEW_PROCESSES:
            forbid(name)
    for name in _NUMBERS:
        if name not in _WITH_QUESTIONS:
            forbid(name)
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _forbidden(number: int, question: _Question | None, error: int) -> list[Instruction]:
    """Instructions that refuse one call, or ask about it; any other call jumps over them."""
    if question is None:
        body: list[Instruction] = [(_RETURN, 0, 0, error)]
    else:
        tests: list[Instruction] = [(_EQUAL, 0, 0, value) for value in question.values]
        if question.bit:
            tests.append((_ANY_BIT, 0, 0, question.bit))
        last = len(tests)
        # a test that is met jumps over the rest and over the refusal
        met = [(code, last - place, 0, k) for place, (code, _, _, k) in enumerate(tests)]
        low_word = 16 + 8 * question.argument
        body = [(_LOAD, 0, 0, low_word), *met, (_RETURN, 0, 0, error), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]
