"""What there is to be reached in a stack."""

from typing import Any

from netctl.compiler.policies import resolve_policies
from netctl.compiler.topology import resolve
from netctl.policy.matrix import Service
from netctl.policy.model import Protocol
from netctl.twin.offers import by_service, offers_of
from tests.compiler.stacks import PLACES, stack_of

_NETWORKS = {
    "n": {
        "subnet": {"cidr": "10.0.0.0/24"},
        "attach": [
            {
                "netns": "a",
                "address": "10.0.0.5",
                "labels": {"app": "a"},
                "ports": {"http": 80, "many": "8000-8010/udp"},
            },
            {"netns": "b", "address": "10.0.0.6", "labels": {"app": "a"}},
            {"netns": "c", "address": "10.0.0.7"},
        ],
    }
}


def _offers(**declared: Any) -> list[tuple[str, Protocol, int, list[str]]]:
    stack = stack_of({"networks": _NETWORKS, **declared})
    found = offers_of(stack, resolve_policies(resolve(stack), PLACES))
    return [(offer.name, offer.service.protocol, offer.service.port, sorted(offer.destinations)) for offer in found]


def test_the_ports_of_endpoints_are_offered_of_a_range_the_first() -> None:
    assert _offers() == [("n/a", Protocol.TCP, 80, ["n/a"]), ("n/a", Protocol.UDP, 8000, ["n/a"])]


def test_each_port_of_a_service_is_one_offer_of_all_of_its_endpoints() -> None:
    service = {"port": ["443", "53/udp"], "ports": {"metrics": 9100}, "endpoints": {"labels": {"app": "a"}}}
    found = _offers(services={"web": service})
    both = ["n/a", "n/b"]
    assert found[:3] == [
        ("service web", Protocol.TCP, 443, both),
        ("service web", Protocol.TCP, 9100, both),
        ("service web", Protocol.UDP, 53, both),
    ]
    assert [name for name, *_ in found[3:]] == ["n/a", "n/a"]


def test_what_a_service_offers_is_not_offered_by_its_endpoints_again() -> None:
    service = {"port": 80, "endpoints": {"labels": {"app": "a"}}}
    assert ("n/a", Protocol.TCP, 80, ["n/a"]) not in _offers(services={"web": service})


def test_a_port_that_is_expected_of_an_endpoint_is_offered_by_it() -> None:
    expected = {"from": {"any": True}, "to": {"labels": {"app": "a"}}, "port": "icmp", "verdict": "allow"}
    assert [entry for entry in _offers(expect=[expected]) if entry[1] is Protocol.ICMP] == [
        ("n/a", Protocol.ICMP, 0, ["n/a"]),
        ("n/b", Protocol.ICMP, 0, ["n/b"]),
    ]


def test_a_service_without_endpoints_offers_nothing() -> None:
    service = {"port": 443, "endpoints": {"labels": {"app": "z"}}}
    assert all(name != "service web" for name, *_ in _offers(services={"web": service}))


def test_offers_of_one_port_are_asked_about_together() -> None:
    stack = stack_of(
        {
            "networks": _NETWORKS,
            "services": {
                "one": {"port": 443, "endpoints": ["10.0.0.5"]},
                "two": {"port": 443, "endpoints": ["10.0.0.6"]},
            },
        }
    )
    found = by_service(offers_of(stack, resolve_policies(resolve(stack), PLACES)))
    assert found[Service(Protocol.TCP, 443)] == {"n/a", "n/b"}
