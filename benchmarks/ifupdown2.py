"""The declarative peer: Debian's ifupdown2 on the same bridges, veth pairs and VXLAN devices."""

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.stage import HOST
from netctl.engine.resource import Desired
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Veth, Vxlan

PASSES = 3
"""It brings up the far end of a veth pair in the second only; each that it needs is counted."""


def configuration(desired: Iterable[Desired]) -> str:
    """``/etc/network/interfaces`` for the host's share of the resources. Far ends stay in the host's namespace."""
    attributes = [want.attributes for want in desired]
    addresses = {a.link: a.address for a in attributes if isinstance(a, Address) and not a.netns}
    ports: dict[str, list[str]] = {}
    for link in attributes:
        if isinstance(link, Veth | Vxlan) and link.master:
            ports.setdefault(link.master, []).append(link.name)
    stanzas = [_stanza(link, addresses, ports) for link in attributes if isinstance(link, Bridge | Veth | Vxlan)]
    return "\n\n".join([*stanzas, ""])


def _stanza(link: Bridge | Veth | Vxlan, addresses: dict[str, str], ports: dict[str, list[str]]) -> str:
    lines = [f"auto {link.name}", f"iface {link.name}"]
    match link:
        case Bridge():
            lines += [f"    bridge-ports {' '.join(ports.get(link.name, []))}", "    bridge-stp off"]
            lines += [f"    address {addresses[link.name]}"] if link.name in addresses else []
        case Veth():
            lines += ["    link-type veth", f"    veth-peer-name p{link.name[-12:]}"]
        case Vxlan():
            lines += [f"    vxlan-id {link.vni}", f"    vxlan-local-tunnelip {link.local}"]
            lines += [f"    vxlan-port {link.port}", "    bridge-learning on"]
    return "\n".join(lines)


def apply_twice(text: str) -> tuple[float, float]:
    """Seconds until what is declared is there, and seconds of one more pass, with nothing to do."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "interfaces"
        path.write_text(text)
        wanted = text.count("\niface ") + text.count("link-type veth")
        started = time.perf_counter()
        for _ in range(PASSES):
            _ifup(str(path))
            if _links_that_are_up() >= wanted:
                break
        first = time.perf_counter() - started
        if (found := _links_that_are_up()) < wanted:
            raise AssertionError(f"after {PASSES} passes of ifupdown2, {found} of {wanted} links are up")
        started = time.perf_counter()
        _ifup(str(path))
        return first, time.perf_counter() - started


def _ifup(path: str) -> None:
    """One pass. It says what it could not do on stderr and in its exit code; both are expected of the first pass."""
    command = ["ip", "netns", "exec", HOST, "ifup", "-a", "-i", path]
    subprocess.run(command, check=False, capture_output=True, env={**os.environ, "LC_ALL": "C"})


def _links_that_are_up() -> int:
    """Without the loopback and the two ends of the underlay."""
    listed = subprocess.run(["ip", "-n", HOST, "-o", "link", "show", "up"], check=True, capture_output=True, text=True)
    return listed.stdout.count("\n") - 3
