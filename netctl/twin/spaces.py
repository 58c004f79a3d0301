"""The network namespaces of twins: their names, and how they are made, entered and removed.

A twin of the stack shop has ``twin.shop.node1`` for a host, ``twin.shop.node1.web`` for what is attached there, and one
that is called as no host can be for all between the hosts. They are found again by these names, and by nothing else.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from netctl.errors import BackendError, UsageError
from netctl.twin.children import in_children
from netctl.twin.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MS_BIND,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    enter,
    mount,
    name_host,
    unmount,
    unshare,
)

DIRECTORY = Path("/run/netns")
PREFIX = "twin"
WIRE = "_wire"
"""What is between the hosts and outside of them: no host has this name."""
LONE = "host"
"""The host of a stack that declares none."""
_LONGEST = 255
_SHOW_UP, _SET_UP, _UP = 0x8913, 0x8914, 1
"""SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of <linux/sockios.h> and <linux/if.h>."""
_FLAGS = struct.Struct("16sh14x")

Settings = Mapping[str, str]
"""Kernel parameters below ``/proc/sys/net``."""


def space(stack: str, host: str, netns: str = "") -> str:
    """The name of a host's namespace, or of one that is attached there. Raises UsageError where it gets too long."""
    name = ".".join(part for part in (PREFIX, stack, host, netns) if part)
    if len(name.encode()) > _LONGEST:
        raise UsageError(f"the name {name} has more than {_LONGEST} bytes", "Shorten one of its parts.")
    return name


def spaces_of(stack: str) -> list[str]:
    """The namespaces of a stack's twin that there are, or what is left of them."""
    return sorted(name for name in _names() if name.startswith(f"{PREFIX}.{stack}."))


def hosts_of(stack: str) -> set[str]:
    """The hosts of a stack's twin, and what is between them."""
    return {name.split(".")[2] for name in spaces_of(stack)}


def attached_on(stack: str, host: str) -> dict[str, str]:
    """What is attached on a host of a stack's twin: names of namespaces by their plain names."""
    start = f"{PREFIX}.{stack}.{host}."
    return {name.removeprefix(start): name for name in spaces_of(stack) if name.startswith(start)}


def twinned() -> set[str]:
    """The stacks of which there is a twin, or something left."""
    parts = (name.split(".", 2) for name in _names())
    return {part[1] for part in parts if len(part) == 3 and part[0] == PREFIX}


def make_spaces(settings: Mapping[str, Settings]) -> None:
    """Make namespaces of these names with these kernel parameters, ``lo`` up. Raises PrivilegeError, BackendError."""
    _share_directory()
    shares = len(os.sched_getaffinity(0))
    wanted = list(settings.items())
    tasks = [partial(_make, wanted[share::shares]) for share in range(shares)]
    for error in in_children(tasks):
        if error is not None:
            raise error


def remove_spaces(names: Iterable[str]) -> None:
    """Remove what has these names, made or half made."""
    for name in names:
        path = DIRECTORY / name
        while unmount(str(path)):
            """Until the name is an empty file's."""
        with suppress(FileNotFoundError):
            path.unlink()


def identities(names: Iterable[str]) -> set[tuple[int, int]]:
    """What tells these namespaces from all others."""
    found = set()
    for name in names:
        with suppress(FileNotFoundError):
            status = (DIRECTORY / name).stat()
            found.add((status.st_dev, status.st_ino))
    return found


def enter_host(host: str, own: str, attached: Mapping[str, str]) -> None:
    """Make this process one on a host of the twin, in the namespace called *own*.

    It gets a ``/run/netns`` of its own, with nothing in it but what is *attached* there (names by plain names), and the
    host's name. There is no way back: the process is to be one for this. Raises PrivilegeError, BackendError.
    """
    opened = {name: _open(outer) for name, outer in {"": own, **attached}.items()}
    unshare(CLONE_NEWNS | CLONE_NEWUTS)
    # Not private: what is unmounted on the machine is to go from here, too.
    mount("none", "/", MS_REC | MS_SLAVE)
    while unmount(str(DIRECTORY)):
        """What was mounted there would be kept alive by this process."""
    mount("netctl-twin", str(DIRECTORY), 0, "tmpfs", "mode=755")
    for name, descriptor in opened.items():
        if name:
            path = DIRECTORY / name
            path.touch()
            mount(f"/proc/self/fd/{descriptor}", str(path), MS_BIND)
    enter(opened[""], CLONE_NEWNET)
    name_host(host)
    for descriptor in opened.values():
        os.close(descriptor)


def enter_space(name: str) -> None:
    """Make this process one in a namespace, by the name that it has here. Raises BackendError."""
    descriptor = _open(name)
    enter(descriptor, CLONE_NEWNET)
    os.close(descriptor)


def remount_sys() -> None:
    """Have ``/sys/class/net`` show the namespace that this process is in, which must have mounts of its own."""
    while unmount("/sys"):
        """One may be mounted over another."""
    mount("sysfs", "/sys", 0, "sysfs")


def _names() -> Iterator[str]:
    with suppress(FileNotFoundError):
        yield from os.listdir(DIRECTORY)


def _share_directory() -> None:
    """As ``ip netns add`` does: what is mounted in the directory is mounted for every process of the machine."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    try:
        mount("", str(DIRECTORY), MS_SHARED | MS_REC)
    except BackendError:
        mount(str(DIRECTORY), str(DIRECTORY), MS_BIND | MS_REC)
        mount("", str(DIRECTORY), MS_SHARED | MS_REC)


def _make(wanted: Sequence[tuple[str, Settings]]) -> BackendError | None:
    try:
        for name, settings in wanted:
            path = DIRECTORY / name
            path.touch()
            unshare(CLONE_NEWNET)
            mount("/proc/thread-self/ns/net", str(path), MS_BIND)
            _bring_up_loopback()
            for parameter, value in settings.items():
                _set(parameter, value)
    except BackendError as error:
        return error
    return None


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
        name, flags = _FLAGS.unpack(fcntl.ioctl(opened, _SHOW_UP, _FLAGS.pack(b"lo", 0)))
        fcntl.ioctl(opened, _SET_UP, _FLAGS.pack(name, flags | _UP))


def _set(parameter: str, value: str) -> None:
    """A parameter of what the kernel does not have (IPv6) is left out."""
    with suppress(FileNotFoundError), open(f"/proc/sys/net/{parameter}", "wb", buffering=0) as file:
        file.write(value.encode())


def _open(name: str) -> int:
    try:
        return os.open(DIRECTORY / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BackendError(f"there is no network namespace '{name}'", "make it: netctl twin up") from None
