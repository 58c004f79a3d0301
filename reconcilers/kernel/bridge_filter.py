"""The module ``br_netfilter``: without it no bridge hands frames to the filtering of IP, whatever its settings say.

Loaded, it has every bridge do so, unless the namespace's defaults are turned off. So they are, where netctl loads it:
foreign bridges do as before, and those that policies need ask for it themselves.
"""

from collections.abc import Iterable, Iterator
from shutil import which

from netctl.engine.change import Change, Failure
from netctl.kinds.link import Bridge
from netctl.kinds.sysctl import Sysctl, is_bridge_setting
from netctl.system.namespaces import inside
from reconcilers.kernel.sysctls import sysctl_path, write_sysctl

MODULE = "br_netfilter"
_DEFAULTS = tuple(f"net.bridge.bridge-nf-call-{tables}" for tables in ("iptables", "ip6tables", "arptables"))
_PROGRAMS = "/usr/sbin:/sbin:/usr/bin:/bin"
_TIMEOUT = 30
_ADVICE = (
    f"load it as root (modprobe {MODULE}), and name it in a file of /etc/modules-load.d, so that it is there after a "
    "restart, too"
)


def bridges_filter() -> bool:
    """Whether bridges can hand frames to the filtering of IP."""
    return sysctl_path(_DEFAULTS[0]).exists()


def make_bridges_filter(changes: Iterable[tuple[int, Change]], netns: str) -> Iterator[tuple[int, Failure]]:
    """Load the module where a change asks for it; for each of these, by its position, why that could not be done."""
    asking = [position for position, change in changes if _asks(change)]
    if not asking or bridges_filter():
        return
    failure = _load() or _turn_defaults_off(netns)
    if failure is not None:
        yield from ((position, failure) for position in asking)


def _asks(change: Change) -> bool:
    match change.after:
        case Bridge() as bridge:
            return bool(bridge.nf_call_iptables or bridge.nf_call_ip6tables)
        case Sysctl() as setting:
            return is_bridge_setting(setting.name) and setting.value == "1"
        case _:
            return False


def _load() -> Failure | None:
    import subprocess

    program = which("modprobe", path=_PROGRAMS)
    if program is None:
        return _failure("there is no program modprobe")
    try:
        done = subprocess.run([program, MODULE], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _failure(str(error))
    return None if bridges_filter() else _failure(done.stderr.strip() or f"it ended with {done.returncode}")


def _failure(answer: str) -> Failure:
    attempted = f"load the kernel module {MODULE}, without which policies do not hold between two ports of a bridge"
    return Failure(attempted, answer, _ADVICE)


def _turn_defaults_off(netns: str) -> Failure | None:
    with inside(netns):
        failures = (write_sysctl(name, "0") for name in _DEFAULTS)
        return next((failure for failure in failures if failure is not None), None)
