"""What nftables can do here, for ``netctl doctor``."""

from collections.abc import Callable, Sequence
from pathlib import Path

from netctl.engine.facts import Facts
from netctl.engine.protocol import Capability
from netctl.errors import BackendError, PrivilegeError
from reconcilers.nftables.transport import Connection

_CAP_NET_ADMIN = 12


def capabilities(connection: Connection, facts: Callable[[], Facts]) -> Sequence[Capability]:
    """The privilege, the kernel's nf_tables, and who drops forwarded traffic."""
    found = [_privilege()]
    try:
        connection.generation()
    except PrivilegeError:
        return found
    except BackendError as error:
        return [*found, Capability("nf_tables", False, error.message, "load the kernel module: modprobe nf_tables")]
    return [*found, Capability("nf_tables", True), _forwarding(facts())]


def _privilege() -> Capability:
    status = Path("/proc/thread-self/status").read_text(encoding="ascii")
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    has = bool(int(effective, 16) >> _CAP_NET_ADMIN & 1)
    detail = "" if has else "nftables can neither be read nor changed"
    return Capability("CAP_NET_ADMIN", has, detail, "" if has else "run as root")


def _forwarding(facts: Facts) -> Capability:
    chains = ", ".join(f"{drop.family} {drop.table} {drop.chain}" for drop in facts.forward_drops)
    detail = f"another tool drops it; it is accepted for networks of ours in: {chains}" if chains else ""
    return Capability("forwarded traffic", not chains, detail, required=False)
