"""Everything about the network of a namespace, in a form in which two moments can be compared.

Left out is what changes without anybody's doing: timers, counters, remaining lifetimes, and the entries that the
kernel learns (ARP and NDP, forwarding databases). All else is as ``ip``, ``bridge`` and ``nft`` print it.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from tests.support.namespaces import call_in, run, run_in, settle

Snapshot = dict[str, Any]

_FOREVER = 0xFFFFFFFF
_TIMERS = {
    "forward_delay_timer",
    "gc_timer",
    "hello_timer",
    "hold_timer",
    "message_age_timer",
    "tcn_timer",
    "topology_change_timer",
}
_LIFETIMES = {"expires", "preferred_life_time", "valid_life_time"}
_GIVEN_ANEW = {
    "ifindex", "link_index", "operstate",
    # Of a bridge, and of its ports:
    "no", "id", "designated_port", "bridge_id", "designated_bridge", "root_id",
    # Of nftables' objects:
    "handle",
}  # fmt: skip
"""What the kernel numbers, or finds out, by itself: differently for what is made again."""
_CARRIER = {"LOWER_UP", "NO-CARRIER", "M-DOWN", "linkdown", "disabled", "listening", "learning", "forwarding"}
"""States that come and go with a carrier, a moment after a link has been made."""
_IPV4 = "/proc/sys/net/ipv4"
_SYSCTLS = (f"{_IPV4}/conf", "/proc/sys/net/ipv6/conf", "/proc/sys/net/bridge")


def snapshot(ns: str) -> Snapshot:
    """Links, addresses, routes, rules, neighbours, fdb, nftables and sysctls of *ns*, once it has come to rest."""
    settle(ns)
    links, addresses, neighbours, proxies = _ip(
        ns, "link show", "address show", "neighbour show nud permanent", "neighbour show proxy"
    )
    routes4, rules4 = _ip(ns, "route show table all", "rule show", family=4)
    routes6, rules6 = _ip(ns, "route show table all", "rule show", family=6)
    return {
        "links": links,
        "addresses": addresses,
        "routes4": _unordered(routes4),
        "routes6": _unordered(routes6),
        "rules4": rules4,
        "rules6": rules6,
        "neighbours": _unordered(neighbours),
        "proxies": _unordered(proxies),
        "fdb": _unordered(_static_fdb(ns)),
        "nftables": _ruleset(ns),
        "sysctls": _sysctls(ns),
    }


def _ip(ns: str, *commands: str, family: int = 0) -> list[Any]:
    """What ``ip`` prints for each of the commands, all in one process: a line for each."""
    of = [f"-{family}"] if family else []
    printed = run(
        ["ip", "-n", ns, *of, "-d", "-j", "-batch", "-"], stdin="\n".join(commands) + "\n"
    ).stdout.splitlines()
    assert len(printed) == len(commands), printed
    return [_without_time(json.loads(line)) for line in printed]


def _without_time(value: Any) -> Any:
    """The value without timers; a lifetime that is not endless is only known to be limited."""
    if isinstance(value, list):
        return [_without_time(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: "limited" if name in _LIFETIMES and item != _FOREVER else _without_time(item)
        for name, item in value.items()
        if name not in _TIMERS
    }


def _unordered(entries: list[Any]) -> list[Any]:
    """Sorted: the kernel lists these in the order of its hash tables, which means nothing."""
    return sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))


def _static_fdb(ns: str) -> list[Any]:
    entries = json.loads(run(["bridge", "-n", ns, "-d", "-j", "fdb", "show"]).stdout or "[]")
    return [entry for entry in entries if entry["state"] in {"permanent", "static"}]


def _ruleset(ns: str) -> Any:
    """``nft -j list ruleset`` without the program's version and with counters at zero; handles are kept.

    A table that was removed and made again has other handles, so that this shows.
    """
    objects = json.loads(run_in(ns, ["nft", "-j", "list", "ruleset"]).stdout)["nftables"]
    return [_uncounted(item) for item in objects if "metainfo" not in item]


def _uncounted(value: Any) -> Any:
    if isinstance(value, list):
        return [_uncounted(item) for item in value]
    if not isinstance(value, dict):
        return value
    volatile = {"packets": 0, "bytes": 0, "used": 0, "expires": "limited"}
    return {name: volatile.get(name, _uncounted(item)) for name, item in value.items()}


def _sysctls(ns: str) -> dict[str, bytes]:
    """By path. Read here, since ``sysctl`` looks through all of the machine's, which takes it many times as long."""
    return call_in(ns, lambda: dict(_read(_paths_of_sysctls())))


def _paths_of_sysctls() -> Iterator[str]:
    for directory in _SYSCTLS:
        for place, _, names in os.walk(directory):
            yield from (f"{place}/{name}" for name in names)
    yield from (f"{_IPV4}/{name}" for name in os.listdir(_IPV4) if name.startswith("ip_forward"))


def _read(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        # Some (a secret that was never set) cannot be read, and some go with their interface.
        with suppress(OSError), open(path, "rb", buffering=0) as file:
            yield path, file.read()


def unnumbered(found: Any) -> Any:
    """A snapshot without what the kernel numbers by itself and the state of carriers, in an order of its own: so that
    what was removed and made again compares equal.
    """
    if isinstance(found, dict):
        return {name: unnumbered(value) for name, value in found.items() if name not in _GIVEN_ANEW}
    if isinstance(found, list):
        entries = [unnumbered(value) for value in found if not (isinstance(value, str) and value in _CARRIER)]
        return sorted(entries, key=str)
    return None if isinstance(found, str) and found in _CARRIER else found
