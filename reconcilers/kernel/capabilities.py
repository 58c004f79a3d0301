"""What the kernel can do on this host, for ``netctl doctor``."""

import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from netctl.engine.protocol import Capability, Context
from netctl.errors import BackendError
from reconcilers.kernel import wire
from reconcilers.kernel.bridge_filter import MODULE, bridges_filter
from reconcilers.kernel.rtnetlink import KernelError, Request, Rtnetlink
from reconcilers.kernel.sysctls import sysctl_path

CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
_LINK_KINDS = ("bridge", "veth", "vxlan", "macvlan")
_IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_IFNAME = 18, 1, 3
_EOPNOTSUPP = 95


def effective(capability: int) -> bool:
    """Whether this process has a capability, by its bit."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def kernel_capabilities(context: Context) -> list[Capability]:
    """Privileges, kinds of device, forwarding."""
    return [*_privileges(), *_link_kinds(context), *_forwarding(), *_bridge_filter()]


def _privileges() -> Iterator[Capability]:
    advice = "run as root, or grant it: setpriv, systemd's AmbientCapabilities="
    yield Capability("CAP_NET_ADMIN", effective(CAP_NET_ADMIN), "to change the network", advice)
    yield Capability("CAP_SYS_ADMIN", effective(CAP_SYS_ADMIN), "to enter network namespaces", advice, required=False)


def _link_kinds(context: Context) -> Iterator[Capability]:
    """The kernel is asked to set a device that does not exist: an unknown kind is refused as such, a known one is not.

    Nothing is created: without NLM_F_CREATE the request can only fail.
    """
    try:
        socket = Rtnetlink(context.netns, context.timeout)
    except BackendError as error:
        yield Capability("rtnetlink", available=False, detail=error.message, advice=error.advice)
        return
    try:
        for kind in _LINK_KINDS:
            yield _link_kind(socket, kind)
    finally:
        socket.close()


def _link_kind(socket: Rtnetlink, kind: str) -> Capability:
    known = (Path("/sys/module") / kind).exists() or _modinfo(kind) or _answers(socket, kind)
    return Capability(f"{kind} devices", known, "", f"load the module: modprobe {kind}")


def _answers(socket: Rtnetlink, kind: str) -> bool:
    body = wire.IFINFO.pack(0, 0, 0, 0, 0) + wire.text(_IFLA_IFNAME, "netctl-probe")
    answer = socket.ask(
        Request(wire.RTM_NEWLINK, 0, body + wire.nested(_IFLA_LINKINFO, wire.text(_IFLA_INFO_KIND, kind)))
    )
    return isinstance(answer, KernelError) and answer.errno != _EOPNOTSUPP


def _modinfo(kind: str) -> bool:
    """Whether the module is there to be loaded, or built in."""
    base = Path("/lib/modules") / platform.release()
    with suppress(OSError):
        for listing in ("modules.builtin", "modules.dep"):
            if f"/{kind}.ko" in (base / listing).read_text():
                return True
    return False


def _bridge_filter() -> Iterator[Capability]:
    loaded = bridges_filter()
    yield Capability(
        "filtering on bridges",
        loaded or _modinfo(MODULE),
        "" if loaded else f"with the first policy that needs it, the module {MODULE} is loaded",
        f"install the module {MODULE}: policies between two ports of a bridge need it",
        required=False,
    )


def _forwarding() -> Iterator[Capability]:
    per_device = sysctl_path("net.ipv6.conf.all.force_forwarding").exists()
    detail = "for single interfaces" if per_device else "only for the whole host: net.ipv6.conf.all.forwarding"
    yield Capability(
        "IPv6 forwarding",
        sysctl_path("net.ipv6.conf.all.forwarding").exists(),
        detail,
        "boot without ipv6.disable=1",
        required=False,
    )
