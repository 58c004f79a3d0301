"""Policies made up by chance, in the language, over endpoints that stay: on two hosts, on networks and an overlay."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

HOSTS = {"n1": "192.0.2.11", "n2": "192.0.2.12"}
ROUTER, OUTSIDE = "192.0.2.1", "203.0.113.1"
BLOCKS = {
    "n1": ("10.10.0.0/24", "10.42.1.0/24"),
    "n2": ("10.20.0.0/24", "10.42.2.0/24"),
}
"""What is behind each host."""

_ADDRESSES = {
    "f1": ("front", "n1", "10.10.0.11", "fd00:10::11"),
    "f2": ("front", "n1", "10.10.0.12", "fd00:10::12"),
    "p1": ("pods", "n1", "10.42.1.11", "fd00:42:0:1::11"),
    "b1": ("back", "n2", "10.20.0.11", "fd00:20::11"),
    "p2": ("pods", "n2", "10.42.2.11", "fd00:42:0:2::11"),
    "p3": ("pods", "n2", "10.42.2.12", "fd00:42:0:2::12"),
}
_LABELS = {
    "f1": {"app": "web", "env": "dev"},
    "f2": {"app": "api"},
    "p1": {"app": "db", "env": "dev"},
    "b1": {"app": "web"},
    "p2": {"app": "api", "env": "prod"},
    "p3": {"app": "db", "env": "prod"},
}
_PORTS = {
    "f1": {"http": "80/tcp", "dns": "53/udp"},
    "p1": {"http": "81/tcp"},
    "b1": {"http": "80-81/tcp"},
    "p3": {"dns": "80/udp"},
}
ENDPOINTS = tuple(_ADDRESSES)
_BLOCKS: dict[str, Any] = {"subnet": {"cidr": ["10.42.0.0/16", "fd00:42::/48"], "per_host": [24, 64]}}
_SEGMENT: dict[str, Any] = {"subnet": {"cidr": ["10.42.0.0/16", "fd00:42::/48"]}}
OVERLAYS: dict[str, dict[str, Any]] = {
    "routed": {"vni": 42, **_BLOCKS},
    "bridged": {"vni": 42, "mode": "bridged", **_SEGMENT},
    "direct": {"vni": 42, "direct_routing": True, **_BLOCKS},
    "host-gw": {
        "backend": "host-gw",
        "subnet": {"cidr": "10.42.0.0/16", "per_host": 24},
    },
}
"""How the overlay may be made; IPv6 it has where it is tunnelled."""
_EXPRESSIONS = (
    "app in {'web', 'api'}",
    "app == 'db' && env != 'dev'",
    "has(env)",
    "!has(env) || env == 'prod'",
    "app not in {'web'}",
)
_CIDRS: tuple[tuple[str, list[str]], ...] = (
    ("10.0.0.0/8", ["10.42.0.0/16"]),
    ("10.10.0.0/28", []),
    ("10.42.2.12/31", []),
    ("10.42.0.0/16", ["10.42.1.8/29", "10.42.2.11/32"]),
    ("192.0.2.0/24", ["192.0.2.12/32"]),
    ("192.0.2.12/32", []),
    ("192.0.2.11/32", []),
    ("10.42.1.0/32", []),
    ("10.42.1.1/32", []),
    ("10.0.0.0/8", ["10.10.0.1/32", "10.42.0.1/32", "10.42.2.0/32"]),
    ("203.0.113.0/24", []),
    ("fd00:42::/32", ["fd00:42:0:2::/64"]),
    ("fd00:10::8/125", []),
    ("::/0", []),
    ("0.0.0.0/0", ["10.0.0.0/8"]),
)
_SERVED = (
    "80", "81", "80-85", "22", "80/udp", "50-60/udp", "80/sctp", "1-65535/tcp", "tcp", "udp", "sctp", "icmp",
    "http", "dns/udp", "http/tcp", "dns",
)  # fmt: skip
_MESSAGES = (
    {"type": 8},
    {"type": 8, "code": 0},
    {"type": 128},
    {"type": 8, "code": 1},
    {"type": 3},
)
_FAILSAFE = (
    None,
    None,
    {"ingress": ["80/tcp"], "egress": ["80/udp"]},
    {"ingress": ["22"], "egress": ["icmp"]},
)
_TIERS = ("first", "default", "default", "last")


def stack(overlay: str, random: Random | None = None) -> str:
    """A stack as JSON, which is YAML; without policies unless there is chance. ``${label}`` is a namespace."""
    spec = OVERLAYS[overlay]
    families = 1 if isinstance(spec["subnet"]["cidr"], str) else 2
    declared = {
        "stack": "shop",
        "hosts": {name: {"id": int(name[1]), "address": address} for name, address in HOSTS.items()},
        "networks": {
            "front": _network("front", "n1", "10"),
            "back": _network("back", "n2", "20"),
        },
        "overlays": {"pods": {**spec, "attach": _attached("pods", families)}},
        "services": {
            "web": {
                "endpoints": {"labels": {"app": "web"}},
                "ports": {"http": "80/tcp"},
            },
            "db": {"endpoints": [_ADDRESSES["p3"][2], _ADDRESSES["f2"][2]], "port": 80},
        },
    }
    if random is not None:
        declared |= _made_up(random)
    return json.dumps(declared, indent=1)


def _network(name: str, host: str, number: str) -> dict[str, Any]:
    cidrs = [f"10.{number}.0.0/24", f"fd00:{number}::/64"]
    return {"hosts": [host], "subnet": {"cidr": cidrs}, "attach": _attached(name)}


def _attached(network: str, families: int = 2) -> list[dict[str, Any]]:
    return [
        {
            "netns": f"${{{name}}}",
            "hosts": [host],
            "address": addresses[:families],
            "labels": _LABELS[name],
        }
        | ({"ports": _PORTS[name]} if name in _PORTS else {})
        for name, (own, host, *addresses) in _ADDRESSES.items()
        if own == network
    ]


def _made_up(random: Random) -> dict[str, Any]:
    failsafe = random.choice(_FAILSAFE)
    simple = random.random() < 0.3
    policies = {f"p{number}": _policy(random, simple=simple) for number in range(random.randint(1, 7))}
    tiers = {"first": {"order": 10}, "last": {"order": 2_000_000}}
    return {"policies": policies, "tiers": tiers} | ({"failsafe": failsafe} if failsafe else {})


def _policy(random: Random, *, simple: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"applies_to": _selectors(random)}
    if not simple:
        found |= {
            "tier": random.choice(_TIERS),
            "order": random.randint(0, 3),
            "staged": random.random() < 0.1,
        }
    for direction in random.choice((("ingress",), ("egress",), ("ingress", "egress"))):
        few = random.choice((0, 1, 2, 2, 3, 3, 12))
        found[direction] = [_rule(random, direction, simple=simple) for _ in range(few)]
    return found


def _rule(random: Random, direction: str, *, simple: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if random.random() < 0.85:
        found["from" if direction == "ingress" else "to"] = _selectors(random, peers=True)
    if random.random() < 0.7:
        found["ports"] = random.sample(_SERVED, random.randint(1, 3))
    if random.random() < 0.2:
        found["icmp"] = random.sample(_MESSAGES, random.randint(1, 2))
    if not simple:
        found["action"] = random.choices(("allow", "deny", "log", "pass"), (6, 3, 1, 2))[0]
    return found


def _selectors(random: Random, *, peers: bool = False) -> list[dict[str, Any]]:
    return [_selector(random, peers=peers) for _ in range(random.choice((1, 1, 1, 2)))]


def _selector(random: Random, *, peers: bool) -> dict[str, Any]:
    kinds: Sequence[dict[str, Any]] = (
        {"labels": dict(random.sample(sorted(_LABELS[random.choice(ENDPOINTS)].items()), 1))},
        {"labels": _LABELS[random.choice(ENDPOINTS)]},
        {"expr": random.choice(_EXPRESSIONS)},
        {"network": random.choice(("front", "back"))},
        {"overlay": "pods"},
        {"overlay": "pods", "host": random.choice(("n1", "n2"))},
        {"host": random.choice(("n1", "n2"))},
        {"service": random.choice(("web", "db"))},
        {"any": True},
    )
    if not peers or random.random() < 0.7:
        return random.choice(kinds)
    cidr, holes = random.choice(_CIDRS)
    return {"cidr": cidr} | ({"except": holes} if holes and random.random() < 0.7 else {})
