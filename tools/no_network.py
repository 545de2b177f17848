"""Runs a command on a machine without a network: `python tools/no_network.py COMMAND ARGUMENT...`.

The kernel takes two things from the command, and from everything that it starts: the network interfaces (a network
namespace of its own, where even the loopback is down), and the calls that make or use sockets (a seccomp filter, which
C libraries and children obey as Python does, and which nothing can take off again). A denied call fails with EPERM.

The interfaces alone would not do: a socket by a path in the file system crosses network namespaces, so a database or a
daemon of the host could still be asked. The filter alone would not do either: the programs refuse to start beside an
interface, and the command would only see the host's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

DENIED: Mapping[str, int] = {
    "connect": 42,
    "accept": 43,
    "listen": 50,
    "accept4": 288,
    # Its rings make and connect sockets inside the kernel, where no filter sees the calls.
    "io_uring_setup": 425,
    # It takes an open socket out of another process.
    "pidfd_getfd": 438,
}
"""Refused whatever their arguments are. Source: arch/x86/entry/syscalls/syscall_64.tbl of Linux 6."""

# Refused but for one use each, see `build_filter`.
SOCKET, SOCKETPAIR = 41, 53

_ALLOW = 0x7FFF_0000
_DENY = 0x0005_0000 | errno.EPERM
_X86_64 = 0xC000_003E
_X32_BIT = 0x4000_0000
_NETLINK_ROUTE = 0
# Fields of `struct seccomp_data`: number, architecture, then six arguments of eight bytes, low word first.
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32
# Instructions of the classic BPF: load a word, mask it, compare and jump, return.
_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_FAR = 1_000_000
"""More than any open file's number: closing them all is one call of the kernel."""

REMEDY = """no-network: this machine does not let `unshare -rn` make a network namespace ({why}).
no-network: The suites of the terminal, the station and the approver must pass without one, so nothing was run.
no-network: Run this as root, or allow user namespaces:
no-network:   sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"""


class _Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the filter. `yes` and `no` name where a comparison goes on; None is the next instruction."""

    code: int
    value: int
    yes: str | None = None
    no: str | None = None
    name: str | None = None


def build_filter() -> bytes:
    """The filter's instructions.

    Two uses stay allowed, because the programs need them and nobody can be reached by them. A socket that asks the
    kernel for its routes and interfaces: `if_nameindex` asks it whether there is a network, and refuses if so. A pair
    of connected streams, which is a pipe with two ends and no name: asyncio wakes itself with one, and a screen of a
    full-screen program is drawn by asyncio. Datagrams are refused even as a pair, for they can be sent to a path.
    """
    # Numbers of another architecture (a 32-bit program's, x32's) mean other calls: nothing of them is let through.
    return _assemble(
        Step(code=_LOAD, value=_ARCHITECTURE),
        Step(code=_IF_EQUAL, value=_X86_64, no="deny"),
        Step(code=_LOAD, value=_NUMBER),
        Step(code=_IF_AT_LEAST, value=_X32_BIT, yes="deny"),
        *(Step(code=_IF_EQUAL, value=number, yes="deny") for number in DENIED.values()),
        Step(code=_IF_EQUAL, value=SOCKET, yes="socket"),
        Step(code=_IF_EQUAL, value=SOCKETPAIR, yes="pair", no="allow"),
        Step(code=_LOAD, value=_FIRST, name="socket"),
        Step(code=_IF_EQUAL, value=socket.AF_NETLINK, no="deny"),
        Step(code=_LOAD, value=_THIRD),
        Step(code=_IF_EQUAL, value=_NETLINK_ROUTE, yes="allow", no="deny"),
        Step(code=_LOAD, value=_FIRST, name="pair"),
        Step(code=_IF_EQUAL, value=socket.AF_UNIX, no="deny"),
        Step(code=_LOAD, value=_SECOND),
        Step(code=_AND, value=0xFFFF_FFFF ^ (socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)),
        Step(code=_IF_EQUAL, value=socket.SOCK_STREAM, yes="allow", no="deny"),
        Step(code=_RETURN, value=_ALLOW, name="allow"),
        Step(code=_RETURN, value=_DENY, name="deny"),
    )


def _assemble(*steps: Step) -> bytes:
    """The instructions as the kernel reads them: jumps count the instructions that they skip."""
    places = {step.name: place for place, step in enumerate(steps) if step.name}

    def skip(target: str | None, place: int) -> int:
        return places[target] - place - 1 if target else 0

    return b"".join(
        struct.pack("=HBBI", step.code, skip(step.yes, place), skip(step.no, place), step.value)
        for place, step in enumerate(steps)
    )


def deny_sockets() -> None:
    """Deny socket calls to this process and to all that it will start, for good. Raises OSError."""
    instructions = build_filter()
    program = _Program(length=len(instructions) // 8, filter=instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    # The kernel takes a filter from a process without privileges only when that can gain none by starting a program.
    for name, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER)):
        pointer = ctypes.byref(program) if name == _PR_SET_SECCOMP else ctypes.c_void_p()
        if libc.prctl(ctypes.c_int(name), ctypes.c_ulong(value), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
            raise OSError(ctypes.get_errno(), "the kernel took no filter for socket calls")


def check_denied() -> None:
    """Raise OSError unless there is no interface but the loopback and no socket can be made."""
    present = [name for _, name in socket.if_nameindex() if name != "lo"]
    if present:
        raise OSError(errno.ENOTUNIQ, f"there are network interfaces: {' '.join(present)}")
    made = [family.name for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX) if _can_make(family)]
    if made:
        raise OSError(errno.ENOTUNIQ, f"a socket could be made: {' '.join(made)}")


def _can_make(family: socket.AddressFamily) -> bool:
    """Whether a socket of this kind can be made. Raises OSError for any other reason than that it is denied."""
    try:
        socket.socket(family).close()
    except PermissionError:
        return False
    return True


def become(command: Sequence[str]) -> NoReturn:
    """Go on as another program. Raises OSError when it cannot be started."""
    os.execvp(command[0], list(command))  # noqa: S606 -- No shell is the point.


def main(command: Sequence[str]) -> int:
    """Become the command, without a network; returns only when that cannot be."""
    if not command:
        print(__doc__)
        return 2
    if platform.machine() != "x86_64":
        print(f"no-network: the filter knows the calls of x86_64, and this is {platform.machine()}", file=sys.stderr)
        return 2
    if command[0] == "--inside":
        # What whoever started us left open may be a socket as well, and needs no call to be one.
        os.closerange(3, _FAR)
        deny_sockets()
        check_denied()
        become(command[1:])
    unshare = shutil.which("unshare") or "unshare"
    why = _why_not(unshare)
    if why is not None:
        print(REMEDY.format(why=why), file=sys.stderr)
        return 2
    become([unshare, "-rn", "--", sys.executable, os.path.realpath(__file__), "--inside", *command])


def _why_not(unshare: str) -> str | None:
    """Why this machine makes no network namespace; None when it does."""
    try:
        done = subprocess.run([unshare, "-rn", "--", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unshare is missing; it is in Debian's util-linux"
    return None if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
