"""The system calls that make and enter namespaces, and that Python does not have."""

import ctypes
import errno
import os
import signal

from netctl.errors import BackendError, PrivilegeError

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x00020000, 0x04000000, 0x40000000
MS_BIND, MS_REC, MS_SLAVE, MS_SHARED = 1 << 12, 1 << 14, 1 << 19, 1 << 20
MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(kinds: int) -> None:
    """Put the process into new namespaces of these kinds. Raises PrivilegeError, BackendError."""
    _demand(_libc.unshare(kinds), "make a namespace")


def enter(descriptor: int, kind: int) -> None:
    """Put the thread into the namespace that is open. Raises PrivilegeError, BackendError."""
    _demand(_libc.setns(descriptor, kind), "enter a namespace")


def mount(source: str, target: str, flags: int, type_: str = "", options: str = "") -> None:
    """Mount something somewhere. Raises PrivilegeError, BackendError."""
    code = _libc.mount(source.encode(), target.encode(), type_.encode(), ctypes.c_ulong(flags), options.encode())
    _demand(code, f"mount {source} on {target}")


def unmount(target: str) -> bool:
    """Detach what is mounted there; False where nothing is. Raises PrivilegeError, BackendError."""
    code = _libc.umount2(target.encode(), MNT_DETACH)
    if code and ctypes.get_errno() in {errno.EINVAL, errno.ENOENT}:
        return False
    _demand(code, f"unmount {target}")
    return True


def die_with_parent(parent: int) -> None:
    """Have this process killed when the one that forked it ends, however that ends; at once where it has ended."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def name_host(name: str) -> None:
    """Give the UTS namespace its host name. Raises PrivilegeError, BackendError."""
    _demand(_libc.sethostname(name.encode(), len(name.encode())), f"be called {name}")


def _demand(code: int, attempt: str) -> None:
    if code == 0:
        return
    number = ctypes.get_errno()
    if number == errno.EPERM:
        raise PrivilegeError(f"cannot {attempt}: not permitted", "a twin is made of namespaces: run as root", "NC302")
    raise BackendError(f"cannot {attempt}: {os.strerror(number)}")
