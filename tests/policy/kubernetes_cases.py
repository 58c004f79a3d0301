"""The cases of Kubernetes' network-policy suite as stacks of netctl, and what each is to allow.

A namespace is the label ``ns``, a pod the label ``pod``; labels that a step gives to a namespace are labels of each of
its pods. The nine endpoints lie on one bridge, on a bridge for each namespace, or on an overlay with a host for each.
"""

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

from netctl.policy.model import Protocol

CASES = Path(__file__).parent / "cases" / "networkpolicy-e2e.json"

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_CIDRS = ["10.244.0.0/16", "fd00:244::/48"]
_PROTOCOLS = ("tcp", "udp", "sctp")
_PORTS = {f"serve-{port}-{protocol}": f"{port}/{protocol}" for protocol in _PROTOCOLS for port in (80, 81)}


class Layout(Enum):
    """Where the endpoints are."""

    BRIDGE = "one bridge"
    BRIDGES = "a bridge for each namespace"
    OVERLAY = "an overlay, a host for each namespace"


class Probe(NamedTuple):
    """A port, and which pods reach which others there."""

    protocol: Protocol
    port: int
    verdicts: Mapping[tuple[str, str], bool]
    """By source and destination, as ``x/a``; an endpoint to itself is not there."""


class Step(NamedTuple):
    """A state of a case: policies, and what they are to come to."""

    name: str
    """``E15.2``."""
    labels: Mapping[str, Mapping[str, Mapping[str, str]]]
    policies: tuple[Mapping[str, Any], ...]
    probes: tuple[Probe, ...]

    @property
    def families(self) -> tuple[int, ...]:
        """Those in which the verdicts hold: a prefix of one says nothing of the other."""
        return (4,) if '"cidr"' in json.dumps(self.policies) else (4, 6)


class Suite(NamedTuple):
    """All cases."""

    pods: tuple[str, ...]
    addresses: Mapping[str, Mapping[int, str]]
    """Of each pod, by family."""
    steps: tuple[Step, ...]


def read_suite(path: Path = CASES) -> Suite:
    """The suite in a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    pods = tuple(content["pods"])
    steps = (
        Step(f"{case['id']}.{number}", step["labels"], tuple(step["policies"]), tuple(_probes(step, pods)))
        for case in content["cases"]
        for number, step in enumerate(case["steps"], 1)
    )
    addresses = {pod: {4: address, 6: _ipv6(address)} for pod, address in content["ip"].items()}
    return Suite(pods, addresses, tuple(steps))


def _ipv6(address: str) -> str:
    """The IPv6 address that goes with one of 10.244.0.0/16."""
    _, _, network, host = address.split(".")
    return f"fd00:244:0:{network}::{host}"


def endpoint_names(suite: Suite, layout: Layout = Layout.BRIDGE) -> dict[str, str]:
    """The name of each pod's endpoint, as policies know it."""
    return {pod: f"{_network(pod, layout)}/{netns_of(pod)}" for pod in suite.pods}


def netns_of(pod: str) -> str:
    """The name of a pod's network namespace."""
    return pod.replace("/", "-")


def stack_text(suite: Suite, step: Step, layout: Layout = Layout.BRIDGE, netns: str = "{}") -> str:
    """The stack of a step, as JSON, which is YAML. *netns* is how it writes the name of a network namespace."""
    return json.dumps(_stack(suite, step, layout, netns), indent=1)


def _probes(step: Mapping[str, Any], pods: tuple[str, ...]) -> Iterator[Probe]:
    for probe in step["probes"]:
        cells = {
            (source, destination): cell == "."
            for source, row in zip(pods, probe["table"], strict=True)
            for destination, cell in zip(pods, row, strict=True)
            if cell != "-"
        }
        yield Probe(Protocol(probe["proto"].lower()), probe["port"], cells)


def _network(pod: str, layout: Layout) -> str:
    return f"net-{pod[0]}" if layout is Layout.BRIDGES else "pods"


def _stack(suite: Suite, step: Step, layout: Layout, netns: str) -> dict[str, Any]:
    policies = {
        f"p{number}-{policy['name'].lower()}".rstrip("-"): _policy(policy)
        for number, policy in enumerate(step.policies)
    }
    attach = {pod: _attachment(suite, step, pod, layout, netns) for pod in suite.pods}
    return {"stack": "kubernetes", **_segments(attach, layout), "policies": policies}


def _attachment(suite: Suite, step: Step, pod: str, layout: Layout, netns: str) -> dict[str, Any]:
    namespace, name = pod.split("/")
    given = {**step.labels.get("ns", {}).get(namespace, {}), **step.labels.get("pod", {}).get(pod, {})}
    return {
        "netns": netns.format(netns_of(pod)),
        "address": list(suite.addresses[pod].values()),
        "labels": {"ns": namespace, "pod": name, **given},
        "ports": _PORTS,
        **({"hosts": [f"node-{namespace}"]} if layout is Layout.OVERLAY else {}),
    }


def _segments(attach: Mapping[str, dict[str, Any]], layout: Layout) -> dict[str, Any]:
    namespaces = sorted({pod[0] for pod in attach})
    if layout is Layout.BRIDGE:
        return {"networks": {"pods": {"subnet": {"cidr": _CIDRS}, "attach": list(attach.values())}}}
    if layout is Layout.BRIDGES:
        return {
            "networks": {
                f"net-{name}": {
                    "subnet": {"cidr": [f"10.244.{number}.0/24", f"fd00:244:0:{number}::/64"]},
                    "attach": [entry for pod, entry in attach.items() if pod[0] == name],
                }
                for number, name in enumerate(namespaces, 1)
            }
        }
    hosts = {
        f"node-{name}": {"id": number, "address": f"192.0.2.{10 + number}"} for number, name in enumerate(namespaces, 1)
    }
    subnet = {"cidr": _CIDRS, "per_host": [24, 64]}
    return {"hosts": hosts, "overlays": {"pods": {"vni": 42, "subnet": subnet, "attach": list(attach.values())}}}


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    namespace = policy["ns"]
    found: dict[str, Any] = {"applies_to": _pods(policy["podSel"], {"ns": namespace})}
    for direction, key in (("ingress", "from"), ("egress", "to")):
        if policy[direction] is not None:
            found[direction] = [_rule(rule, key, namespace) for rule in policy[direction]]
    return found


def _rule(rule: Mapping[str, Any], key: str, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rule.get("peers"):
        found[key] = [_peer(peer, namespace) for peer in rule["peers"]]
    if rule.get("ports"):
        found["ports"] = [_port(port) for port in rule["ports"]]
    return found


def _peer(peer: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    if "cidr" in peer:
        holes = [str(ip_network(hole, strict=False)) for hole in peer.get("except", ())]
        cidr = str(ip_network(peer["cidr"], strict=False))
        return {"cidr": cidr, **({"except": holes} if holes else {})}
    if "nsSel" not in peer:
        return _pods(peer["podSel"], {"ns": namespace})
    return _pods(peer.get("podSel", {}), peer["nsSel"])


def _pods(pods: Mapping[str, Any], namespaces: Mapping[str, Any]) -> dict[str, Any]:
    """A selector of pods within namespaces: by labels where that says it, else by an expression."""
    selector = {_key(key): value for key, value in {**namespaces, **pods}.items()}
    if selector and all(isinstance(value, str) for value in selector.values()):
        return {"labels": selector}
    terms = [*_terms(namespaces), *_terms(pods)]
    return {"expr": " && ".join(terms) if terms else "has(ns)"}


def _terms(selector: Mapping[str, Any]) -> Iterator[str]:
    for key, value in selector.items():
        if key in {"in", "notin"}:
            operator = "in" if key == "in" else "not in"
            for label, values in value.items():
                yield f"{_key(label)} {operator} {{{', '.join(repr(text) for text in values)}}}"
        elif key in {"exists", "notexists"}:
            yield from (f"{'!' if key == 'notexists' else ''}has({_key(label)})" for label in value)
        else:
            yield f"{_key(key)} == '{value}'"


def _key(label: str) -> str:
    return "ns" if label == _NAMESPACE_NAME else label


def _port(port: Mapping[str, Any]) -> str:
    if isinstance(port.get("port"), str):
        return str(port["port"])
    protocol = port.get("proto", "TCP").lower()
    if port.get("port") is None:
        return str(protocol)
    numbers = f"{port['port']}-{port['endPort']}" if port.get("endPort") else port["port"]
    return f"{numbers}/{protocol}"
