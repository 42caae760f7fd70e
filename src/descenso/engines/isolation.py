"""A network in which nobody but this process and those that it starts is: for workers that are all on one machine.

TensorFlow's server listens on all network devices, whatever address it is given, and asks nobody who they are.
"""

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000  # CLONE_NEWUSER and CLONE_NEWNET of <linux/sched.h>
GET_FLAGS, SET_FLAGS = 0x8913, 0x8914  # SIOCGIFFLAGS and SIOCSIFFLAGS of <linux/sockios.h>
UP, LOOPBACK = 0x1, 0x8  # IFF_UP and IFF_LOOPBACK of <linux/if.h>
REQUEST = "16sh22x"  # struct ifreq: name and flags


def isolate() -> bool:
    """Move this process, and those that it starts from now on, into a new network namespace of Linux.

    A user without rights needs a user namespace for it, with no user but this one. The process must have one thread.

    Returns:
        Whether it was moved. It is not on other systems, nor where the system forbids it, as in many containers.
    """
    if not sys.platform.startswith("linux"):
        return False
    tried = os.fork()  # what the system forbids half of would leave this process without any network
    if tried == 0:
        try:
            _move()
            os._exit(0)
        except BaseException:
            os._exit(1)
    if os.waitpid(tried, 0)[1] != 0:
        return False
    _move()
    return True


def isolated() -> bool:
    """Return whether no other machine can reach this process: only the loopback device is up, or none."""
    if not sys.platform.startswith("linux"):
        return False
    return all(_flags(name) & LOOPBACK or not _flags(name) & UP for _number, name in socket.if_nameindex())


def _move() -> None:
    unshare, user, group = ctypes.CDLL(None, use_errno=True).unshare, os.getuid(), os.getgid()
    if unshare(NEW_NET) != 0:
        if unshare(NEW_USER | NEW_NET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    for _number, name in socket.if_nameindex():
        if _flags(name) & LOOPBACK:
            _flags(name, SET_FLAGS, _flags(name) | UP)


def _flags(device: str, request: int = GET_FLAGS, flags: int = 0) -> int:
    """Return the flags of a network device, or set them."""
    import fcntl  # not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, request, struct.pack(REQUEST, device.encode(), flags))
    return int(struct.unpack(REQUEST, answer)[1]) & 0xFFFF
