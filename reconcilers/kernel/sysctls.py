"""Kernel parameters under ``/proc/sys``, read and written inside a namespace."""

from pathlib import Path

from netctl.engine.change import Failure
from netctl.system.namespaces import inside

_ROOT = Path("/proc/sys")


def sysctl_path(name: str) -> Path:
    """The file of a parameter: dots separate, a slash stands for a dot within an interface's name (``sysctl(8)``)."""
    return _ROOT.joinpath(*(part.replace("/", ".") for part in name.split(".")))


def read_sysctls(names: list[str], netns: str) -> dict[str, str]:
    """The values by name; a parameter that the kernel has not got is left out."""
    values = {}
    with inside(netns):
        for name in names:
            try:
                values[name] = sysctl_path(name).read_text().strip()
            except FileNotFoundError:
                continue
    return values


def write_sysctl(name: str, value: str) -> Failure | None:
    """Set a parameter in the calling thread's namespace; why it could not be set, or None."""
    try:
        sysctl_path(name).write_text(value)
    except OSError as error:
        return Failure(f"set {name} to {value}", error.strerror or str(error), _advice(error))
    return None


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "writing it needs root, and a writable /proc/sys (not so inside most containers)"
    return "the interface is gone, or this kernel has no such parameter" if isinstance(error, FileNotFoundError) else ""
