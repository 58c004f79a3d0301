"""The yardsticks: the same objects made, printed and deleted by ``ip``, ``bridge`` and ``nft``.

The commands are written from the desired resources themselves, so that both sides make the same. They are in the
order that is best for the kernel (all of one kind created, then configured); marks and sysctls, which netctl sets
besides, are left out of the yardstick and not of what is measured against it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.stage import HOST, timed
from netctl.engine.resource import Desired
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FdbEntry, Neighbour
from netctl.kinds.nftables import Table
from netctl.kinds.route import Route

_GROUP = 77
Script = tuple[str, str, list[str]]
"""A tool, the namespace that it runs in, and its lines."""


def create_scripts(desired: Iterable[Desired]) -> list[Script]:
    """What makes the same objects, by tool and namespace, in order of execution."""
    phases: defaultdict[tuple[int, str, str], list[str]] = defaultdict(list)
    for want in desired:
        for phase, tool, netns, line in _lines(want.attributes):
            phases[phase, tool, netns].append(line)
    scripts: dict[tuple[int, str, str], list[str]] = {}
    for (phase, tool, netns), lines in sorted(phases.items()):
        scripts.setdefault((phase // 10, tool, netns), []).extend(lines)
    return [(tool, netns, lines) for (_, tool, netns), lines in scripts.items()]


def _lines(attributes: object) -> list[tuple[int, str, str, str]]:
    """Phase, tool, namespace and line; phases of one ten are one script."""
    match attributes:
        case Bridge(name=name, mac=mac, mtu=mtu):
            size = f" mtu {mtu}" if mtu else ""
            return [
                (0, "ip", "", f"link add {name} address {mac}{size} type bridge"),
                (5, "ip", "", f"link set {name} up"),
            ]
        case Vxlan(name=name):
            return _vxlan(attributes)
        case Veth(name=name, master=master, peer=peer, mtu=mtu):
            netns, _, other = (peer or "").rpartition("/")
            size = f" mtu {mtu}" if mtu else ""
            return [
                (2, "ip", "", f"link add {name}{size} type veth peer name {other} netns {netns}"),
                (6, "ip", "", f"link set {name} master {master} up"),
            ]
        case VethPeer(netns=netns, name=name, mac=mac, mtu=mtu):
            size = f" mtu {mtu}" if mtu else ""
            return [(10, "ip", netns, f"link set {name} address {mac}{size} up")]
        case Address(netns=netns, link=link, address=address):
            return [(11, "ip", netns, f"addr add {address} dev {link}")]
        case Neighbour(link=link, address=address, mac=mac):
            return [(12, "ip", "", f"neigh add {address} lladdr {mac} dev {link} nud permanent")]
        case FdbEntry(link=link, mac=mac, destination=destination):
            return [(20, "bridge", "", f"fdb append {mac} dev {link} dst {destination} self permanent")]
        case Route():
            return [(30, "ip", attributes.netns, _route(attributes))]
        case Table():
            return [(40, "nft", "", str(attributes))]
        case _:
            return []


def _vxlan(link: Vxlan) -> list[tuple[int, str, str, str]]:
    learning = "" if link.learning else " nolearning"
    create = (
        f"link add {link.name} address {link.mac} mtu {link.mtu} type vxlan id {link.vni} local {link.local} "
        f"dev {link.underlay} dstport {link.port}{learning}"
    )
    master = f" master {link.master}" if link.master else ""
    return [(1, "ip", "", create), (6, "ip", "", f"link set {link.name}{master} up")]


def _route(route: Route) -> str:
    via = f" via {route.gateway}" if route.gateway else ""
    dev = f" dev {route.device}" if route.device else ""
    return f"route add {route.destination}{via}{dev}{' onlink' if route.onlink else ''}"


def delete_script(desired: Iterable[Desired]) -> list[Script]:
    """What deletes the host's links, one by one."""
    links = [w.attributes.name for w in desired if isinstance(w.attributes, Bridge | Veth | Vxlan)]
    return [("ip", "", [f"link del {name}" for name in reversed(links)])]


def delete_at_once(desired: Iterable[Desired]) -> float:
    """Seconds that the kernel takes for one request to delete the host's links, which are put into a group before."""
    links = [w.attributes.name for w in desired if isinstance(w.attributes, Bridge | Veth | Vxlan)]
    run([("ip", "", [f"link set {name} group {_GROUP}" for name in links])])
    return timed("ip", "-n", HOST, "link", "delete", "group", str(_GROUP))


def run(scripts: Sequence[Script], host: str = HOST) -> float:
    """Seconds that the scripts take, each as one process; those of no other namespace run in the *host*'s."""
    seconds = 0.0
    with TemporaryDirectory() as directory:
        for tool, netns, lines in scripts:
            path = Path(directory) / "batch"
            path.write_text("\n".join([*lines, ""]))
            seconds += timed(*_command(tool, netns or host, str(path)))
    return seconds


def _command(tool: str, netns: str, path: str) -> list[str]:
    if tool == "nft":
        return ["ip", "netns", "exec", netns, "nft", "-f", path]
    return [tool, "-n", netns, "-batch", path]


def print_everything(namespaces: Sequence[str]) -> float:
    """Seconds that ``ip -d -j`` and ``bridge -d -j`` take to print what is there."""
    seconds = 0.0
    for netns in namespaces:
        for kind in ("link", "addr", "route", "neigh"):
            seconds += timed("ip", "-n", netns, "-d", "-j", kind, "show")
    return seconds + timed("bridge", "-n", HOST, "-d", "-j", "fdb", "show")
